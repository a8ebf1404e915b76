"""First-order figures: the distribution of grey levels (IBSI: intensity-based statistics).

Zwanenburg et al. 2016, arXiv 1612.07003, sections 3.3 and 3.4. Minimum, maximum and range are left
out: they depend on single pixels.
"""

from __future__ import annotations

import numpy as np

LEVELS = 32
"""Grey levels of discretised images: bins of 8 of the 256 (IBSI: fixed bin size)."""
ROUNDING = 1 / 12
"""Variance of a value rounded to an integer. No variance or energy below it means anything."""


def discretised(images: np.ndarray) -> np.ndarray:
    """Return uint8 images (n, H, W) reduced to :data:`LEVELS` grey levels from 0."""
    return images // (256 // LEVELS)


def log_energy(values: np.ndarray) -> np.ndarray:
    """Return the logarithm of variances or energies of integer data; finite for 0."""
    return np.log(values + ROUNDING)


def shape_of(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return skewness and kurtosis of the rows of (n, m), the latter as a logarithm.

    Kurtosis is not reduced by 3, so that its logarithm exists. Constant rows get 0 and log 3, as
    normal ones.
    """
    centred = values - values.mean(1, keepdims=True)
    variance = (centred**2).mean(1)
    constant = variance < 1e-12
    scale = np.where(constant, 1.0, variance)
    skewness = np.where(constant, 0.0, (centred**3).mean(1) / scale**1.5)
    kurtosis = np.where(constant, 3.0, (centred**4).mean(1) / scale**2)
    return skewness, np.log(kurtosis)


def first_order(images: np.ndarray) -> dict[str, np.ndarray]:
    """Return the figures (n,) of uint8 images (n, H, W) by name, in grey levels from 0 to 255."""
    x = images.reshape(len(images), -1).astype(np.float64)
    mean, variance = x.mean(1), x.var(1)
    p10, p25, median, p75, p90 = np.percentile(x, (10, 25, 50, 75, 90), axis=1)
    skewness, kurtosis = shape_of(x)
    inner = (x >= p10[:, None]) & (x <= p90[:, None])
    count = inner.sum(1)  # never 0: the percentiles of 0 to 255 enclose the median
    inner_mean = (x * inner).sum(1) / count
    robust = (np.abs(x - inner_mean[:, None]) * inner).sum(1) / count
    shares = _histogram(discretised(images))
    return {
        "mean intensity": mean,
        "median intensity": median,
        "10th intensity percentile": p10,
        "90th intensity percentile": p90,
        "root mean square intensity": np.sqrt((x**2).mean(1)),
        "intensity variance": log_energy(variance),
        "intensity interquartile range": p75 - p25,
        "intensity mean absolute deviation": np.abs(x - mean[:, None]).mean(1),
        "intensity robust mean absolute deviation": robust,
        "intensity median absolute deviation": np.abs(x - median[:, None]).mean(1),
        "intensity coefficient of variation": ratio(np.sqrt(variance), mean),
        "intensity quartile coefficient of dispersion": ratio(p75 - p25, p75 + p25),
        "intensity skewness": skewness,
        "intensity kurtosis": kurtosis,
        "intensity histogram entropy": entropy(shares),
        "intensity histogram uniformity": (shares**2).sum(1),
    }


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Return the quotient, 0 where the denominator is 0."""
    positive = denominator > 0
    return np.where(positive, numerator / np.where(positive, denominator, 1.0), 0.0)


def entropy(shares: np.ndarray) -> np.ndarray:
    """Return the entropy in bits of distributions (n, ...), each of sum 1."""
    return -(shares * log2(shares)).reshape(len(shares), -1).sum(1)


def log2(shares: np.ndarray) -> np.ndarray:
    """Return the binary logarithm, 0 for 0."""
    return np.log2(np.where(shares > 0, shares, 1.0))


def _histogram(levels: np.ndarray) -> np.ndarray:
    """Return the share of each grey level, (n, LEVELS)."""
    n = len(levels)
    flat = levels.reshape(n, -1).astype(np.int64) + LEVELS * np.arange(n)[:, None]
    return np.bincount(flat.ravel(), minlength=n * LEVELS).reshape(n, LEVELS) / flat.shape[1]
