"""Read single elements of a DICOM data set, however they are written.

Short texts and integers are read from their bytes: pydicom's conversion of all elements that are
needed takes more time than parsing the file.
"""

from __future__ import annotations

import functools
import re
import struct
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.dataelem import DataElement, RawDataElement

TEXT = frozenset(["AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "PN", "SH", "TM", "UI"])
"""Value representations of texts that may hold several values."""
CHARACTER_SET = 0x00080005


@dataclass(frozen=True, kw_only=True)
class Elements:
    """Elements of one data set by their tags, as integers; ``syntax`` is the transfer syntax."""

    found: dict[int, RawDataElement | DataElement] = field(repr=False)
    syntax: str = ""
    kind: str = ""
    """MediaStorageSOPClassUID of the file meta information."""

    @classmethod
    def of(cls, data: Dataset) -> Elements:
        """Return the elements of a data set that pydicom has read."""
        meta = getattr(data, "file_meta", None) or {}
        return cls(
            found={int(each.tag): each for each in data.values()},
            syntax=str(meta.get("TransferSyntaxUID", "")),
            kind=str(meta.get("MediaStorageSOPClassUID", "")),
        )

    def text(self, keyword: str) -> str:
        """Return the first value of an element as text; empty if there is none."""
        found = self.texts(keyword)
        return found[0] if found else ""

    def number(self, keyword: str) -> int:
        """Return an element as an integer; 0 if it is missing or no number."""
        try:
            return int(self.text(keyword) or 0)
        except ValueError:
            return 0

    def texts(self, keyword: str) -> list[str]:
        """Return the values of an element as texts, without the blanks around them."""
        tag, usual = _tag(keyword)
        found = self.found.get(tag)
        if found is None:
            return []
        if getattr(found, "is_raw", False):
            kind = usual if found.VR in (None, "UN") else str(found.VR)
            if (plain := _plain(found, kind)) is not None:
                return plain
        return [str(value).strip(" \0") for value in values(self._converted(tag))]

    def has(self, keyword: str) -> bool:
        """Whether an element is there and not empty."""
        found = self.found.get(_tag(keyword)[0])
        return found is not None and bool(found.value)

    def _converted(self, tag: int) -> Any:
        from pydicom import Dataset
        from pydicom.tag import BaseTag

        needed = {key: self.found[key] for key in (CHARACTER_SET, tag) if key in self.found}
        data = Dataset({BaseTag(key): element for key, element in needed.items()})
        return data.get(BaseTag(tag))


def _plain(raw: Any, kind: str) -> list[str] | None:
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
def _tag(keyword: str) -> tuple[int, str]:
    """Return the tag of an element, and its usual value representation."""
    from pydicom.datadict import dictionary_VR
    from pydicom.tag import Tag

    tag = Tag(keyword)
    return int(tag), dictionary_VR(tag)


def tags(keywords: Iterable[str]) -> list[int]:
    """Return the tags of elements."""
    return [_tag(keyword)[0] for keyword in keywords]


def values(found: Any) -> list[Any]:
    """Return the values of an element, or of what ``Dataset.get`` returns for a tag."""
    value = getattr(found, "value", found)
    if value is None or value == "":
        return []
    many = list(value) if not isinstance(value, str) and hasattr(value, "append") else [value]
    return [each for each in many if each is not None]


def plain(name: str) -> str:
    """Return ``name`` as case, Unicode forms and accents do not change it.

    Systems write the same name in other ways: as a letter and an accent, or without the accent.
    """
    if name.isascii():
        return name.lower()
    letters = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).casefold())
    return unicodedata.normalize("NFC", "".join(c for c in letters if not unicodedata.combining(c)))


def words(name: str) -> list[str]:
    """Return the runs of letters and digits in ``name``, as :func:`plain` spells them."""
    return re.findall(r"[^\W_]+", plain(name))


def squashed(name: str) -> str:
    """Return the letters and digits of ``name`` alone, as :func:`plain` spells them."""
    return "".join(words(name))
