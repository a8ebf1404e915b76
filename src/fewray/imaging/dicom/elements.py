"""Read single elements of a DICOM data set, however they are written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydicom import Dataset


def text(data: Dataset, keyword: str) -> str:
    """Return the first value of an element as text; empty if there is none."""
    found = values(data.get(keyword))
    return "" if not found or found[0] is None else str(found[0]).strip(" \0")


def number(data: Dataset, keyword: str) -> int:
    """Return an element as an integer; 0 if it is missing or no number."""
    try:
        return int(text(data, keyword) or 0)
    except ValueError:
        return 0


def values(value: Any) -> list[Any]:
    """Return the values of an element; none for an empty one."""
    if value is None or value == "":
        return []
    return list(value) if not isinstance(value, str) and hasattr(value, "append") else [value]


def words(name: str) -> list[str]:
    """Return the runs of letters and digits in ``name``."""
    return re.findall(r"[^\W_]+", name)


def squashed(name: str) -> str:
    """Return the letters and digits of ``name`` alone."""
    return "".join(words(name))
