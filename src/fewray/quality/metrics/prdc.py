"""Precision, recall, density, coverage and authenticity: metrics of nearest neighbours.

Distances are computed in blocks: n x k values are held, never n x m.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from fewray.quality.metrics.feature_matrix import FeatureMatrix, both_sides

BLOCK = 1024
EDGE = 1e-9
K = 5
"""Neighbours that define a ball, as in Naeem et al. (2020); fewer if a side has too few images."""


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """The five metrics and the ``k`` that was used.

    ``precision``: share of fakes inside a ball of the reals. ``recall``: share of reals inside a
    ball of the fakes (Kynkaanniemi et al. 2019, arXiv 1904.06991). ``density``: balls of the reals
    that contain a fake, over k; may exceed 1. ``coverage``: share of the reals whose ball contains
    a fake (Naeem et al. 2020, arXiv 2002.09797). ``auth_pct``: percentage of fakes farther from
    their nearest real image than that is from its nearest other real one (Alaa et al. 2022, arXiv
    2102.08921); unseen real images score about 50.
    """

    k: int
    precision: float
    recall: float
    density: float
    coverage: float
    auth_pct: float

    def values(self) -> dict[str, float]:
        """Return the metrics by name, without ``k``."""
        return {name: value for name, value in asdict(self).items() if name != "k"}


def neighbour_metrics(real: FeatureMatrix, fake: FeatureMatrix, *, k: int = K) -> Neighbours:
    """Return the metrics of ``real`` (n, d) and ``fake`` (m, d), Euclidean distances in float64.

    A ball reaches to its centre's k-th nearest other image of the same side and includes its edge,
    to a relative 1e-9: equal distances from two products differ by rounding. ``k`` is at most one
    less than the smaller side. InputError below 2 rows or for unequal d.
    """
    x, y = both_sides(real, fake)
    k = max(1, min(k, len(x) - 1, len(y) - 1))
    (nearest_real, real_radius), (_, fake_radius) = _radii(x, k), _radii(y, k)
    real_radius, fake_radius = real_radius * (1 + EDGE), fake_radius * (1 + EDGE)
    held = x.new_zeros(len(y), dtype=torch.int64)
    closest, closest_at = x.new_full((len(y),), torch.inf), torch.zeros_like(held)
    recalled, covered = held.new_zeros(()), held.new_zeros(())
    for start in range(0, len(x), BLOCK):
        distances = squared_distances(x[start : start + BLOCK], y)
        inside = distances <= real_radius[start : start + BLOCK, None]
        held += inside.sum(0)
        covered += inside.any(1).sum()
        recalled += (distances <= fake_radius).any(1).sum()
        found, at = distances.min(0)
        closer = found < closest
        closest, closest_at = (
            torch.where(closer, found, closest),
            torch.where(closer, at + start, closest_at),
        )
    return Neighbours(
        k=k,
        precision=int((held > 0).sum()) / len(y),
        recall=int(recalled) / len(x),
        density=int(held.sum()) / len(y) / k,
        coverage=int(covered) / len(x),
        auth_pct=100 * int((closest > nearest_real[closest_at]).sum()) / len(y),
    )


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """Return float64 (n, m): squared Euclidean distances; those of equal rows are exactly 0."""
    scale = (x * x).sum(1)[:, None] + (y * y).sum(1)
    distances = scale - 2 * (x @ y.T)
    return torch.where(distances < 1e-12 * scale, 0.0, distances)


def _radii(x: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the squared distance of each row to its nearest and its k-th nearest other row."""
    nearest = x.new_full((len(x), k), torch.inf)
    blocks = [slice(start, start + BLOCK) for start in range(0, len(x), BLOCK)]
    for at, rows in enumerate(blocks):
        for columns in blocks[at:]:
            distances = squared_distances(x[rows], x[columns])
            if rows == columns:
                distances.fill_diagonal_(torch.inf)
            else:
                nearest[columns] = _smallest(nearest[columns], distances.T)
            nearest[rows] = _smallest(nearest[rows], distances)
    return nearest[:, 0], nearest[:, -1]


def _smallest(found: Tensor, more: Tensor) -> Tensor:
    """Return (n, k): the k smallest of each row of ``found`` (n, k) and ``more``, sorted."""
    return torch.cat([found, more], 1).topk(found.shape[1], largest=False).values
