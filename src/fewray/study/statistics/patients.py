"""Patients with several images: their effective number, a bootstrap over patients, intervals."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.stats import t

from fewray.classify.scores import wilson
from fewray.compute.seeds import child_seed

DRAWS = 1000
MIN_PATIENTS = 1.1
"""Lower limit of the effective number of patients: P/(P - 1) must stay finite."""


def effective_patients(groups: np.ndarray) -> float:
    """Return (sum of m)^2 / sum of m^2 over the patients' numbers of images m (Kish 1965).

    ``groups`` (n,) is each image's patient. The result is the number of patients if all have
    equally many images, near 1 if one patient has most of them, and 0 for no images.
    """
    sizes = np.unique(groups, return_counts=True)[1].astype(float)
    return float(sizes.sum() ** 2 / (sizes**2).sum()) if len(sizes) else 0.0


@dataclass(frozen=True)
class PatientBootstrap:
    """Bootstrap draws of patients with replacement, each with all images of a patient.

    ``groups`` (n,) is each image's patient. ``weights`` float64 (1 + draws, n) is how often an
    image counts: first the data as they are, then each draw.
    """

    groups: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, groups: np.ndarray, seed: int, draws: int = DRAWS) -> PatientBootstrap:
        """Draw ``draws`` times; the result depends on the seed and the number of patients."""
        codes = np.unique(groups, return_inverse=True)[1]
        count = int(codes.max()) + 1
        rng = np.random.default_rng(child_seed(seed, "patients"))
        drawn = rng.multinomial(count, np.full(count, 1 / count), size=draws)
        return cls(groups, np.concatenate([np.ones((1, len(groups))), drawn[:, codes]]))

    def patients(self, images: np.ndarray | None = None) -> float:
        """Return the effective number of patients, of all images or of those in bool (n,)."""
        return effective_patients(self.groups if images is None else self.groups[images])


def with_interval(
    values: np.ndarray, patients: float, *, most: float = 1.0, centred: bool = False
) -> tuple[float | None, tuple[float, float] | None]:
    """Return a score and its 95% interval, None where undefined.

    ``values`` (training runs, 1 + draws) are the score of each run under each bootstrap weighting,
    from 0 to ``most``; NaN is left out. ``patients`` is the effective number P behind the score.
    The interval is Wilson's (1927) for n = v (1 - v) / variance patients and a quantile of
    Student's t (Dean & Pagano 2015); it holds for any score in that range, since none varies more
    than a proportion. The variance is that of the draws times P/(P - 1), plus that over training
    runs divided by their number; if it is 0, n is P. ``centred`` gives a symmetric interval, cut to
    the range, for a score whose variance does not vanish at its ends (the calibration error).
    """
    values = values[~np.isnan(values[:, 0])]
    if not len(values):
        return None, None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a draw can be undefined in every run
        means = np.nanmean(values, axis=0)
    value, draws = float(means[0]), means[1:][~np.isnan(means[1:])]
    if not len(draws):
        return value, None
    share, p, runs = min(1.0, value / most), max(MIN_PATIENTS, patients), len(values)
    of_patients = float(draws.var()) * p / (p - 1) / most**2
    of_training = float(values[:, 0].var(ddof=1)) / runs / most**2 if runs > 1 else 0.0
    variance = of_patients + of_training
    if variance < 1e-18 or share in (0.0, 1.0):
        low, high = wilson(share * p, p)
        return value, (most * low, most * high)
    training_part = of_training**2 / (runs - 1) if runs > 1 else 0.0
    quantile = float(t.ppf(0.975, variance**2 / (of_patients**2 / (p - 1) + training_part)))
    if centred:
        half = quantile * variance**0.5
        low, high = max(0.0, share - half), min(1.0, share + half)
    else:
        n = share * (1 - share) / variance
        low, high = wilson(share * n, n, quantile=quantile)
    return value, (most * low, most * high)
