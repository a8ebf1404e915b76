"""What a class's folder says of its training: the log, ``stats.jsonl``, a row an epoch, and ``options.json``."""

from __future__ import annotations

from numbers import Real
from pathlib import Path
from typing import Any

from fewray.errors import InputError
from fewray.storage.files import read_jsonl, read_object

LOG = "stats.jsonl"
TEXTS = ("extractor",)


def read_log(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of the training in ``folder``; none where there is no log.

    InputError names a row that counts no epochs, or one with a figure that is no number (null where it had no value).
    """
    rows = read_jsonl(folder / LOG)
    for number, row in enumerate(rows, start=1):
        if found := _fault(row):
            raise InputError(
                f"{folder / LOG}, line {number}: {found}; remove the line, or the folder and train again"
            )
    return rows


def trained_with(folder: Path) -> dict[str, Any]:
    """Return what ``options.json`` of a class's generator says of its training: precision, threads, device."""
    path = folder / "options.json"
    try:
        said = read_object(path) if path.exists() else {}
    except InputError:
        return {}
    return {name: said[name] for name in ("precision", "threads", "device") if name in said}


def _fault(row: dict[str, Any]) -> str:
    if type(row.get("epoch")) is not int:
        return f"epoch {row.get('epoch')!r:.40}; a whole number is wanted"
    for name, value in row.items():
        if not (value is None or isinstance(value, str if name in TEXTS else Real)):
            return f"{name} {value!r:.40}; a number is wanted"
    return ""
