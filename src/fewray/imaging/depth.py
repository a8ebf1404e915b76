"""Decide how grey levels of more than 8 bits map to 0 to 255: one mapping per data set.

Integer images: the smallest of 8, 10, 12, 14 and 16 bits that holds the levels of every file. A
file that declares its own depth (see :func:`declared_bits`) keeps it. Float images: 0 to 1, else -1
to 1, else a bit depth as for integers. In each file, the darkest and the brightest 0.4% of the
pixels do not count, so that a burnt-in letter decides nothing. DICOM files say themselves what is
black and white (:mod:`fewray.imaging.dicom.grey`): by their windows if every file of the data set
has one, else by BitsStored.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from fewray.errors import InputError

BITS = (8, 10, 12, 14, 16)
OUTLIERS = 0.004
"""Share of an image's pixels ignored at each end: two in a thousand is a small burnt-in letter."""
TOLERANCE = 0.1
"""How far float levels may lie outside 0 to 1 or -1 to 1, as interpolation leaves them. They are
clipped."""
SMALLEST_FLOAT_TOP = 64
"""Float images whose brightest level lies between 1 and this fit no known range, such as
z-scores."""
DICOM_SCALES = {
    True: ("window", "the VOI LUT or window of each file"),
    False: ("bits", "the full range of BitsStored"),
}
"""The two ways to read DICOM files: part of cache keys, and in words."""
TIFF_BITS, TIFF_MAXIMUM = 258, 281


@dataclass(frozen=True, kw_only=True)
class GreyRange:
    """The grey levels of one file: minimum, maximum, and both without the outliers."""

    floating: bool
    low: float
    high: float
    minimum: float
    maximum: float
    declared_bits: int = 0
    """The depth that the file itself declares; 0 for none."""
    dicom_window: bool | None = None
    """Whether a DICOM file has a VOI LUT or window; None for other files."""

    @classmethod
    def of(
        cls, values: np.ndarray, declared: int = 0, *, dicom_window: bool | None = None
    ) -> GreyRange:
        """Return the range of one image's grey levels (H, W)."""
        flat = values.ravel()
        ignored = int(OUTLIERS * len(flat))
        low, high = np.partition(flat, (ignored, -1 - ignored))[[ignored, -1 - ignored]].tolist()
        return cls(
            floating=values.dtype.kind == "f",
            low=low,
            high=high,
            minimum=float(flat.min()),
            maximum=float(flat.max()),
            declared_bits=declared,
            dicom_window=dicom_window,
        )

    def outside(self, bounds: tuple[float, float]) -> bool:
        """Whether some pixels lie clearly outside ``bounds``, where they are clipped."""
        slack = TOLERANCE if self.floating else 0
        return self.minimum < bounds[0] - slack or self.maximum > bounds[1] + slack


@dataclass(frozen=True, kw_only=True)
class PixelScale:
    """The grey levels shown as black and white in one data set; None where it has no such files.

    8-bit images are never rescaled.
    """

    integers: tuple[float, float] | None = None
    floats: tuple[float, float] | None = None
    dicom_window: bool | None = None
    """DICOM files: whether the VOI LUT or window of each file is used, or the full range of its
    BitsStored."""

    def bounds(self, *, floating: bool, declared: int = 0) -> tuple[float, float] | None:
        """Return the levels shown as black and white, or None if they are not known."""
        if declared:
            return 0, 2**declared - 1
        return self.floats if floating else self.integers

    def merged(self, other: PixelScale) -> PixelScale:
        """Return this scale, completed by ``other``."""
        return PixelScale(
            integers=self.integers or other.integers,
            floats=self.floats or other.floats,
            dicom_window=other.dicom_window if self.dicom_window is None else self.dicom_window,
        )

    def key(self) -> str:
        """Return a text that is part of cache keys; empty for a data set of 8-bit images only."""
        if self == PixelScale():
            return ""
        known = f"-{self.integers}-{self.floats}".replace(" ", "")
        return (
            known if self.dicom_window is None else f"{known}-{DICOM_SCALES[self.dicom_window][0]}"
        )

    def describe(self) -> str:
        """Return the scale in words; empty for a data set of 8-bit images only."""
        parts = []
        if self.integers:
            low, high = self.integers
            bits = int(high - low + 1).bit_length() - 1
            parts.append(f"{bits}-bit images: {low:g} to {high:g}")
        if self.floats:
            parts.append(f"float images: {self.floats[0]:g} to {self.floats[1]:g}")
        if self.dicom_window is not None:
            parts.append(f"DICOM images: {DICOM_SCALES[self.dicom_window][1]}")
        return "; ".join(parts)


def choose_scale(ranges: Iterable[GreyRange]) -> PixelScale:
    """Return the one scale for all files of a data set.

    Raises InputError ``float_range`` for float levels that fit none of the known ranges, and
    ``float_range_mixed`` if some files reach 1 and others 64 or more.
    """
    ranges = list(ranges)
    windows = [r.dicom_window for r in ranges if r.dicom_window is not None]
    ranges = [r for r in ranges if r.dicom_window is None]
    integers = [r for r in ranges if not r.floating and not r.declared_bits]
    floats = [r for r in ranges if r.floating]
    return PixelScale(
        integers=_integer_bounds(integers) if integers else None,
        floats=_float_bounds(floats) if floats else None,
        dicom_window=all(windows) if windows else None,
    )


def _integer_bounds(ranges: list[GreyRange]) -> tuple[float, float]:
    low = min(0.0, *(r.low for r in ranges))
    high = max(r.high for r in ranges)
    return low, next((low + 2**b - 1 for b in BITS if high - low < 2**b), high)


def _float_bounds(ranges: list[GreyRange]) -> tuple[float, float]:
    low, high = min(r.low for r in ranges), max(r.high for r in ranges)
    darkest = min((r.high for r in ranges if r.high > 0), default=high)
    if darkest <= 1 + TOLERANCE and high >= SMALLEST_FLOAT_TOP:
        raise InputError(
            "float_range_mixed",
            f"float pixels up to {darkest:.3g} in some images and up to {high:.3g} in others: "
            "expected one range. Rescale the images, all of them alike.",
            low=darkest,
            high=high,
        )
    if high <= 1 + TOLERANCE and low >= -1 - TOLERANCE:
        return (0.0, 1.0) if low >= -TOLERANCE else (-1.0, 1.0)
    if high < SMALLEST_FLOAT_TOP:
        raise InputError(
            "float_range",
            f"float pixels from {low:.3g} to {high:.3g}: expected a range of 0 to 1, -1 to 1, or "
            "0 to 255 or more. Rescale all images in the same way.",
            low=low,
            high=high,
        )
    return _integer_bounds(ranges)


def to_uint8_levels(
    values: np.ndarray, bounds: tuple[float, float], *, inverted: bool = False
) -> np.ndarray:
    """Map grey levels linearly from ``bounds`` to 0 and 255; levels outside are clipped."""
    low, high = bounds
    distance = high - values.astype(np.float64) if inverted else values.astype(np.float64) - low
    return np.clip(np.round(distance * (255 / (high - low or 1))), 0, 255).astype(np.uint8)


def declared_bits(image: Image.Image, content: bytes) -> int:
    """Return the bit depth that a file declares for itself, or 0.

    Read are PNG's sBIT, and TIFF's BitsPerSample and MaxSampleValue where they name 10, 12 or 14
    bits. A depth of 16 bits says only how the pixels are stored.
    """
    tags = getattr(image, "tag_v2", {})
    stored = tags.get(TIFF_BITS, (0,))
    top = tags.get(TIFF_MAXIMUM, (0,))
    found = [stored[0] if isinstance(stored, tuple) else stored]
    found.append(((top[0] if isinstance(top, tuple) else top) + 1).bit_length() - 1)
    place = content.find(b"sBIT", 0, content.find(b"IDAT")) if image.format == "PNG" else -1
    if place > 0:
        found.append(content[place + 4])
    return next((bits for bits in found if bits in BITS[1:-1]), 0)
