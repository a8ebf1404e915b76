"""Every code of a warning or a finding has a heading for people."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import fewray
from fewray.data.audit import pictures
from fewray.data.dicom import joins
from fewray.data.findings import LeftOut
from fewray.results.headings import HEADINGS, heading

ROOT = Path(fewray.__file__).parent
EMITTERS = {"DataWarning", "Finding", "StudyWarning", "skipped_warning", "_finding", "warn"}
"""What makes a warning; the code is its first argument, or named ``code``."""
VARIABLE = {
    "data/audit/differences.py": {"odd_sizes", "odd_shapes"},
    "data/audit/names.py": {"classes_like_patients", "one_class"},
    "data/audit/pictures.py": {*pictures.WORDS},
    "data/dicom/joins.py": {*joins.SKIPPED},
    "data/findings.py": {*LeftOut},
    "data/loading.py": {"group_regex_no_match"},
    "data/releases/layout/collect.py": {
        "other_views",
        "release_files_missing",
        "release_not_listed",
        "release_doubles",
    },
    "readers/study.py": {"unequal_real_classes", "unequal_synthetic_classes"},
    "study/warnings.py": {"simple_models_near_best_arm", "only_simple_models_beat_majority"},
}
"""By file: the codes that it takes from variables."""
PASSED_ON = {
    "data/audit/findings.py",
    "data/audit/names.py",
    "data/skipped_files.py",
    "quality/evaluate.py",
    "study/warnings.py",
}
"""Files that also make a warning from a code that they are given."""


def emitted(path: Path) -> tuple[set[str], bool]:
    """Return the codes that a file names, and whether it takes some from variables."""
    found, variable = set[str](), False
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        name = getattr(getattr(node, "func", None), "id", "")
        if not isinstance(node, ast.Call) or name not in EMITTERS:
            continue
        named = [each.value for each in node.keywords if each.arg == "code"]
        code = [*named, *node.args][0]
        if isinstance(code, ast.Constant):
            found.add(code.value)
        elif isinstance(code, ast.Name) and code.id.isupper():
            module = ".".join(("fewray", *path.relative_to(ROOT).with_suffix("").parts))
            found.add(getattr(importlib.import_module(module), code.id))
        else:
            variable = True
    return found, variable


def test_every_code_has_a_heading():
    paths = {path.relative_to(ROOT).as_posix(): path for path in ROOT.rglob("*.py")}
    del paths["generators/health.py"]  # its findings have kinds, which are not shown
    del paths["storage/timing.py"]  # writes to the terminal
    files = {name: emitted(path) for name, path in paths.items()}
    unlisted = {name for name, (_, variable) in files.items() if variable}
    assert unlisted == {*VARIABLE, *PASSED_ON}
    codes = set().union(*(found for found, _ in files.values()), *VARIABLE.values())
    assert len(codes) > 80
    assert codes == {*HEADINGS}


def test_headings_are_words():
    for code, words in HEADINGS.items():
        assert "_" not in words
        assert words == words.strip()
        assert heading(code) == words
    assert heading("of_a_later_version") == "of a later version"
