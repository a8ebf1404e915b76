"""Check the layers of ARCHITECTURE.md, and that files and packages stay small."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import networkx
import pytest

import fewray

ROOT = Path(fewray.__file__).parent
MAX_LINES = 300
MAX_FILES = 14

GROUND = {"errors", "config", "presets"}
BASE = {*GROUND, "storage", "compute", "imaging", "data"}
SIBLINGS = {"generators", "quality", "classify"}
LAYERS: dict[str, set[str]] = {
    "errors": set(),
    "config": {"errors"},
    "presets": {"errors", "config"},
    "storage": {"errors"},
    "results": {"errors", "config", "storage"},
    "compute": {"errors", "storage"},
    "imaging": {"errors", "config", "storage", "compute"},
    "data": {*GROUND, "storage", "compute", "imaging", "results"},
    "generators": {*BASE, "results"},
    "quality": {*BASE, "results"},
    "classify": BASE,
    "pipelines": {*BASE, "results", *SIBLINGS},
    "study": {*BASE, "results", *SIBLINGS, "pipelines"},
    "report": {*BASE, "results", *SIBLINGS, "pipelines"},
    "readers": {*BASE, "results", "pipelines", "study"},
    "api": {*BASE, "results", *SIBLINGS, "pipelines", "study", "report", "readers"},
    "": {"api"},
    "app": {*BASE, "results", *SIBLINGS, "pipelines", "report", "readers", "api", ""},
    "cli": {
        *BASE,
        "results",
        *SIBLINGS,
        "pipelines",
        "study",
        "report",
        "readers",
        "api",
        "app",
        "",
    },
}
"""The parts of fewray that each part may import; the empty name is the package itself."""

NEVER: dict[str, set[str]] = {
    "study.crossval": {"study.published"},
    "study.published": {"study.crossval"},
    "study.statistics": {"study.crossval", "study.published"},
    "readers": {"study.crossval", "study.published", "study.protocols"},
    "data.phantom": {"data.audit"},
    "quality.features": {"quality.copies"},
    "quality.copies": {"quality.features"},
    "generators.models": {"generators"},
    "compute.cuda_graph": {"compute.dask"},
}
"""What a sub-package may not import of its own part, although the part may."""

ARRAY_HELPERS = {
    *("errors", "imaging.arrays", "imaging.decode"),
    *("compute.bfloat16", "compute.device", "compute.kernels", "compute.seeds"),
}
PURE: dict[str, set[str]] = {
    "study.statistics": {*ARRAY_HELPERS, "classify.scores"},
    "quality.metrics": ARRAY_HELPERS,
    "readers.statistics": ARRAY_HELPERS,
    "classify.networks": {*ARRAY_HELPERS, "config"},
    "generators.models": ARRAY_HELPERS,
    "classify.fused": ARRAY_HELPERS,
    "classify.scores": ARRAY_HELPERS,
}
"""Networks, losses, metrics and statistics import array helpers only."""

PENDING: set[tuple[str, str]] = set()


def pending(name: str, other: str) -> bool:
    return any(within(name, a) and within(other, b) for a, b in PENDING)


def modules(root: Path = ROOT) -> dict[str, Path]:
    """Return the path of every module by its name below ``fewray``."""
    names = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return names


def imports(path: Path, known: Mapping[str, Path]) -> set[str]:
    """Return the modules of fewray that a file imports, except under ``if TYPE_CHECKING``."""
    found = set()
    for node in _outside_type_checking(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}, line {node.lineno}: relative import"
            if (node.module or "").split(".")[0] == "fewray":
                names = [f"{node.module}.{alias.name}" for alias in node.names]
                found |= {name if name[7:] in known else str(node.module) for name in names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] == "fewray"}
    return {name.partition(".")[2] for name in found}


def _outside_type_checking(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            yield from (part for other in child.orelse for part in ast.walk(other))
        else:
            yield child
            yield from _outside_type_checking(child)


def within(name: str, prefix: str) -> bool:
    """Return whether a module is ``prefix`` or lies below it."""
    return name == prefix or name.startswith(f"{prefix}.")


def violations(name: str, imported: set[str]) -> list[str]:
    """Return the rules that the imports of one module break, a sentence each."""
    part = name.partition(".")[0]
    wrong = []
    for other in sorted(imported):
        to = other.partition(".")[0]
        if to not in LAYERS[part] | {part}:
            wrong.append(
                f"{name} imports {other}: {part or 'fewray'} may not import {to or 'fewray'}"
            )
        for inner, forbidden in NEVER.items():
            # A sub-package may import itself although its part is forbidden.
            hits = [f for f in forbidden if within(other, f) and not within(other, inner)]
            if within(name, inner) and hits:
                wrong.append(f"{name} imports {other}: {inner} may not import {hits[0]}")
        for inner, allowed in PURE.items():
            own = inner if ROOT.joinpath(*inner.split(".")).is_dir() else inner.rpartition(".")[0]
            outside = within(name, inner) and not within(other, own)
            if outside and not any(within(other, helper) for helper in allowed):
                wrong.append(f"{name} imports {other}: {inner} may import array helpers only")
    return wrong


MODULES = modules()
GRAPH = {name: imports(path, MODULES) for name, path in MODULES.items()}


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the groups of modules that import each other in a circle."""
    edges = networkx.DiGraph((a, b) for a, others in graph.items() for b in others)
    groups = (c for c in networkx.strongly_connected_components(edges) if len(c) > 1)
    return sorted(map(sorted, groups))


@pytest.mark.parametrize("name", MODULES, ids=lambda name: name or "fewray")
def test_imports_follow_the_layers(name: str):
    assert not violations(name, {other for other in GRAPH[name] if not pending(name, other)})


def test_there_are_no_circles():
    assert not circles(
        {n: {other for other in found if not pending(n, other)} for n, found in GRAPH.items()}
    )


def test_packages_have_few_files():
    counts: dict[str, int] = {}
    for path in MODULES.values():
        package = str(path.parent.relative_to(ROOT))
        counts[package] = counts.get(package, 0) + (path.name != "__init__.py")
    assert not {name: n for name, n in counts.items() if n > MAX_FILES}


def test_files_are_short():
    lengths = {name: len(path.read_text().splitlines()) for name, path in MODULES.items()}
    assert not {name: n for name, n in lengths.items() if n > MAX_LINES}


def test_every_rule_names_a_part_that_exists():
    names = {*LAYERS, *NEVER, *PURE}.union(*LAYERS.values(), *NEVER.values(), *PURE.values())
    assert not names - set(MODULES)
    assert {name.partition(".")[0] for name in MODULES} == set(LAYERS)


@pytest.mark.parametrize(
    ("name", "imported"),
    [
        ("data.manifest", "generators.run"),
        ("generators.run", "quality.metrics.fid"),
        ("quality.evaluate", "classify.training"),
        ("report.page", "study.options"),
        ("study.options", "report.page"),
        ("pipelines.extractors", "study.folds"),
        ("study.crossval.run", "study.published.run"),
        ("study.published.run", "study.crossval.run"),
        ("study.statistics.power", "study.crossval.run"),
        ("study.statistics.power", "storage.files"),
        ("quality.metrics.kid", "quality.features.extractor"),
        ("quality.metrics.kid", "storage.cache"),
        ("quality.features.onnx", "quality.copies.nearest"),
        ("classify.networks", "storage.files"),
        ("generators.models.dcgan", "generators.families.dcgan"),
        ("storage.files", "compute.device"),
        ("api", "cli.main"),
    ],
)
def test_planted_imports_are_found(name: str, imported: str):
    assert violations(name, {imported})


def test_imports_are_read_from_anywhere_in_a_file(tmp_path: Path):
    path = tmp_path / "bad.py"
    path.write_text(
        "from typing import TYPE_CHECKING\n"
        "import fewray.data\n"
        "if TYPE_CHECKING:\n    from fewray.api import x\n"
        "def f():\n    from fewray.study import folds\n    from fewray.errors import InputError\n"
    )
    assert imports(path, MODULES) == {"data", "study.folds", "errors"}


def test_a_planted_circle_is_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


def test_the_package_imports_without_torch():
    code = "import sys, fewray, fewray.cli, fewray.data.manifest, fewray.imaging.decode"
    code += "; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
