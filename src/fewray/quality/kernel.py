"""Kernel distance: the unbiased squared MMD with a cubic kernel (Binkowski et al. 2018, arXiv 1801.01401).

Every figure made of it (all images, subsets, a bootstrap, real halves) is one weighting of the same kernel values, so
that one pass over the kernel in blocks serves them all and memory does not grow with n m.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fewray.errors import InputError

BLOCK = 1024
DRAWS = 1000
"""Bootstrap draws of an interval."""


@dataclass(frozen=True, kw_only=True)
class Kid:
    """Mean and spread of the distance over random subsets of both sides, and how those were drawn."""

    mean: float
    std: float
    subset_size: int
    subsets: int

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers."""
        return asdict(self)


def mmd2(
    real: np.ndarray, fake: np.ndarray, *, groups: np.ndarray | None = None, fake_groups: np.ndarray | None = None
) -> float:
    """Return the unbiased squared MMD of ``real`` (n, d) and ``fake`` (m, d), kernel (x.y / d + 1)^3, in float64.

    Pairs of an image with itself are left out, so that the mean over draws from one distribution is 0; single values
    may be negative. Where ``groups`` (n,) and ``fake_groups`` (m,) name patients, pairs of one patient are left out
    too: films of a patient are alike, and with them new patients of the same distribution would seem far. On a side
    that is one patient's alone they stay. InputError below 2 rows or for unequal d.
    """
    ones = np.ones((1, len(real))), np.ones((1, len(fake)))
    sides = (names if names is not None and len(np.unique(names)) > 1 else None for names in (groups, fake_groups))
    return float(weighted_mmd2(real, fake, *ones, *sides)[0])


def weighted_mmd2(
    real: np.ndarray,
    fake: np.ndarray,
    real_weights: np.ndarray,
    fake_weights: np.ndarray,
    groups: np.ndarray | None = None,
    fake_groups: np.ndarray | None = None,
) -> np.ndarray:
    """Return float64 (b,): the squared MMD under each of ``b`` weightings (b, n) and (b, m), weights 0 or above.

    Weights of 0 and 1 choose a subset; counts are a bootstrap draw, whose pairs of one image with itself are left out
    as well: with them the distance of a set from its own resample would be too large by the kernel's diagonal. NaN for
    a weighting under which a side is one image or one of the ``groups`` alone.
    """
    for name, rows in (("real", real), ("fake", fake)):
        if rows.ndim != 2 or len(rows) < 2:
            raise InputError(f"{name} features: {rows.shape}; at least 2 rows are wanted")
    if real.shape[1] != fake.shape[1]:
        raise InputError(f"features: {real.shape[1]} and {fake.shape[1]} wide; the same extractor is wanted")
    x, y = np.asarray(real, np.float64), np.asarray(fake, np.float64)
    v, w = np.asarray(real_weights, np.float64), np.asarray(fake_weights, np.float64)
    cross = _weighted_sum(x, y, v, w) / (v.sum(1) * w.sum(1))
    return _within(x, v, groups) + _within(y, w, fake_groups) - 2 * cross


def kid(
    real: np.ndarray,
    fake: np.ndarray,
    *,
    seed: int,
    subset_size: int | None = None,
    subsets: int = 100,
    groups: np.ndarray | None = None,
    fake_groups: np.ndarray | None = None,
) -> Kid:
    """Return the kernel distance as published: over ``subsets`` random subsets without replacement.

    ``groups`` are those of :func:`mmd2`; a subset that is one patient's alone is left out, and where all are, patients
    are.

    ``subset_size`` adapts to the smaller side: half of it, at least 2 and at most 1000, the published size. With less
    than all the rows the spread over subsets says something of sampling error; subsets overlap, so it is too small.
    """
    smaller = min(len(real), len(fake))
    size = subset_size or max(2, min(1000, smaller // 2))
    if not 2 <= size <= smaller:
        raise InputError(f"KID subset size: {size}; 2 to {smaller}, the smaller number of images, is wanted")
    rng = np.random.default_rng(seed)
    v, w = np.zeros((subsets, len(real))), np.zeros((subsets, len(fake)))
    for row in range(subsets):
        v[row, rng.choice(len(real), size, replace=False)] = 1
        w[row, rng.choice(len(fake), size, replace=False)] = 1
    values = weighted_mmd2(real, fake, v, w, groups, fake_groups)
    values = values[np.isfinite(values)]
    if not len(values):
        values = weighted_mmd2(real, fake, v, w)
    return Kid(mean=float(values.mean()), std=float(values.std()), subset_size=size, subsets=subsets)


def kid_interval(
    real: np.ndarray,
    fake: np.ndarray,
    *,
    seed: int,
    groups: np.ndarray | None = None,
    fake_groups: np.ndarray | None = None,
    draws: int = DRAWS,
    level: float = 0.95,
) -> tuple[float, float] | None:
    """Return a bootstrap interval of :func:`mmd2` over all images: the estimate -+ z standard deviations of the draws.

    Images are drawn by patient where ``groups`` (n,) and ``fake_groups`` (m,) name one for each. Each side is drawn on
    its own; draws in which a side is one patient over and over say nothing and are left out. None below 4 images or groups a side, where
    there is nothing to draw from. It is conditional on the generator: another training is other synthetic images.
    """
    rng = np.random.default_rng(seed)
    sides = []
    for count, names in ((len(real), groups), (len(fake), fake_groups)):
        member = np.arange(count) if names is None else np.unique(names, return_inverse=True)[1]
        units = int(member.max()) + 1
        if units < 4:
            return None
        sides.append(rng.multinomial(units, np.full(units, 1 / units), size=draws)[:, member])
    v, w = sides
    values = weighted_mmd2(real, fake, v, w, groups, fake_groups)
    spread = values[np.isfinite(values)].std(ddof=1)
    from scipy.stats import norm

    centre, half = mmd2(real, fake, groups=groups, fake_groups=fake_groups), float(norm.ppf((1 + level) / 2) * spread)
    return centre - half, centre + half


def _within(x: np.ndarray, weights: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    """Return, for each row of the weights, the mean kernel over pairs of different images, or of different patients."""
    member = np.arange(len(x)) if groups is None else np.unique(groups, return_inverse=True)[1]
    sizes = np.bincount(member)
    alone = sizes[member] == 1
    own = weights[:, alone]
    same = (own * own) @ ((x[alone] * x[alone]).sum(1) / x.shape[1] + 1) ** 3
    pairs = (own * own).sum(1)
    for group in np.flatnonzero(sizes > 1):
        rows = member == group
        shared = weights[:, rows]
        same += _weighted_sum(x[rows], x[rows], shared, shared)
        pairs += shared.sum(1) ** 2
    total = weights.sum(1)
    left = total * total - pairs
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(left > 1e-9, (_weighted_sum(x, x, weights, weights) - same) / left, np.nan)


def _weighted_sum(x: np.ndarray, y: np.ndarray, v: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return, for each row of the weights, the sum over i and j of v_i w_j k(x_i, y_j)."""
    total = np.zeros(len(v))
    for start in range(0, len(x), BLOCK):
        rows = slice(start, start + BLOCK)
        for other in range(0, len(y), BLOCK):
            columns = slice(other, other + BLOCK)
            products = x[rows] @ y[columns].T / x.shape[1] + 1
            total += ((v[:, rows] @ (products * products * products)) * w[:, columns]).sum(1)
    return total
