"""Precision, recall, density, coverage and authenticity: metrics of nearest neighbours in a space of features.

All of them come from the same three sets of distances, taken in blocks, so that no n x m matrix is held, but n x k.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fewray.errors import InputError

BLOCK = 1024
EDGE = 1e-9
K = 5
"""Neighbours that make a ball, as in Naeem et al. (2020); fewer where a side has no more than that many images."""


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """The five figures and the ``k`` they were made with.

    ``precision``: share of fakes inside a ball of the reals; ``recall``: share of reals inside a ball of the fakes
    (Kynkaanniemi et al. 2019, arXiv 1904.06991). ``density``: how many balls of the reals hold a fake, over k, may
    exceed 1; ``coverage``: share of the reals whose ball holds a fake (Naeem et al. 2020, arXiv 2002.09797).
    ``auth_pct``: percentage of fakes farther from their nearest real image than that is from its nearest other real
    one (Alaa et al. 2022, arXiv 2102.08921); 50 or so is what unseen real images score.
    """

    k: int
    precision: float
    recall: float
    density: float
    coverage: float
    auth_pct: float

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers."""
        return asdict(self)


def neighbour_metrics(real: np.ndarray, fake: np.ndarray, *, k: int = K) -> Neighbours:
    """Return the figures of ``real`` (n, d) and ``fake`` (m, d), Euclidean distances in float64.

    A ball reaches to its centre's k-th nearest other image of the same side; its edge belongs to it, to a relative
    1e-9: the same distance comes out of two products with different rounding. ``k`` is lowered
    to one less than the smaller side. InputError below 2 rows or for unequal d.
    """
    for name, rows in (("real", real), ("fake", fake)):
        if rows.ndim != 2 or len(rows) < 2:
            raise InputError(f"{name} features: {rows.shape}; at least 2 rows are wanted")
    if real.shape[1] != fake.shape[1]:
        raise InputError(f"features: {real.shape[1]} and {fake.shape[1]} wide; the same extractor is wanted")
    k = max(1, min(k, len(real) - 1, len(fake) - 1))
    x, y = np.asarray(real, np.float64), np.asarray(fake, np.float64)
    (nearest_real, real_radius), (_, fake_radius) = _radii(x, k), _radii(y, k)
    real_radius, fake_radius = real_radius * (1 + EDGE), fake_radius * (1 + EDGE)
    held = np.zeros(len(y), np.int64)
    closest, closest_at = np.full(len(y), np.inf), np.zeros(len(y), np.int64)
    recalled = covered = 0
    for start in range(0, len(x), BLOCK):
        distances = squared_distances(x[start : start + BLOCK], y)
        inside = distances <= real_radius[start : start + BLOCK, None]
        held += inside.sum(0)
        covered += int(inside.any(1).sum())
        recalled += int((distances <= fake_radius).any(1).sum())
        at = distances.argmin(0)
        found = distances[at, np.arange(len(y))]
        closer = found < closest
        closest[closer], closest_at[closer] = found[closer], at[closer] + start
    return Neighbours(
        k=k,
        precision=float((held > 0).mean()),
        recall=recalled / len(x),
        density=float(held.mean() / k),
        coverage=covered / len(x),
        auth_pct=float(100 * (closest > nearest_real[closest_at]).mean()),
    )


def squared_distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return float64 (n, m): squared Euclidean distances of rows; what rounding leaves of equal rows is set to 0."""
    scale = (x * x).sum(1)[:, None] + (y * y).sum(1)
    distances = scale - 2 * (x @ y.T)
    distances[distances < 1e-12 * scale] = 0
    return distances


def _radii(x: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the squared distances of each row to its nearest and to its k-th nearest other row."""
    nearest = np.full((len(x), k), np.inf)
    blocks = [slice(start, start + BLOCK) for start in range(0, len(x), BLOCK)]
    for at, rows in enumerate(blocks):
        for columns in blocks[at:]:
            distances = squared_distances(x[rows], x[columns])
            if rows == columns:
                np.fill_diagonal(distances, np.inf)
            else:
                nearest[columns] = _smallest(nearest[columns], distances.T)
            nearest[rows] = _smallest(nearest[rows], distances)
    return nearest.min(1), nearest[:, -1]


def _smallest(found: np.ndarray, more: np.ndarray) -> np.ndarray:
    """Return (n, k): the k smallest of each row of ``found`` (n, k) and ``more``, the largest of them last."""
    k = found.shape[1]
    return np.partition(np.hstack([found, more]), k - 1, axis=1)[:, :k]
