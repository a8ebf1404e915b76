"""Agreement between readers, and of readers with themselves."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

Kappa = tuple[float, tuple[float, float] | None]
"""Kappa and its 95% interval; None where the variance is 0, as with perfect agreement."""
SMALLEST = 1e-7
"""Half the width of an interval below which the variance counts as 0."""


def fleiss_kappa(counts: np.ndarray, level: float = 0.95) -> Kappa | None:
    """Return Fleiss' kappa of ``counts`` (images, categories), how many readers chose each.

    Every image has the same number of readers, at least 2. None if all readings are of one
    category, or with fewer than 2 images. Kappa: Fleiss (1971). His variance holds for kappa 0
    only; the interval uses the linearised variance over images, valid for any kappa (Gwet 2008),
    with n - 1 degrees of freedom. Readers count as fixed.
    """
    counts = np.asarray(counts, np.float64)
    n, readers = len(counts), counts.sum(1)[0] if len(counts) else 0
    if n < 2 or readers < 2:
        return None
    shares = counts.sum(0) / counts.sum()
    expected = (shares**2).sum()
    if expected >= 1:
        return None
    agreed = (counts * (counts - 1)).sum(1) / (readers * (readers - 1))
    kappa = (agreed.mean() - expected) / (1 - expected)
    by_image = (agreed - expected) / (1 - expected)
    expected_by_image = (counts * shares).sum(1) / readers
    linear = by_image - 2 * (1 - kappa) * (expected_by_image - expected) / (1 - expected)
    se = np.sqrt(((linear - kappa) ** 2).sum() / (n * (n - 1)))
    return float(kappa), _around(float(kappa), float(student.ppf(0.5 + level / 2, n - 1) * se))


def cohen_kappa(first: np.ndarray, second: np.ndarray, level: float = 0.95) -> Kappa | None:
    """Return Cohen's kappa of two readings (n,) of the same images, with its interval.

    None if there is no reading, or if all are equal. Kappa: Cohen (1960); variance: Fleiss, Cohen
    & Everitt (1969). With ten images it is coarse, and its interval wide.
    """
    first, second = np.asarray(first, bool).astype(int), np.asarray(second, bool).astype(int)
    if not len(first):
        return None
    table = np.bincount(2 * first + second, minlength=4).reshape(2, 2) / len(first)
    rows, columns = table.sum(1), table.sum(0)
    agreed, expected = float(np.trace(table)), float(rows @ columns)
    if expected >= 1:
        return None
    kappa = (agreed - expected) / (1 - expected)
    sums = columns[:, None] + rows[None, :]
    diagonal = (np.diag(table) * (1 - (rows + columns) * (1 - kappa)) ** 2).sum()
    others = (1 - kappa) ** 2 * ((table - np.diag(np.diag(table))) * sums**2).sum()
    variance = (diagonal + others - (kappa - expected * (1 - kappa)) ** 2) / (
        len(first) * (1 - expected) ** 2
    )
    return kappa, _around(kappa, float(norm.ppf(0.5 + level / 2) * np.sqrt(max(variance, 0.0))))


def _around(kappa: float, half: float) -> tuple[float, float] | None:
    """Return the interval. One without width would claim that few images prove agreement."""
    return None if half < SMALLEST else (max(-1.0, kappa - half), min(1.0, kappa + half))
