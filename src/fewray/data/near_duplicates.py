"""Which pictures show the same film: correlation of the fine structure of thumbnails."""

from __future__ import annotations

import numpy as np

from fewray.imaging.preprocess import resize

THUMBNAIL = 32
NEAR = 0.97
"""Correlation of two thumbnails from which a pair is called near-duplicate."""
BLOCK = 1024
"""Thumbnails compared at a time, to bound memory."""


def thumbnail_of(grey: np.ndarray) -> np.ndarray:
    """Return float64 (k,) of zero mean and unit norm: fine structure of the picture at 32 x 32.

    The smoothest part, which all frontal films share, is taken away first, so that two patients do not look alike.
    """
    from scipy.ndimage import gaussian_filter

    small = resize(grey, THUMBNAIL, "squash").astype(np.float64)
    fine = small - gaussian_filter(small, THUMBNAIL / 8)
    flat = (fine - fine.mean()).ravel()
    norm = np.linalg.norm(flat)
    return flat / norm if norm > 1e-9 else flat


def near_pairs(
    thumbnails: dict[int, np.ndarray], threshold: float = NEAR
) -> list[tuple[int, int, float]]:
    """Return (i, j, correlation) of every pair whose thumbnails (float (k,), zero mean, unit norm) correlate."""
    if len(thumbnails) < 2:
        return []
    keys = list(thumbnails)
    rows = np.stack([thumbnails[key] for key in keys])
    pairs = []
    for start in range(0, len(rows), BLOCK):
        correlations = np.triu(rows[start : start + BLOCK] @ rows.T, start + 1)
        found = np.argwhere(correlations >= threshold)
        pairs += [(keys[start + i], keys[j], float(correlations[i, j])) for i, j in found]
    return sorted(pairs, key=lambda pair: -pair[2])
