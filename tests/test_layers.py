"""Arrows of the house go one way: which part of fewray may import which."""

import ast
from pathlib import Path

import pytest

import fewray

ROOT = Path(fewray.__file__).parent
GROUND = {
    "errors",
    "config",
    "presets",
    "device",
    "runs",
    "cache",
    "images",
    "augment",
    "workers",
    "parcels",
    "tokens",
    "remote",
    "cluster",
    "executors",
    "cuda_graph",
}
MAY_IMPORT = {
    "errors": set(),
    "config": {"errors"},
    "presets": {"errors", "config"},
    "device": {"errors"},
    "runs": {"errors"},
    "cache": set(),
    "images": {"errors", "config", "runs", "device", "cache"},
    "augment": {"errors", "config", "device", "images"},
    "parcels": {"runs"},
    "remote": {"errors", "device", "runs", "parcels"},
    "executors": {"errors"},
    "tokens": {"runs"},
    "cluster": {"errors", "runs", "parcels", "remote", "executors", "tokens"},
    "cuda_graph": {"errors", "device"},
    "workers": {"errors", "device", "cluster", "executors", "cuda_graph"},
    "data": GROUND,
    "gan": {*GROUND, "data"},
    "quality": {*GROUND, "data"},
    "classify": {*GROUND, "data"},
    "study": {*GROUND, "data", "gan", "quality", "classify"},
    "report": {*GROUND, "data", "gan", "quality", "classify"},
    "api": {*GROUND, "data", "gan", "quality", "classify", "study", "report"},
    "bench": {*GROUND, "data", "gan", "quality", "classify", "api"},
    "cli": {*GROUND, "data", "gan", "quality", "classify", "study", "report", "api", "bench", ""},
    "": {"api"},
}
MODULES = sorted(ROOT.rglob("*.py"))


def room(path: Path) -> str:
    """Return the part a module belongs to; the package's own ``__init__`` is the empty name."""
    first = path.relative_to(ROOT).parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


def imports(path: Path) -> set[str]:
    """Return the parts of fewray that a module imports anywhere in its text, those for type checking left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    names: set[str] = set()
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.ImportFrom)
            and node.module
            and node.module.split(".")[0] == "fewray"
        ):
            parts = node.module.split(".")[1:]
            names |= {parts[0]} if parts else {a.name if (ROOT / a.name).exists() or
                                               (ROOT / f"{a.name}.py").exists() else "" for a in node.names}  # fmt: skip
        elif isinstance(node, ast.Import):
            names |= {a.name.split(".")[1] for a in node.names if a.name.startswith("fewray.")}
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path: Path):
    here = room(path)
    unexpected = imports(path) - MAY_IMPORT[here] - {here}
    assert not unexpected, f"{path.name} in {here} imports {unexpected}"


def test_a_planted_import_is_found(tmp_path: Path):
    path = tmp_path / "bad.py"
    path.write_text("def f():\n    from fewray.study import plan\n")
    assert imports(path) == {"study"}


def test_the_package_imports_without_torch():
    import subprocess
    import sys

    code = "import sys, fewray, fewray.cli, fewray.data.manifest, fewray.imaging.decode; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_files_stay_readable():
    long = {
        str(path.relative_to(ROOT)): n
        for path in MODULES
        if (n := len(path.read_text().splitlines())) > 300
    }
    assert not long
