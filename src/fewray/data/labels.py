"""What a table says of classes: cells that name none, and names that differ in nothing a reader would see."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import PurePath

from fewray.data.patients import MISSING


def label_of(cell: str, path: str) -> str:
    """Return the class that a cell names, or nothing where it names none: nan, NA, None, null, an empty cell.

    A film in a folder of that very name is of that class: somebody named it so.
    """
    label = cell.strip()
    return "" if label.lower() in MISSING and PurePath(path).parent.name != label else label


def alike_labels(classes: Iterable[str]) -> list[str]:
    """Return a warning for every set of classes whose names differ only in case or blanks."""
    found = defaultdict(list)
    for label in classes:
        found["".join(label.split()).casefold()].append(label)
    return [
        f"classes {', '.join(map(repr, names))} differ only in case or blanks: they are kept apart; if they are one, name them alike"
        for names in found.values()
        if len(names) > 1
    ]
