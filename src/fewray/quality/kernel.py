"""Kernel distance: the unbiased squared MMD with a cubic kernel (Binkowski et al. 2018, arXiv 1801.01401)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fewray.errors import InputError

BLOCK = 2048


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


def mmd2(real: np.ndarray, fake: np.ndarray) -> float:
    """Return the unbiased squared MMD of ``real`` (n, d) and ``fake`` (m, d), kernel (x.y / d + 1)^3, in float64.

    Pairs of an image with itself are left out, so that the mean over draws from one distribution is 0; single values
    may be negative. Computed in blocks: memory does not grow with n m. InputError below 2 rows.
    """
    if min(len(real), len(fake)) < 2 or real.shape[1] != fake.shape[1]:
        raise InputError(f"features: {real.shape} and {fake.shape}; at least 2 rows of the same width are wanted")
    x, y = np.asarray(real, np.float64), np.asarray(fake, np.float64)
    n, m = len(x), len(y)
    within_x = (_kernel_sum(x, x) - _diagonal_sum(x)) / (n * (n - 1))
    within_y = (_kernel_sum(y, y) - _diagonal_sum(y)) / (m * (m - 1))
    return float(within_x + within_y - 2 * _kernel_sum(x, y) / (n * m))


def kid(real: np.ndarray, fake: np.ndarray, *, seed: int, subset_size: int | None = None, subsets: int = 100) -> Kid:
    """Return the kernel distance as published: over ``subsets`` random subsets without replacement.

    ``subset_size`` adapts to the smaller side: half of it, at least 2 and at most 1000, the published size. With less
    than all the rows the spread over subsets says something of sampling error; subsets overlap, so it is too small.
    """
    smaller = min(len(real), len(fake))
    size = subset_size or max(2, min(1000, smaller // 2))
    if not 2 <= size <= smaller:
        raise InputError(f"KID subset size: {size}; 2 to {smaller}, the smaller number of images, is wanted")
    rng = np.random.default_rng(seed)
    values = [
        mmd2(real[rng.choice(len(real), size, replace=False)], fake[rng.choice(len(fake), size, replace=False)])
        for _ in range(subsets)
    ]
    return Kid(mean=float(np.mean(values)), std=float(np.std(values)), subset_size=size, subsets=subsets)


def _kernel_sum(x: np.ndarray, y: np.ndarray) -> float:
    total = 0.0
    for start in range(0, len(x), BLOCK):
        for other in range(0, len(y), BLOCK):
            products = x[start : start + BLOCK] @ y[other : other + BLOCK].T / x.shape[1] + 1
            total += float((products * products * products).sum())
    return total


def _diagonal_sum(x: np.ndarray) -> float:
    return float((((x * x).sum(1) / x.shape[1] + 1) ** 3).sum())
