"""Data-copying test C_T: whether synthetic images lie too near to training images.

Meehan, Chaudhuri & Dasgupta 2020, arXiv 2004.05675.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fewray.quality.metrics.feature_matrix import FeatureMatrix, both_sides
from fewray.quality.metrics.prdc import squared_distances

FEWEST = 4
"""Patients per side: with fewer, no value can fall clearly below -3."""
PER_CELL = 20
"""Patients of either side that a cell of several needs, so that its z-score is about normal."""
MOST_CELLS = 10


@dataclass(frozen=True, kw_only=True)
class CellScore:
    """A part of feature space: its Mann-Whitney z-score and its number of held-out patients."""

    z: float
    held_out: int


@dataclass(frozen=True, kw_only=True)
class DataCopying:
    """``c_t``, the mean z-score of ``cells``, weighted by their held-out patients.

    Below 0, synthetic images are nearer to training images than held-out images are. For synthetic
    images that copy nothing its mean is 0 and its standard deviation ``sd``, which is 1 for one
    cell and less for several.
    """

    c_t: float
    sd: float
    cells: tuple[CellScore, ...]


def data_copying(
    train: FeatureMatrix,
    held_out: FeatureMatrix,
    fake: FeatureMatrix,
    *,
    groups: tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None] = (None, None, None),
    seed: int = 0,
) -> DataCopying | None:
    """Return C_T of features ``train`` (n, d), ``held_out`` (h, d) and ``fake`` (m, d).

    Distances are Euclidean, to the nearest of all training images of another patient. Cells are
    those of k-means on the training features: one per 40 patients of the smaller of held-out and
    synthetic images, 1 to 10; below 80, one. Cells with fewer than 20 patients of either are left
    out. If that leaves none, all images make one cell.

    ``groups`` are the patients of the three sides, by default one per image. The score is the mean
    over all draws of one image per patient, which makes it smaller rather than larger. None with
    fewer than 4 held-out or synthetic patients. InputError for fewer than 2 rows or unequal d.

    Synthetic images that are far from all real images raise C_T and can hide copies among them. The
    split must be random: held-out images of another source are far and lower it.
    """
    t, x = both_sides(train, held_out)
    _, y = both_sides(train, fake)
    known, unseen, made = (
        np.arange(len(side)) if group is None else np.asarray(group)
        for side, group in zip((t, x, y), groups, strict=True)
    )
    allowed = None if groups[0] is None or groups[1] is None else unseen[:, None] != known[None]
    distances = _distances(x, t, allowed)
    comparable = np.isfinite(distances)  # not if all training images are of the same patient
    distances, unseen, x = distances[comparable], unseen[comparable], x[comparable]
    sides, names = (distances, _distances(y, t, None)), (unseen, made)
    fewest = min(len(np.unique(each)) for each in names)
    if fewest < FEWEST:
        return None
    cells = _cells(t, (x, y), max(1, min(MOST_CELLS, fewest // (2 * PER_CELL))), seed)
    parts = []
    for cell in range(int(cells[0].max()) + 1):
        chosen = [of == cell for of in cells]
        if min(len(np.unique(each[at])) for each, at in zip(names, chosen, strict=True)) < PER_CELL:
            continue
        inside = ((d[at], g[at]) for d, g, at in zip(sides, names, chosen, strict=True))
        parts.append(_cell(*inside))
    return weighted(parts or [_cell(*zip(sides, names, strict=True))])


def weighted(cells: Iterable[CellScore]) -> DataCopying:
    """Return C_T of ``cells``, which may be those of several classes."""
    found = tuple(cells)
    shares = np.array([cell.held_out for cell in found], float)
    shares /= shares.sum()
    z = np.array([cell.z for cell in found])
    return DataCopying(c_t=float(shares @ z), sd=float(np.sqrt(shares @ shares)), cells=found)


def _distances(x: Tensor, train: Tensor, allowed: np.ndarray | None) -> np.ndarray:
    """Return (n,) the squared distance of each row to the nearest allowed row of ``train``."""
    found = squared_distances(x, train).cpu().numpy()
    return (found if allowed is None else np.where(allowed, found, np.inf)).min(1)


def _cells(
    train: Tensor, sides: tuple[Tensor, Tensor], count: int, seed: int
) -> tuple[np.ndarray, ...]:
    """Return the cell of each row of both ``sides``; rows of 0 if one cell is asked for."""
    if count == 1:
        return tuple(np.zeros(len(side), int) for side in sides)
    from sklearn.cluster import KMeans

    rows = train.cpu().numpy()
    count = min(count, len(np.unique(rows, axis=0)))
    found = KMeans(count, random_state=seed).fit(rows)
    centres = torch.from_numpy(found.cluster_centers_).to(train)
    return tuple(squared_distances(side, centres).argmin(1).cpu().numpy() for side in sides)


def _cell(held: tuple[np.ndarray, np.ndarray], made: tuple[np.ndarray, np.ndarray]) -> CellScore:
    """Return the z-score of synthetic against held-out distances, each (distances, patients).

    Every patient has the weight 1, divided among its images. That is the mean over all draws of one
    image per patient, because z is linear in U.
    """
    (x, v), (y, w) = ((distance, _weights(names)) for distance, names in (held, made))
    n, m = v.sum(), w.sum()
    order = np.argsort(y)
    below = np.concatenate([[0.0], np.cumsum(w[order])])
    left, right = (np.searchsorted(y[order], x, side) for side in ("left", "right"))
    u = float(v @ (m - (below[left] + below[right]) / 2))  # ties count half
    z = (u - n * m / 2) / np.sqrt(n * m * (n + m + 1) / 12)
    return CellScore(z=float(z), held_out=round(n))


def _weights(names: np.ndarray) -> np.ndarray:
    _, member, counts = np.unique(names, return_inverse=True, return_counts=True)
    return 1 / counts[member]
