"""Measure what one decoded image looks like: grey levels, colours, transparency, fine detail.

All figures come from histograms and from a copy of 64 x 64 pixels. So an image is decoded once, and
what is kept of it is small.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops

from fewray.imaging.levels import histogram, level_shares
from fewray.imaging.preprocess import resize

SIDE = 64
"""Side of the reduced copy, in pixels: the default size of training images."""
COLOURED = 48
"""Chroma (largest minus smallest of R, G and B) from which a pixel counts as coloured. JPEG leaves
smaller ones in grey images."""
CLEAR = 16
"""Opacity, of 255, below which a pixel counts as transparent."""
FINE, COARSE = (0.3, 0.5), (0.05, 0.15)
"""The two bands of spatial frequency that are compared, in cycles per pixel of the reduced copy."""
LEAST_POWER = 1e-6
"""Power in an image without any structure, on grey levels of 0 to 255."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Appearance:
    """One image as it is read: grey levels 0 to 255, and shares of its pixels, 0 to 1."""

    low: int
    """The smallest grey level that at least 1% of the pixels do not exceed."""
    high: int
    """The same for 99%."""
    flat: float
    """Share of the most frequent grey level with its neighbours."""
    in_three_levels: float
    """Share of the three most frequent grey levels with their neighbours."""
    coloured: float
    """Share of coloured pixels."""
    transparent: float
    """Share of transparent pixels, which are read as black."""
    detail: float
    """log10 of the mean power of fine structures, divided by that of coarse ones (:func:`detail`).
    """

    @property
    def contrast(self) -> int:
        """Range of the grey levels without 1% at each end."""
        return self.high - self.low


def appearance(grey: np.ndarray, reduced: np.ndarray, picture: Image.Image | None) -> Appearance:
    """Return the appearance of an image.

    ``grey`` uint8 (H, W) is the image as it is read, ``reduced`` uint8 (64, 64) its reduced copy,
    ``picture`` the file as it was decoded, None if it has neither colours nor transparency.
    """
    levels = histogram(grey)
    shares = level_shares(levels)
    cumulative = np.cumsum(levels) / levels.sum()
    return Appearance(
        low=int(np.searchsorted(cumulative, 0.01)),
        high=int(np.searchsorted(cumulative, 0.99)),
        flat=shares[0],
        in_three_levels=min(1.0, sum(shares)),
        coloured=0.0 if picture is None else coloured_share(picture),
        transparent=0.0 if picture is None else transparent_share(picture),
        detail=detail(reduced),
    )


def reduced_copy(grey: np.ndarray) -> np.ndarray:
    """Return uint8 (64, 64) from uint8 (H, W) of any shape."""
    return resize(grey, SIDE, "squash")


def coloured_share(picture: Image.Image) -> float:
    """Return the share of coloured pixels; transparent ones do not count."""
    if picture.mode in ("1", "L", "LA", "La"):
        return 0.0
    alpha = _alpha(picture)
    red, green, blue = picture.convert("RGB").split()
    brightest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    darkest = ImageChops.darker(ImageChops.darker(red, green), blue)
    chroma = ImageChops.subtract(brightest, darkest)
    chroma = chroma if alpha is None else ImageChops.multiply(chroma, alpha)
    found = np.array(chroma.histogram(), dtype=np.int64)
    return float(found[COLOURED:].sum() / found.sum())


def transparent_share(picture: Image.Image) -> float:
    """Return the share of pixels that are transparent, or almost."""
    if (alpha := _alpha(picture)) is None:
        return 0.0
    found = np.array(alpha.histogram(), dtype=np.int64)
    return float(found[:CLEAR].sum() / found.sum())


def _alpha(picture: Image.Image) -> Image.Image | None:
    """Return the opacity, 0 to 255, or None for an opaque image."""
    if picture.mode in ("LA", "RGBA"):
        return picture.getchannel("A")
    if picture.mode in ("La", "RGBa", "PA") or "transparency" in picture.info:
        return picture.convert("RGBA").getchannel("A")
    return None


def detail(reduced: np.ndarray) -> float:
    """Return how much fine structure an image has, as a power of ten.

    ::

        log10(mean power at 0.3 to 0.5 cycles per pixel / mean power at 0.05 to 0.15)

    of uint8 (64, 64) under a Hann window. Natural images have power at all frequencies (Field
    1987), enlarged ones nearly none above half the sampling rate of their originals. 0 for an
    image without coarse structure.
    """
    window, fine, coarse = _bands()
    values = reduced.astype(np.float64)
    power = np.abs(np.fft.rfft2((values - values.mean()) * window)) ** 2
    if (below := power[coarse].mean()) < LEAST_POWER:
        return 0.0
    return float(np.log10(max(power[fine].mean(), LEAST_POWER) / below))


@functools.cache
def _bands() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the window (64, 64), and the places of both bands in the spectrum (64, 33)."""
    line = np.hanning(SIDE)
    rows, columns = np.abs(np.fft.fftfreq(SIDE)), np.fft.rfftfreq(SIDE)
    frequency = np.maximum(rows[:, None], columns[None])
    fine, coarse = ((frequency > low) & (frequency <= high) for low, high in (FINE, COARSE))
    return np.outer(line, line), fine, coarse
