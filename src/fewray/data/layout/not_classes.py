"""The error for folders that are no classes, with the tables that may hold the labels instead."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fewray.errors import InputError

TABLES = (".csv", ".tsv", ".txt", ".xlsx", ".xls", ".ods", ".parquet")
SHOWN = 3
"""How many tables an error names."""


def not_classes(place: Path, what: str, kind: str, files: Iterable[Path]) -> InputError:
    """Return the error ``not_classes``: the folders in ``place`` are patients, parts or images.

    ``what`` says so, and what to do. ``files`` are those beside the folders: the tables among them
    are named.
    """
    tables = [path.name for path in files if path.suffix.lower() in TABLES]
    found = f" Tables found here: {', '.join(tables[:SHOWN])}." if tables else ""
    return InputError(
        "not_classes", f"{place}: {what}.{found}", folder=str(place), kind=kind, tables=tables
    )
