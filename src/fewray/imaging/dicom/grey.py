"""Turn the stored values of a DICOM image into grey levels of 8 bits.

Stored values pass the modality LUT or rescale, then the VOI LUT or the first window, both as
pydicom applies them (DICOM PS3.3, C.11.1 and C.11.2). What is black and what is white follows from
the header alone: the window, or the full range of BitsStored after the modality transform. No pixel
decides it, so that neither padding nor a marker does. MONOCHROME1 is inverted, unless the
Presentation LUT Shape contradicts it. Padding is black.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from fewray.imaging.depth import OUTLIERS, GreyRange, PixelScale
from fewray.imaging.dicom.codestream import mismatch
from fewray.imaging.dicom.elements import Elements, values
from fewray.imaging.dicom.header import FUNCTIONS, has_window, is_inverted
from fewray.imaging.dicom.reading import read_dataset
from fewray.imaging.dicom.refusals import refusal
from fewray.imaging.dicom.stored import stored_values
from fewray.imaging.unreadable import Unreadable

if TYPE_CHECKING:
    from pydicom import Dataset

BLOCK = 64
"""Rows of pixels looked up at a time: the indices, 8 bytes each, stay in the processor's cache."""
SQUARE = 0.01
"""Pixels whose height and width differ by more than this share are made square."""
WIDEST = 4
"""Larger ratios of height to width are errors of the header, and ignored."""
NARROW = 64
"""Images that use at most this many of the 256 grey levels are nearly black, white or grey."""


@dataclass(frozen=True, kw_only=True, eq=False)
class DicomImage:
    """One decoded DICOM image: stored values (H, W), and grey tables over all stored values."""

    stored: np.ndarray
    lowest: int
    """The stored value of the first entry of the tables."""
    plain: np.ndarray
    """uint8 (2^BitsStored,): grey levels by the full range of BitsStored."""
    windowed: np.ndarray | None
    """The same by the VOI LUT or window; None if the file has none that can be used."""
    padding: np.ndarray
    """bool: which of the stored values are padding."""
    excess_bits: bool = False
    """Whether bits above BitsStored were set. They are no part of the values and left out."""
    height_by_width: float = 1.0
    """Height of a pixel divided by its width."""

    is_deep = True
    """The grey levels depend on the data set, like those of images of more than 8 bits."""

    def grey_range(self) -> GreyRange:
        """Return the range of the stored values, and whether there is a window."""
        return GreyRange.of(self.stored, dicom_window=self.windowed is not None)

    def scaled(self, scale: PixelScale) -> np.ndarray | None:
        """Return uint8 (H, W); None if ``scale`` does not say how DICOM images are read."""
        if scale.dicom_window is None:
            return None
        table = self._levels(scale)
        grey = np.empty(self.stored.shape, np.uint8)
        for top in range(0, len(grey), BLOCK):
            index = self.stored[top : top + BLOCK]
            if self.lowest:
                index = np.subtract(index, self.lowest, dtype=np.int32)
            table.take(index, mode="clip", out=grey[top : top + BLOCK])
        return _square_pixels(grey, self.height_by_width)

    def _levels(self, scale: PixelScale) -> np.ndarray:
        """Return the table that is used with ``scale``."""
        return self.windowed if scale.dicom_window and self.windowed is not None else self.plain

    def is_narrow(self, scale: PixelScale) -> bool:
        """Whether the pixels use at most a quarter of the grey levels with ``scale``.

        Writers that declare 12-bit values as 16 bits, or 8-bit values as 12 bits, do this. The
        image is nearly black (MONOCHROME2) or white (MONOCHROME1), without a window, or with one
        that covers the declared range. Padding and outliers do not count, and images of one stored
        value are no such images.
        """
        counts = np.bincount(self.stored.ravel().astype(np.int64) - self.lowest)
        used = counts[: len(self.plain)] * ~self.padding[: len(counts)]
        share = np.cumsum(used) / max(1, used.sum())
        low, high = np.searchsorted(share, [OUTLIERS, 1 - OUTLIERS])
        shown = self._levels(scale)[low : high + 1][used[low : high + 1] > 0]
        return bool(low < high) and int(np.ptp(shown)) <= NARROW

    def grey(self, scale: PixelScale) -> np.ndarray:
        """Return uint8 (H, W), by the image's own window if ``scale`` does not cover DICOM."""
        if (grey := self.scaled(scale)) is None:
            grey = self.scaled(PixelScale(dicom_window=True))
        assert grey is not None
        return grey


def read_dicom(content: bytes, path: Path) -> DicomImage:
    """Decode a DICOM file without choosing its scale. Raises Unreadable with code and reason."""
    data = read_dataset(content, path)
    left = len(data.get("PixelData") or b"")
    elements = Elements.of(data)
    if found := refusal(elements, elements.text("SOPClassUID"), left):
        raise Unreadable(path, found[1], found[0])
    try:
        data.PhotometricInterpretation = elements.text("PhotometricInterpretation").upper()
        data.SamplesPerPixel = data.NumberOfFrames = 1  # or left out: others are refused above
        if other := mismatch(data):
            raise Unreadable(path, other[1], other[0])
        stored, excess_bits = stored_values(data)
        lowest, plain, windowed, padding = _tables(data, elements)
    except Unreadable:
        raise
    except Exception as error:  # whatever a damaged file or a missing decoder leads to
        raise Unreadable(path, _undecoded(data, error), "dicom_damaged") from None
    if stored.ndim != 2:
        raise Unreadable(
            path, "DICOM image with more than one grey value per pixel", "dicom_colour"
        )
    return DicomImage(
        stored=stored,
        lowest=lowest,
        plain=plain,
        windowed=windowed,
        padding=padding,
        excess_bits=excess_bits,
        height_by_width=_height_by_width(data),
    )


def _undecoded(data: Dataset, error: Exception) -> str:
    syntax = getattr(data.file_meta, "TransferSyntaxUID", None)
    name = syntax.name if syntax is not None and syntax.is_transfer_syntax else "unknown encoding"
    return f"DICOM pixels that cannot be decoded ({name}: {type(error).__name__})"


def _tables(
    data: Dataset, elements: Elements
) -> tuple[int, np.ndarray, np.ndarray | None, np.ndarray]:
    """Return the lowest stored value, grey levels by BitsStored and by the window, and padding.

    Levels and padding are tables over all stored values.
    """
    from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

    bits, signed = elements.number("BitsStored"), elements.number("PixelRepresentation") == 1
    lowest = -(1 << (bits - 1)) if signed else 0
    every = np.arange(lowest, lowest + (1 << bits), dtype=np.int32)
    incomplete = data.get("RescaleSlope") is None or data.get("RescaleIntercept") is None
    if incomplete or data.get("ModalityLUTSequence"):  # a rescale is invalid beside a LUT
        for keyword in ("RescaleSlope", "RescaleIntercept"):
            data.pop(keyword, None)
    if data.get("ModalityLUTSequence"):
        full_range, ends = _readable(data.ModalityLUTSequence[0], lowest), (0.0, 65535.0)
        values_of = apply_modality_lut(every, data)
    else:
        values_of = apply_modality_lut(every, data)
        ends = float(values_of[0]), float(values_of[-1])
        full_range = min(ends), max(ends)
    inverted = is_inverted(elements)
    padding = _padding(data, every)

    def levels(found: np.ndarray, black: float, white: float) -> np.ndarray:
        share = (found.astype(np.float64) - black) / ((white - black) or 1)
        grey = np.clip(np.round(share * 255), 0, 255).astype(np.uint8)
        grey = 255 - grey if inverted else grey
        grey[padding] = 0
        return grey

    plain = levels(values_of, *full_range)
    if not has_window(elements):
        return lowest, plain, None, padding
    whole = np.round(values_of)
    given = whole.astype(np.int32) if np.array_equal(whole, values_of) else values_of
    if data.get("VOILUTSequence"):
        ends = _readable(data.VOILUTSequence[0], float(given.min()))
    if elements.text("VOILUTFunction").upper() not in FUNCTIONS:
        data.VOILUTFunction = FUNCTIONS[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a VOI LUT on values that are no integers
        shown = apply_voi_lut(given, data)
    return lowest, plain, levels(shown, *ends), padding


def _readable(table: Dataset, lowest: float) -> tuple[float, float]:
    """Write a LUT for inputs from ``lowest`` so that pydicom reads it, and return its range.

    pydicom 3.0 refuses modality LUTs of 10 to 14 bits, and takes the index into a VOI LUT of 8 bits
    modulo 256: the entries are declared as 16 bits. Many writers store a negative first input as an
    unsigned number, and entries of 8 bits as bytes (PS3.3, C.11.1.1).
    """
    entries, first, bits = (int(each) for each in table.LUTDescriptor)
    entries = entries % (1 << 16) or 1 << 16
    first -= 1 << 16 if lowest < 0 and first >= 1 << 15 else 0
    table.add_new("LUTDescriptor", "SL", [entries, first, 16])
    content = table.LUTData
    if bits == 8 and isinstance(content, bytes) and len(content) < 2 * entries:
        table.add_new("LUTData", "US", list(content[:entries]))
    return 0.0, 2.0**bits - 1


def _padding(data: Dataset, every: np.ndarray) -> np.ndarray:
    """Return bool: which of the stored values ``every`` are padding.

    A negative value may be written as an unsigned number.
    """
    ends = [
        int(found[0])
        for keyword in ("PixelPaddingValue", "PixelPaddingRangeLimit")
        if (found := values(data.get(keyword))) and isinstance(found[0], int)
    ]
    if not ends or data.get("PixelPaddingValue") is None:
        return np.zeros(len(every), bool)
    if every[0] < 0:
        size = 1 << int(data.BitsAllocated)
        ends = [end - size if end >= size // 2 else end for end in ends]
    return (every >= min(ends)) & (every <= max(ends))


def _height_by_width(data: Dataset) -> float:
    for keyword in ("PixelAspectRatio", "PixelSpacing", "ImagerPixelSpacing"):
        try:
            height, width = (float(each) for each in values(data.get(keyword)))
            ratio = height / width
        except (TypeError, ValueError, ZeroDivisionError):
            continue
        return ratio if 1 / WIDEST <= ratio <= WIDEST else 1.0
    return 1.0


def _square_pixels(grey: np.ndarray, ratio: float) -> np.ndarray:
    if abs(ratio - 1) <= SQUARE:
        return grey
    height, width = grey.shape
    size = (width, round(height * ratio)) if ratio > 1 else (round(width / ratio), height)
    return np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BICUBIC))
