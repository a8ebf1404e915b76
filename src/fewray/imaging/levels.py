"""How few grey levels an image has: masks and drawings have two or three, radiographs many."""

from __future__ import annotations

import numpy as np
from PIL import Image

SAME_LEVEL = 2
"""Grey levels that differ by at most this from a frequent one count with it: the noise of JPEG."""
FEW_LEVELS = 0.9
"""Share of three grey levels (+-2 each) in a mask or drawing. Largest in covid4: 0.37."""


def histogram(grey: np.ndarray) -> np.ndarray:
    """Return int64 (256,): the number of pixels of each grey level of uint8 (H, W)."""
    return np.array(Image.fromarray(grey).histogram(), dtype=np.int64)


def level_shares(levels: np.ndarray) -> list[float]:
    """Return the shares of the three most frequent levels; each takes its neighbours with it.

    ``levels`` is a :func:`histogram`.
    """
    left, total, shares = levels.copy(), levels.sum(), []
    around = np.ones(2 * SAME_LEVEL + 1, np.int64)
    for _ in range(3):
        middle = int(np.convolve(left, around, "same").argmax())
        near = slice(max(0, middle - SAME_LEVEL), middle + SAME_LEVEL + 1)
        shares.append(float(left[near].sum() / total))
        left[near] = 0
    return shares


def has_few_levels(grey: np.ndarray) -> bool:
    """Whether three grey levels have nearly all pixels of uint8 (H, W), as in masks."""
    return sum(level_shares(histogram(grey))) >= FEW_LEVELS
