"""Kernel inception distance: unbiased squared MMD, cubic kernel (Binkowski et al. 2018).

arXiv 1801.01401. All images, subsets, bootstrap draws and real halves are weightings of the same
kernel values, so one blockwise pass serves them all and memory does not grow with n m.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fewray.errors import InputError
from fewray.quality.metrics.feature_matrix import FeatureMatrix, as_tensor, both_sides

BLOCK = 1024
DRAWS = 1000
"""Bootstrap draws behind an interval."""


@dataclass(frozen=True, kw_only=True)
class KernelDistance:
    """KID of all images, its bootstrap interval, and, as published, over random subsets."""

    all_images: float
    interval: tuple[float, float] | None
    subset_mean: float
    subset_sd: float
    subset_size: int
    subsets: int


def mmd2(
    real: FeatureMatrix,
    fake: FeatureMatrix,
    *,
    groups: np.ndarray | None = None,
    fake_groups: np.ndarray | None = None,
) -> float:
    """Return the unbiased squared MMD with kernel (x.y / d + 1)^3, in float64.

    ``real`` is (n, d), ``fake`` (m, d). Pairs of an image with itself are left out, so that the
    mean over draws from one distribution is 0; single values may be negative. With patients
    ``groups`` (n,) and ``fake_groups`` (m,), pairs of one patient are left out too: images of a
    patient are alike, and new patients of the same distribution would seem far. On a side with a
    single patient they stay. InputError below 2 rows or for unequal d.
    """
    ones = np.ones((1, len(real))), np.ones((1, len(fake)))
    return float(weighted_mmd2(real, fake, *ones, *_usable(groups, fake_groups))[0])


def weighted_mmd2(
    real: FeatureMatrix,
    fake: FeatureMatrix,
    real_weights: np.ndarray,
    fake_weights: np.ndarray,
    groups: np.ndarray | None = None,
    fake_groups: np.ndarray | None = None,
) -> np.ndarray:
    """Return float64 (b,): :func:`mmd2` under each of b weightings (b, n) and (b, m).

    Weights of 0 and 1 select a subset; counts are a bootstrap draw, in which pairs of an image with
    itself are left out too. NaN if a side is a single image or group.
    """
    x, y = both_sides(real, fake)
    v, w = (
        as_tensor(np.asarray(weights, np.float64)).to(x.device)
        for weights in (real_weights, fake_weights)
    )
    cross = _weighted_sum(x, y, v, w) / (v.sum(1) * w.sum(1))
    return (_within(x, v, groups) + _within(y, w, fake_groups) - 2 * cross).cpu().numpy()


def kernel_distance(
    real: FeatureMatrix,
    fake: FeatureMatrix,
    *,
    seed: int,
    groups: np.ndarray | None = None,
    fake_groups: np.ndarray | None = None,
    subset_size: int | None = None,
    subsets: int = 100,
    draws: int = DRAWS,
    level: float = 0.95,
) -> KernelDistance:
    """Return KID of all images, over subsets, and its bootstrap interval, from one pass.

    **Subsets**, as published: random, without replacement. ``subset_size`` defaults to half the
    smaller side, 2 to 1000 (the published size). Subsets overlap, so their spread understates the
    sampling error. Subsets of a single patient are dropped; if all are, patients are ignored.

    **Interval**: all images -+ z standard deviations of ``draws`` bootstrap draws, each side on its
    own, by patient if ``groups`` (n,) and ``fake_groups`` (m,) are given. Draws of a single patient
    are dropped. None below 4 images or patients per side. It treats the generator as fixed: another
    training run gives other images. InputError below 2 rows, for unequal d or a bad subset size.
    """
    smaller = min(len(real), len(fake))
    size = subset_size or max(2, min(1000, smaller // 2))
    if not 2 <= size <= smaller:
        message = f"KID subset size {size}, expected 2 to {smaller} (images of the smaller side)."
        raise InputError("kid_subset_size", message, value=size, most=smaller)
    counts = len(real), len(fake)
    once = tuple(np.ones((1, count)) for count in counts)
    chosen = _subset_weights(counts, size, subsets, seed)
    drawn = _bootstrap_weights(counts, (groups, fake_groups), draws, seed)
    v, w = (np.concatenate(side) for side in zip(once, chosen, drawn, strict=True))
    del drawn
    values = weighted_mmd2(real, fake, v, w, *_usable(groups, fake_groups))
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
        interval=interval,
        subset_mean=float(found.mean()),
        subset_sd=float(found.std()),
        subset_size=size,
        subsets=subsets,
    )


def _usable(*sides: np.ndarray | None) -> tuple[np.ndarray | None, ...]:
    """Return the groups of each side, None for a side with a single group."""
    return tuple(
        names if names is not None and len(np.unique(names)) > 1 else None for names in sides
    )


def _subset_weights(
    counts: tuple[int, int], size: int, subsets: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return float64 (subsets, n) and (subsets, m): 1 for the ``size`` images of each subset."""
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
    """Return how often each draw contains each image; no rows below 4 patients per side."""
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
    """Return, per weighting, the mean kernel over pairs of different images or patients."""
    member = np.arange(len(x)) if groups is None else np.unique(groups, return_inverse=True)[1]
    sizes = np.bincount(member)
    alone = torch.from_numpy(sizes[member] == 1).to(x.device)
    own = weights[:, alone] ** 2
    same = own @ ((x[alone] ** 2).sum(1) / x.shape[1] + 1) ** 3
    pairs = own.sum(1)
    for group in np.flatnonzero(sizes > 1):
        of_one = torch.from_numpy(member == group).to(x.device)
        images, shared = x[of_one], weights[:, of_one]
        same += _weighted_sum(images, images, shared, shared)
        pairs += shared.sum(1) ** 2
    total = weights.sum(1)
    left = total * total - pairs
    return torch.where(
        left > 1e-9, (_weighted_sum(x, x, weights, weights) - same) / left, torch.nan
    )


def _weighted_sum(x: Tensor, y: Tensor, v: Tensor, w: Tensor) -> Tensor:
    """Return, per weighting, the sum over i and j of v_i w_j k(x_i, y_j)."""
    total = x.new_zeros(len(v))
    same = x is y and v is w  # blocks below the diagonal mirror those above
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
