"""The empirical area under the ROC curve (AUC), its covariances and its interval.

Ratings rise with the belief that an image is synthetic. Leading dimensions ``...`` are independent
studies, so that a simulation analyses thousands at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import root_scalar
from scipy.stats import norm

MOST_STEPS = 32
"""Ratings with at most as many steps are counted, which is faster than comparing pairs."""


def placements(real: np.ndarray, synthetic: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the placement values of real images (..., n0) and of synthetic images (..., n1).

    The placement value of an image is the share of images of the other kind that are rated on the
    right side of it, where ties count half (DeLong et al. 1988). The mean of either is the AUC.
    ``real`` is (..., n0), ``synthetic`` (..., n1).
    """
    if all(np.issubdtype(each.dtype, np.integer) for each in (real, synthetic)):
        steps = np.arange(min(real.min(), synthetic.min()), max(real.max(), synthetic.max()) + 1)
        if len(steps) <= MOST_STEPS:
            below = _share_below(synthetic, steps)
            of_real = 1 - np.take_along_axis(below, real - steps[0], -1)
            return of_real, np.take_along_axis(_share_below(real, steps), synthetic - steps[0], -1)
    a, b = np.asarray(real, np.float32), np.asarray(synthetic, np.float32)
    right = np.sign(b[..., :, None] - a[..., None, :]) / 2 + np.float32(0.5)
    return right.mean(-2, dtype=np.float64), right.mean(-1, dtype=np.float64)


def _share_below(ratings: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Return the share of ``ratings`` (..., n) below each step plus half of that at it."""
    counts = np.stack([(ratings == step).sum(-1) for step in steps], -1)
    return (np.cumsum(counts, -1) - counts / 2) / ratings.shape[-1]


def jackknife_covariance(
    of_real: Sequence[np.ndarray], of_synthetic: Sequence[np.ndarray], *, shared: bool
) -> np.ndarray:
    """Return the jackknife covariance of all AUCs, (..., t, r, t, r) for t modalities, r readers.

    ``of_real`` and ``of_synthetic`` hold the placement values of each modality, (..., r, n0) and
    (..., r, n1). Real images are the same in all modalities. Synthetic images are, too, if
    ``shared``; generators have their own, so that deleting one leaves the AUC of the others
    unchanged.

    With N = n0 + n1 images and A(-k) the AUC without image k, the covariance of readers j and j' is
        (N - 1) / N * sum_k (A_j(-k) - A_j) (A_j'(-k) - A_j')
    (Quenouille 1956, Efron & Stein 1981; Hillis et al. 2005). Modalities that differ in N take the
    geometric mean of their factors.
    """
    t, r = len(of_real), of_real[0].shape[-2]
    n0 = of_real[0].shape[-1]
    factors = []
    for synthetic in of_synthetic:
        n = n0 + synthetic.shape[-1]
        factors.append((n - 1) / n)
    first = [_deviations(each) for each in of_real]
    second = [_deviations(each) for each in of_synthetic]
    found = np.zeros((*of_real[0].shape[:-2], t, r, t, r))
    for i in range(t):
        for k in range(t):
            total = first[i] @ np.swapaxes(first[k], -1, -2)
            if shared or i == k:
                total = total + second[i] @ np.swapaxes(second[k], -1, -2)
            found[..., i, :, k, :] = np.sqrt(factors[i] * factors[k]) * total
    return found


def _deviations(values: np.ndarray) -> np.ndarray:
    """Return AUC minus the AUC without each image, by the image's placement value."""
    n = values.shape[-1]
    return (values - values.mean(-1, keepdims=True)) / max(n - 1, 1)


def delong_variance(of_real: np.ndarray, of_synthetic: np.ndarray) -> np.ndarray:
    """Return the variance (...) of an AUC from its placement values (DeLong et al. 1988)."""
    n0, n1 = of_real.shape[-1], of_synthetic.shape[-1]
    return of_real.var(-1, ddof=1) / n0 + of_synthetic.var(-1, ddof=1) / n1


def auc_interval(
    auc: float, variance: float, n0: int, n1: int, level: float = 0.95
) -> tuple[float, float]:
    """Return the interval of one reader's AUC: on the logit scale, with DeLong's variance.

    The logit keeps it between 0 and 1 and covers better than the plain interval where the AUC is
    high (Qin & Hotilovac 2008). Without variance (all or no pairs in the right order, or constant
    ratings) it is the score interval of Newcombe (2006, method 5), which has a width there.
    """
    z = float(norm.ppf(0.5 + level / 2))
    if variance <= 0 or not 0 < auc < 1:
        return _newcombe(auc, n0, n1, z)
    centre = np.log(auc / (1 - auc))
    half = z * np.sqrt(variance) / (auc * (1 - auc))
    low, high = (1 / (1 + np.exp(-(centre + sign * half))) for sign in (-1, 1))
    return float(low), float(high)


def _newcombe(auc: float, n0: int, n1: int, z: float) -> tuple[float, float]:
    """Return the AUCs that lie z standard errors away, by their own variance.

    The variance is that of Hanley & McNeil (1982) for exponential ratings, with both sample sizes
    in its numerator replaced by their mean.
    """

    def distance(true: float) -> float:
        spread = (1 - true) / (2 - true) + true / (1 + true)
        variance = true * (1 - true) * (1 + ((n0 + n1) / 2 - 1) * spread) / (n0 * n1)
        return (auc - true) ** 2 - z * z * variance

    near = 1e-9  # 0 and 1 are at no distance from themselves
    below, above = (0.0, min(auc, 1 - near)), (max(auc, near), 1.0)
    low = 0.0 if auc <= 0 else root_scalar(distance, bracket=below).root
    high = 1.0 if auc >= 1 else root_scalar(distance, bracket=above).root
    return float(low), float(high)
