"""Record which code made a committed result, and find the results whose code has changed since.

`python -m experiments.provenance FOLDER SOURCE...` writes FOLDER/made_by.json.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from fewray import __version__
from fewray.storage.files import read_json, write_json

ROOT = Path(__file__).parents[1]
MADE_BY = "made_by"


def rule_hash(paths: Iterable[str | Path]) -> str:
    """Return 16 hex digits that identify the code in these Python files or folders.

    Docstrings, comments, formatting and imports do not count, nor does the version of Python.
    """
    digest = hashlib.sha256()
    for path in _files(paths):
        digest.update(f"{path.relative_to(ROOT).as_posix()}\n".encode())
        digest.update(repr(_code(ast.parse(path.read_text(encoding="utf-8")))).encode())
    return digest.hexdigest()[:16]


def made_by(*paths: str) -> dict[str, Any]:
    """Return the record to store in a result: the package version, the rule's hash and sources."""
    return {"version": __version__, "rule": rule_hash(paths), "sources": list(paths)}


def stale_results(folder: Path) -> list[str]:
    """Return one line for each result in ``folder`` whose rule is unknown or has changed since."""
    found = []
    for path in sorted(folder.rglob("*.json")):
        for part, record in _records(read_json(path), path.stem):
            if record["rule"] is None:
                reason = "the code that made it is not known"
            elif any(not (ROOT / source).exists() for source in record["sources"]):
                reason = "some of its sources have moved"
            elif rule_hash(record["sources"]) != record["rule"]:
                reason = "the rule has changed since"
            else:
                continue
            name = path.relative_to(folder).as_posix()
            where = name if part in (path.stem, MADE_BY) else f"{name}, {part}"
            found.append(f"{where}: made by version {record['version']}; {reason}")
    return found


def _files(paths: Iterable[str | Path]) -> list[Path]:
    found = set[Path]()
    for path in paths:
        full = ROOT / path
        found |= set(full.rglob("*.py")) if full.is_dir() else {full}
    return sorted(found)


def _records(value: Any, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every ``made_by`` record with the name of the part that holds it."""
    if name == MADE_BY and isinstance(value, dict) and "rule" in value:
        yield name, value
    elif isinstance(value, dict):
        for key, part in value.items():
            if key == MADE_BY and isinstance(part, dict) and "rule" in part:
                yield name, part
            else:
                yield from _records(part, key)


def _code(node: Any) -> Any:
    """Return the structure of a syntax tree without docstrings, imports and positions."""
    if isinstance(node, ast.AST):
        fields = ((name, _code(value)) for name, value in ast.iter_fields(node))
        return [type(node).__name__, *((name, value) for name, value in fields if value)]
    if isinstance(node, list):
        return [_code(item) for item in node if not _ignored(item)]
    return "" if node is None else repr(node)


def _ignored(node: Any) -> bool:
    """Return whether a node is an import or a string on its own, such as a docstring."""
    text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return isinstance(node, ast.Import | ast.ImportFrom) or (
        text and isinstance(node.value.value, str)
    )


if __name__ == "__main__":
    write_json(Path(sys.argv[1]) / f"{MADE_BY}.json", made_by(*sys.argv[2:]))
