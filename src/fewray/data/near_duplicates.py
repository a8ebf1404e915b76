"""Find images that show the same radiograph, and merge the patients who share one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fewray.imaging.preprocess import resize

THUMBNAIL = 32
NEAR = 0.97
"""Two images are near-duplicates if their thumbnails correlate at least this much."""
BLOCK = 256
"""Thumbnails compared at a time, to bound memory."""


def thumbnail_of(grey: np.ndarray) -> np.ndarray:
    """Return the fine structure at 32 x 32, float64 (1024,) of zero mean and unit norm.

    The smoothest part, which all frontal radiographs share, is subtracted first, so that two
    patients do not correlate.
    """
    from scipy.ndimage import gaussian_filter

    small = resize(grey, THUMBNAIL, "squash").astype(np.float64)
    fine = small - gaussian_filter(small, THUMBNAIL / 8)
    flat = (fine - fine.mean()).ravel()
    norm = np.linalg.norm(flat)
    return flat / norm if norm > 1e-9 else flat


def near_pairs(
    thumbnails: Mapping[int, np.ndarray], threshold: float = NEAR
) -> list[tuple[int, int, float]]:
    """Return (i, j, correlation) of all near-duplicates, highest correlation first."""
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


@dataclass(frozen=True, kw_only=True)
class MergedPatients:
    """The patients of n images, where those who share an image count as one."""

    codes: np.ndarray
    """int64 (n,): the patient of each image."""
    pairs: dict[tuple[str, str], float]
    """The patients merged, in order, with the highest correlation of two of their images (1 for
    equal bytes)."""


def merge_patients(
    groups: Sequence[str], hashes: Sequence[str], images: np.ndarray
) -> MergedPatients:
    """Merge patients of whom two images are byte-equal or near-duplicates, whatever their classes.

    ``groups`` and ``hashes`` name the patient and the file of each of ``images``, uint8 (n, 1, S,
    S), loaded as :meth:`fewray.data.images.ImageSource.for_comparison` does.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    names = sorted(set(groups))
    number = {name: index for index, name in enumerate(names)}
    first: dict[str, int] = {}
    links = [(first.setdefault(file, index), index, 1.0) for index, file in enumerate(hashes)]
    links += near_pairs({i: thumbnail_of(image[0]) for i, image in enumerate(images)})
    correlation: dict[tuple[str, str], float] = {}
    for i, j, value in links:
        if (a := groups[i]) != (b := groups[j]):
            correlation.setdefault((min(a, b), max(a, b)), value)
    pairs = sorted(correlation)
    ends = np.array([(number[a], number[b]) for a, b in pairs], dtype=np.int64).reshape(-1, 2)
    shape = (len(names), len(names))
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=shape)
    components = connected_components(graph, directed=False)[1]
    codes = np.array([components[number[group]] for group in groups], dtype=np.int64)
    return MergedPatients(codes=codes, pairs={pair: correlation[pair] for pair in pairs})
