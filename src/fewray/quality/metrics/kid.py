"""Kernel distance: the unbiased squared MMD with a cubic kernel (Binkowski et al. 2018, arXiv 1801.01401).

Every figure made of it (all images, subsets, a bootstrap, real halves) is one weighting of the same kernel values, so
that one pass over the kernel in blocks serves them all and memory does not grow with n m.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fewray.errors import InputError
from fewray.quality.metrics.feature_matrix import Rows, as_tensor, both_sides

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


@dataclass(frozen=True, kw_only=True)
class KernelDistance:
    """The distance of all images, as published over random subsets, and its bootstrap interval where there is one."""

    all_images: float
    subsets: Kid
    interval: tuple[float, float] | None


def mmd2(
    real: Rows,
    fake: Rows,
    *,
    groups: np.ndarray | None = None,
    fake_groups: np.ndarray | None = None,
) -> float:
    """Return the unbiased squared MMD of ``real`` (n, d) and ``fake`` (m, d), kernel (x.y / d + 1)^3, in float64.

    Pairs of an image with itself are left out, so that the mean over draws from one distribution is 0; single values
    may be negative. Where ``groups`` (n,) and ``fake_groups`` (m,) name patients, pairs of one patient are left out
    too: films of a patient are alike, and with them new patients of the same distribution would seem far. On a side
    that is one patient's alone they stay. InputError below 2 rows or for unequal d.
    """
    ones = np.ones((1, len(real))), np.ones((1, len(fake)))
    return float(weighted_mmd2(real, fake, *ones, *_told_apart(groups, fake_groups))[0])


def weighted_mmd2(
    real: Rows,
    fake: Rows,
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
    x, y = both_sides(real, fake)
    v, w = (
        as_tensor(np.asarray(weights, np.float64)).to(x.device)
        for weights in (real_weights, fake_weights)
    )
    cross = _weighted_sum(x, y, v, w) / (v.sum(1) * w.sum(1))
    return (_within(x, v, groups) + _within(y, w, fake_groups) - 2 * cross).cpu().numpy()


def kernel_distance(
    real: Rows,
    fake: Rows,
    *,
    seed: int,
    groups: np.ndarray | None = None,
    fake_groups: np.ndarray | None = None,
    subset_size: int | None = None,
    subsets: int = 100,
    draws: int = DRAWS,
    level: float = 0.95,
) -> KernelDistance:
    """Return :func:`mmd2`, the distance over subsets and a bootstrap interval, from one pass over the kernel.

    **Subsets**, as published: ``subsets`` random ones without replacement. ``subset_size`` adapts to the smaller side:
    half of it, at least 2 and at most 1000, the published size. With less than all the rows the spread over subsets
    says something of sampling error; subsets overlap, so it is too small. ``groups`` are those of :func:`mmd2`; a
    subset that is one patient's alone is left out, and where all are, patients are, in a second pass.

    **Interval**: the distance of all images -+ z standard deviations of ``draws`` bootstrap draws. Images are drawn by
    patient where ``groups`` (n,) and ``fake_groups`` (m,) name one for each. Each side is drawn on its own; draws in
    which a side is one patient over and over say nothing and are left out. None below 4 images or groups a side, where
    there is nothing to draw from. It is conditional on the generator: another training is other synthetic images.
    InputError below 2 rows, for unequal d, or for a subset size beyond the smaller side.
    """
    smaller = min(len(real), len(fake))
    size = subset_size or max(2, min(1000, smaller // 2))
    if not 2 <= size <= smaller:
        raise InputError(
            f"KID subset size: {size}; 2 to {smaller}, the smaller number of images, is wanted"
        )
    counts = len(real), len(fake)
    once = tuple(np.ones((1, count)) for count in counts)
    chosen = _subset_weights(counts, size, subsets, seed)
    drawn = _bootstrap_weights(counts, (groups, fake_groups), draws, seed)
    v, w = (np.concatenate(side) for side in zip(once, chosen, drawn, strict=True))
    del drawn
    values = weighted_mmd2(real, fake, v, w, *_told_apart(groups, fake_groups))
    centre, of_subsets, of_draws = float(values[0]), values[1 : 1 + subsets], values[1 + subsets :]
    found = of_subsets[np.isfinite(of_subsets)]
    if not len(found):
        found = weighted_mmd2(real, fake, *chosen)
    interval = None
    if len(of_draws):
        from scipy.stats import norm

        half = float(norm.ppf((1 + level) / 2) * of_draws[np.isfinite(of_draws)].std(ddof=1))
        interval = centre - half, centre + half
    return KernelDistance(
        all_images=centre,
        subsets=Kid(
            mean=float(found.mean()), std=float(found.std()), subset_size=size, subsets=subsets
        ),
        interval=interval,
    )


def _told_apart(*sides: np.ndarray | None) -> tuple[np.ndarray | None, ...]:
    """Return the patients of each side, None where all its images are of one."""
    return tuple(
        names if names is not None and len(np.unique(names)) > 1 else None for names in sides
    )


def _subset_weights(
    counts: tuple[int, int], size: int, subsets: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return float64 (subsets, n) and (subsets, m): 1 where an image is in the subset, ``size`` of them a row."""
    rng = np.random.default_rng(seed)
    v, w = (np.zeros((subsets, count)) for count in counts)
    for row in range(subsets):
        for side in (v, w):
            side[row, rng.choice(side.shape[1], size, replace=False)] = 1
    return v, w


def _bootstrap_weights(
    counts: tuple[int, int],
    sides: tuple[np.ndarray | None, np.ndarray | None],
    draws: int,
    seed: int,
) -> tuple[np.ndarray, ...]:
    """Return how often each image is in each draw, patients drawn whole; no rows where a side has fewer than 4 of them."""
    rng = np.random.default_rng(seed)
    members = [
        np.arange(count) if names is None else np.unique(names, return_inverse=True)[1]
        for count, names in zip(counts, sides, strict=True)
    ]
    units = [int(member.max()) + 1 for member in members]
    if min(units) < 4:
        return tuple(np.zeros((0, count)) for count in counts)
    return tuple(
        rng.multinomial(n, np.full(n, 1 / n), size=draws)[:, member]
        for n, member in zip(units, members, strict=True)
    )


def _within(x: Tensor, weights: Tensor, groups: np.ndarray | None) -> Tensor:
    """Return, for each row of the weights, the mean kernel over pairs of different images, or of different patients."""
    member = np.arange(len(x)) if groups is None else np.unique(groups, return_inverse=True)[1]
    sizes = np.bincount(member)
    alone = torch.from_numpy(sizes[member] == 1).to(x.device)
    own = weights[:, alone] ** 2
    same = own @ ((x[alone] ** 2).sum(1) / x.shape[1] + 1) ** 3
    pairs = own.sum(1)
    for group in np.flatnonzero(sizes > 1):
        of_one = torch.from_numpy(member == group).to(x.device)
        films, shared = x[of_one], weights[:, of_one]
        same += _weighted_sum(films, films, shared, shared)
        pairs += shared.sum(1) ** 2
    total = weights.sum(1)
    left = total * total - pairs
    return torch.where(
        left > 1e-9, (_weighted_sum(x, x, weights, weights) - same) / left, torch.nan
    )


def _weighted_sum(x: Tensor, y: Tensor, v: Tensor, w: Tensor) -> Tensor:
    """Return, for each row of the weights, the sum over i and j of v_i w_j k(x_i, y_j)."""
    total = x.new_zeros(len(v))
    same = x is y and v is w  # then a block below the diagonal is the one above it
    for start in range(0, len(x), BLOCK):
        rows = slice(start, start + BLOCK)
        for other in range(start if same else 0, len(y), BLOCK):
            columns = slice(other, other + BLOCK)
            kernel = x[rows] @ y[columns].T
            kernel /= x.shape[1]
            kernel += 1
            kernel *= kernel * kernel
            times = 2 if same and other > start else 1
            total += times * ((v[:, rows] @ kernel) * w[:, columns]).sum(1)
    return total
