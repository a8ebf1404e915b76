"""Read the elements of a DICOM file up to its pixels, or the whole file, with pydicom.

Texts of pydicom's errors are never passed on, because they quote the values of a file.
"""

from __future__ import annotations

import io
import logging
import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from fewray.imaging.dicom.elements import Elements, tags
from fewray.imaging.unreadable import Unreadable

if TYPE_CHECKING:
    from pydicom import Dataset

SUFFIXES = (".dcm", ".dicom", ".ima")
"""Suffixes of DICOM files. Other files are recognised by their content."""
MARKER, MARKER_PLACE = b"DICM", 128
GUESSED = {
    (True, True): "1.2.840.10008.1.2",
    (False, True): "1.2.840.10008.1.2.1",
    (False, False): "1.2.840.10008.1.2.2",
}
"""Transfer syntaxes of files without one: implicit VR or not, little endian or not."""
IMPLICIT = GUESSED[True, True]
OTHERS = (GUESSED[False, False], "1.2.840.10008.1.2.1.99")
"""Big endian and deflated files."""
HEAD = 1 << 15
"""Bytes read at first. They hold the header of nearly every file."""
META_LENGTH = struct.Struct("<HH2sHL")
META_PLACE = MARKER_PLACE + len(MARKER)
SYNTAX, KIND = 0x00020010, 0x00020002
SHORTEST_START = 8
"""Bytes before the value of an element: its tag and length, and often more."""
PIXELS = frozenset([0x7FE00008, 0x7FE00009, 0x7FE00010])


def quiet() -> None:
    """Keep the log messages of pydicom to itself: they quote the values of damaged files."""
    logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM by its content, or by its suffix. Raises OSError."""
    if path.suffix.lower() in SUFFIXES:
        return True
    with path.open("rb") as stream:
        return has_marker(stream.read(META_PLACE))


def has_marker(content: bytes) -> bool:
    """Whether ``content`` starts as a DICOM file does."""
    return content[MARKER_PLACE:META_PLACE] == MARKER


def read_elements(path: Path, keywords: Sequence[str]) -> tuple[Elements, int] | None:
    """Return the named elements before the pixels, and the number of bytes after them.

    None if the file is not DICOM. Raises Unreadable for a damaged file, and OSError.
    """
    quiet()
    with path.open("rb", buffering=0) as stream:
        head = stream.read(HEAD)
        named = path.suffix.lower() in SUFFIXES
        if not named and not has_marker(head):
            return None
        size = os.fstat(stream.fileno()).st_size
        try:
            if (found := _from_head(head, tags(keywords))) is not None:
                elements, end = found
                return elements, size - end
            stream.seek(0)
            with io.BufferedReader(stream) as whole:
                return _any(whole, size, keywords, force=named)
        except Exception as error:  # pydicom raises whatever a damaged file leads it to
            raise damaged(path, type(error).__name__) from None


def _from_head(head: bytes, needed: Sequence[int]) -> tuple[Elements, int] | None:
    """Return what :func:`_usual` does; None also if ``head`` ends within a sequence."""
    try:
        return _usual(head, needed)
    except Exception:  # pydicom raises whatever a cut sequence or a damaged file leads it to
        return None


def _usual(head: bytes, needed: Sequence[int]) -> tuple[Elements, int] | None:
    """Return the elements of a file in little endian, and where its pixels begin.

    None for any other file, and for one whose pixels do not begin within ``head``. This does what
    ``dcmread`` does, without the objects that it makes: that takes half of its time.
    """
    from pydicom.filereader import data_element_generator as elements_of

    if not has_marker(head) or len(head) < META_PLACE + META_LENGTH.size:
        return None
    group, element, vr, length, size = META_LENGTH.unpack_from(head, META_PLACE)
    end = META_PLACE + META_LENGTH.size + size
    if (group, element, vr, length) != (2, 0, b"UL", 4) or len(head) < end + 6:
        return None
    meta = io.BytesIO(head[META_PLACE:end])
    named = {int(e.tag): e for e in elements_of(meta, False, True, specific_tags=[SYNTAX, KIND])}
    about = Elements(found=named)
    syntax = about.text("TransferSyntaxUID")
    first = head[end + 4 : end + 6]
    implicit = not (first.isalpha() and first.isupper())
    if not syntax.startswith("1.2.840.10008.1.2") or syntax in OTHERS:
        return None
    if implicit != (syntax == IMPLICIT) or head[end : end + 2] < b"\x04":
        return None
    stream, pixels = io.BytesIO(head), 0

    def at_pixels(tag: Any, vr: str | None, length: int) -> bool:
        nonlocal pixels
        pixels = stream.tell() if tag in PIXELS else 0
        return bool(pixels)

    stream.seek(end)
    found = {
        int(each.tag): each
        for each in elements_of(stream, implicit, True, at_pixels, specific_tags=[*needed])
    }
    kind = about.text("MediaStorageSOPClassUID")
    return (Elements(found=found, syntax=syntax, kind=kind), pixels) if pixels else None


def _any(
    stream: BinaryIO, size: int, keywords: Sequence[str], *, force: bool
) -> tuple[Elements, int]:
    from pydicom import dcmread

    needed: list[Any] = [*tags(keywords)]
    data = dcmread(stream, stop_before_pixels=True, force=force, specific_tags=needed)
    return Elements.of(data), size - stream.tell() - SHORTEST_START


def read_dataset(content: bytes, path: Path) -> Dataset:
    """Return the whole file as a pydicom data set. Raises Unreadable for a damaged file."""
    from pydicom import dcmread
    from pydicom.uid import UID

    quiet()
    try:
        data = dcmread(io.BytesIO(content), force=path.suffix.lower() in SUFFIXES)
        if "TransferSyntaxUID" not in data.file_meta:  # pydicom has guessed it
            implicit, little = data.original_encoding
            data.file_meta.TransferSyntaxUID = UID(GUESSED[bool(implicit), bool(little)])
        return data
    except Exception as error:
        raise damaged(path, type(error).__name__) from None


def damaged(path: Path, why: str) -> Unreadable:
    """Return the error for a file that cannot be read."""
    return Unreadable(path, f"DICOM file that cannot be read ({why})", "dicom_damaged")
