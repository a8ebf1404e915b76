"""The hash of a rule ignores wording and sees code; results made by other code are named."""

from pathlib import Path

import pytest

from experiments import provenance
from fewray.storage.files import write_json

CODE = """import os
X = 1

def f(x):
    return x + X
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    (tmp_path / "rule.py").write_text(CODE)
    return tmp_path


@pytest.mark.parametrize(
    "changed",
    [
        '"""Docstring."""\n' + CODE.replace("def f(x):", 'def f(x):\n    """Add."""'),
        CODE.replace("X = 1", 'X = 1  # one\n"""The text of X."""'),
        CODE.replace("x + X", "(\n        x + X\n    )"),
        CODE.replace("import os", "import sys\nfrom os import path"),
    ],
)
def test_wording_formatting_and_imports_keep_the_hash(root: Path, changed: str):
    before = provenance.rule_hash(["rule.py"])
    (root / "rule.py").write_text(changed)
    assert provenance.rule_hash(["rule.py"]) == before


@pytest.mark.parametrize(
    ("old", "new"), [("x + X", "x - X"), ("X = 1", "X = 2"), ("def f", "def g")]
)
def test_changed_code_changes_the_hash(root: Path, old: str, new: str):
    before = provenance.rule_hash(["rule.py"])
    (root / "rule.py").write_text(CODE.replace(old, new))
    assert provenance.rule_hash(["rule.py"]) != before


def test_a_folder_stands_for_all_its_python_files(root: Path):
    (root / "inner").mkdir()
    (root / "inner" / "other.py").write_text("Y = 1")
    before = provenance.rule_hash(["."])
    (root / "inner" / "other.py").write_text("Y = 2")
    assert provenance.rule_hash(["."]) != before


def test_stale_results_are_named_with_the_reason(root: Path):
    results = root / "results"
    (results / "study").mkdir(parents=True)
    record = provenance.made_by("rule.py")
    write_json(results / "fresh.json", {"made_by": record, "value": 1})
    write_json(results / "none.json", [1, 2])
    assert provenance.stale_results(results) == []
    write_json(results / "study" / "made_by.json", record | {"rule": None})
    write_json(results / "parts.json", {"power": {"made_by": record | {"rule": "0" * 16}}})
    write_json(results / "moved.json", {"made_by": record | {"sources": ["gone.py"]}})
    assert provenance.stale_results(results) == [
        "moved.json: made by version 0.1.0; some of its sources have moved",
        "parts.json, power: made by version 0.1.0; the rule has changed since",
        "study/made_by.json: made by version 0.1.0; the code that made it is not known",
    ]
