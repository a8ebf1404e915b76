"""Patients with several films: how many a set is worth, draws of them, and the interval of a score that they give."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import t

from fewray.classify.scores import wilson
from fewray.compute.seeds import child_seed

DRAWS = 1000
LEAST = 1.1
"""Effective patients are taken for so many at least: one patient's films tell nothing of others, and nothing divides by 0."""


def effective_patients(groups: np.ndarray) -> float:
    """Return (sum of m)^2 / sum of m^2 over the patients' numbers of films m (Kish 1965), 0 for no films.

    ``groups`` (n,) names each film's patient. It is the number of patients where all have as many films, and near 1 where
    one of them has most: a mean over films is then his mean.
    """
    sizes = np.unique(groups, return_counts=True)[1].astype(float)
    return float(sizes.sum() ** 2 / (sizes**2).sum()) if len(sizes) else 0.0


@dataclass(frozen=True)
class PatientBootstrap:
    """Each film's patient, ``groups`` (n,), and bootstrap draws of patients.

    ``weights`` float64 (1 + draws, n): how often each film counts; first the data as they are, then patients drawn with
    replacement, all films of each.
    """

    groups: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, groups: np.ndarray, seed: int, draws: int = DRAWS) -> PatientBootstrap:
        """Draw ``draws`` times; the draws are a function of the seed and the number of patients."""
        codes = np.unique(groups, return_inverse=True)[1]
        count = int(codes.max()) + 1
        rng = np.random.default_rng(child_seed(seed, "patients"))
        drawn = rng.multinomial(count, np.full(count, 1 / count), size=draws)
        return cls(groups, np.concatenate([np.ones((1, len(groups))), drawn[:, codes]]))

    def patients(self, films: np.ndarray | None = None) -> float:
        """Return the effective number of patients, of all or of the films that bool (n,) marks."""
        return effective_patients(self.groups if films is None else self.groups[films])


def with_interval(
    values: np.ndarray, patients: float, *, most: float = 1.0, centred: bool = False
) -> dict[str, Any]:
    """Return ``value`` and its 95 % interval ``ci`` from a score of each training under each weighting: (trainings, 1 + draws).

    The interval is Wilson's (1927) with the number of patients that the score's variance is worth and Student's t for the
    normal quantile (Dean & Pagano 2015), for a score between 0 and ``most``; it holds for any score in that range, since
    none varies more than a share. ``centred`` makes it symmetric and cut at the ends instead, for a score whose variance
    does not vanish there: the calibration error. The variance is that of the draws, times P/(P - 1), and the trainings': that of the score
    over trainings divided by their number. ``patients`` P are the effective patients behind the score. Where no draw
    differs from the value, it is Wilson's of P. NaN is undefined: such trainings and draws are left out, ``value`` None where
    none is left.
    """
    values = values[~np.isnan(values[:, 0])]
    if not len(values):
        return {"value": None, "ci": None}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a draw may be undefined in every training
        means = np.nanmean(values, axis=0)
    value, draws = float(means[0]), means[1:][~np.isnan(means[1:])]
    if not len(draws):
        return {"value": value, "ci": None}
    share, p, trainings = min(1.0, value / most), max(LEAST, patients), len(values)
    of_patients = float(draws.var()) * p / (p - 1) / most**2
    of_trainings = float(values[:, 0].var(ddof=1)) / trainings / most**2 if trainings > 1 else 0.0
    variance = of_patients + of_trainings
    if variance < 1e-18 or share in (0.0, 1.0):
        return {"value": value, "ci": [most * end for end in wilson(share * p, p)]}
    df = variance**2 / (
        of_patients**2 / (p - 1) + (of_trainings**2 / (trainings - 1) if trainings > 1 else 0.0)
    )
    quantile = float(t.ppf(0.975, df))
    half, worth = quantile * variance**0.5, share * (1 - share) / variance
    ends = (
        (max(0.0, share - half), min(1.0, share + half))
        if centred
        else wilson(share * worth, worth, quantile=quantile)
    )
    return {"value": value, "ci": [most * end for end in ends]}
