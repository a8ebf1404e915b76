"""Compare what a compressed image says of itself with the header of its DICOM file.

Decoders fill an array of the size in the header with the pixels of another size, if their numbers
agree: the image is scrambled then, and nothing tells.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom import Dataset

JPEG_START = b"\xff\xd8"
JPEG2000_START = b"\xff\x4f\xff\x51"
FRAMES = frozenset([*range(0xC0, 0xD0), 0xF7]) - {0xC4, 0xC8, 0xCC}
"""Markers of JPEG and JPEG-LS that begin a frame header; the others are tables."""
ALONE = frozenset([0x01, *range(0xD0, 0xD9)])
"""Markers without a segment."""
NEAR = 256
"""JPEG 2000 may begin after this many bytes, if it was written as a file of its own."""


@dataclass(frozen=True, kw_only=True)
class FrameSize:
    """What a compressed frame says of itself."""

    rows: int
    columns: int
    components: int


def mismatch(data: Dataset) -> tuple[str, str] | None:
    """Return code and reason if the compressed pixels do not fit the header.

    None also for encodings that say nothing of themselves. Raises whatever pydicom does for pixels
    that are no fragments.
    """
    from pydicom.encaps import get_frame

    if not data.file_meta.TransferSyntaxUID.is_encapsulated:
        return None
    found = frame_size(get_frame(data.PixelData, 0, number_of_frames=1))
    if found is None:
        return None
    if found.components > 1:
        return "dicom_colour", "DICOM image in colour, although its header says grey"
    if (found.rows, found.columns) == (data.Rows, data.Columns):
        return None
    size, expected = f"{found.columns}x{found.rows}", f"{data.Columns}x{data.Rows}"
    return "dicom_damaged", f"DICOM image of {size} pixels, although its header says {expected}"


def frame_size(frame: bytes) -> FrameSize | None:
    """Return the size in a frame of JPEG, JPEG-LS or JPEG 2000; None for anything else."""
    try:
        start = frame.find(JPEG2000_START, 0, NEAR)
        return _jpeg2000(frame[start:]) if start >= 0 else _jpeg(frame)
    except struct.error:  # it ends before that
        return None


def _jpeg2000(frame: bytes) -> FrameSize:
    right, low, left, top = struct.unpack_from(">4L", frame, 8)
    (components,) = struct.unpack_from(">H", frame, 40)
    return FrameSize(rows=low - top, columns=right - left, components=components)


def _jpeg(frame: bytes) -> FrameSize | None:
    place = len(JPEG_START)
    if not frame.startswith(JPEG_START):
        return None
    while True:
        mark, kind = struct.unpack_from(">BB", frame, place)
        if mark != 0xFF:
            return None
        if kind == 0xFF or kind in ALONE:  # fill bytes
            place += 1 if kind == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", frame, place + 2)
        if kind in FRAMES:
            rows, columns, components = struct.unpack_from(">HHB", frame, place + 5)
            return FrameSize(rows=rows, columns=columns, components=components) if rows else None
        place += 2 + length
