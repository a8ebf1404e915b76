"""Read single elements of a DICOM data set, however they are written.

Short texts and integers are read from their bytes: pydicom's conversion of all elements that are
needed takes more time than parsing the file.
"""

from __future__ import annotations

import functools
import re
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.dataelem import RawDataElement
    from pydicom.tag import BaseTag

TEXT = frozenset(["AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "PN", "SH", "TM", "UI"])
"""Value representations of texts that may hold several values."""


def text(data: Dataset, keyword: str) -> str:
    """Return the first value of an element as text; empty if there is none."""
    found = texts(data, keyword)
    return found[0] if found else ""


def number(data: Dataset, keyword: str) -> int:
    """Return an element as an integer; 0 if it is missing or no number."""
    try:
        return int(text(data, keyword) or 0)
    except ValueError:
        return 0


def texts(data: Dataset, keyword: str) -> list[str]:
    """Return the values of an element as texts, without the blanks around them."""
    from pydicom.dataelem import RawDataElement

    tag, usual = _tag(keyword)
    found = data.get_item(tag)
    if isinstance(found, RawDataElement):
        kind = usual if found.VR in (None, "UN") else str(found.VR)
        if (plain := _plain(found, kind)) is not None:
            return plain
    return [str(value).strip(" \0") for value in values(data.get(tag)) if value is not None]


def _plain(raw: RawDataElement, kind: str) -> list[str] | None:
    """Return the values of bytes that need no character set; None for others."""
    content = raw.value or b""
    if kind == "US" and len(content) == 2:
        order = "<H" if raw.is_little_endian else ">H"
        return [str(struct.unpack(order, content)[0])]
    if kind not in TEXT or not content.isascii() or b"\x1b" in content:
        return None
    parts = content.decode("ascii").split("\\") if content else []
    return [part.strip(" \0") for part in parts]


@functools.cache
def _tag(keyword: str) -> tuple[BaseTag, str]:
    """Return the tag of an element, and its usual value representation."""
    from pydicom.datadict import dictionary_VR
    from pydicom.tag import Tag

    tag = Tag(keyword)
    return tag, dictionary_VR(tag)


def tags(keywords: tuple[str, ...]) -> list[BaseTag]:
    """Return the tags of elements."""
    return [_tag(keyword)[0] for keyword in keywords]


def values(found: Any) -> list[Any]:
    """Return the values of an element, or of what ``Dataset.get`` returns for a tag."""
    value = getattr(found, "value", found)
    if value is None or value == "":
        return []
    return list(value) if not isinstance(value, str) and hasattr(value, "append") else [value]


def words(name: str) -> list[str]:
    """Return the runs of letters and digits in ``name``."""
    return re.findall(r"[^\W_]+", name)


def squashed(name: str) -> str:
    """Return the letters and digits of ``name`` alone."""
    return "".join(words(name))
