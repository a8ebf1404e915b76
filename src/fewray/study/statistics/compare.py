"""The trial's one rule: the paired difference of two arms, its interval and p-value, and Holm's correction.

Rows of a patient are alike, and rows of a fold share the trainings that predict them. The rule counts both: two-way
clustering by patient and by training (Cameron, Gelbach & Miller 2011). What was measured about it is in docs/crossval.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import binom, t

from fewray.errors import InputError
from fewray.study.statistics.patients import LEAST, effective_patients
from fewray.study.statistics.power import minimal_detectable

ALPHA = 0.05


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """An arm against the reference. ``difference``, ``ci``, ``standard_error`` are shares of rows right, arm - reference.

    ``discordance`` is the share of rows that one arm has right and the other wrong, mean over trainings.
    ``training_share`` is the part of the variance that comes from the trainings, None with one seed: it is then not
    known, and left out of the interval. ``trainings`` are its degrees of freedom. ``seeds_disagree`` is the share of rows
    that two seeds do not agree on, mean of both arms: right with one, wrong with the other; None with one seed.
    """

    difference: float
    ci: tuple[float, float]
    p: float
    p_mcnemar: float
    p_corrected_t: float | None
    minimal_detectable: float
    minimal_detectable_holm: float
    discordance: float
    standard_error: float
    df: float
    training_share: float | None
    trainings: int
    seeds_disagree: float | None

    def to_json(self) -> dict[str, Any]:
        """Return the fields in the order of study.json."""
        return {
            "difference": self.difference,
            "ci": list(self.ci),
            "p": self.p,
            "p_mcnemar": self.p_mcnemar,
            "p_corrected_t": self.p_corrected_t,
            "minimal_detectable": self.minimal_detectable,
            "minimal_detectable_holm": self.minimal_detectable_holm,
            "discordance": self.discordance,
            "standard_error": self.standard_error,
            "df": self.df,
            "training_share": self.training_share,
            "trainings": self.trainings,
            "seeds_disagree": self.seeds_disagree,
        }


def compare(
    reference: np.ndarray,
    arm: np.ndarray,
    folds: np.ndarray,
    groups: np.ndarray,
    *,
    comparisons: int = 1,
) -> Comparison:
    """Compare ``arm`` with ``reference``: bool (repeats, seeds, rows), whether a row's class was predicted.

    ``folds`` int (repeats, rows) names the fold that tests a row, ``groups`` int (rows,) its patient. Seeds and
    repeats are averaged first: they repeat the same patients. ``comparisons`` is how many arms Holm's correction is
    over. The interval is for other patients and trainings, given what all seeds share (the generators). InputError
    where shapes do not fit or there are fewer than two patients.
    """
    d = _differences(reference, arm, folds, groups)
    value = float(d.mean())
    of_patients, patients = patient_variance(d.mean((0, 1)), groups)
    least = _one_patient(groups)
    of_trainings, spread, trainings = training_variance(d, folds, groups)
    variance = of_patients + of_trainings
    df = variance**2 / (
        of_patients**2 / (patients - 1) + (of_trainings**2 / trainings if trainings else 0.0)
    )
    error = float(np.sqrt(variance))
    half = float(t.ppf(1 - ALPHA / 2, df)) * error
    known = variance**2 / (
        of_patients**2 / (patients - 1) + (spread**2 / trainings if trainings else 0.0)
    )
    detectable = [
        minimal_detectable(d, variance, df, known, alpha=a, least=least)
        for a in (ALPHA, ALPHA / comparisons)
    ]
    return Comparison(
        difference=value,
        ci=(max(-1.0, value - half), min(1.0, value + half)),
        p=float(2 * t.sf(abs(value) / error, df)),
        p_mcnemar=mcnemar(reference, arm),
        p_corrected_t=corrected_t(d, folds),
        minimal_detectable=detectable[0],
        minimal_detectable_holm=detectable[1],
        discordance=float((d != 0).mean()),
        standard_error=error,
        df=float(df),
        training_share=float(of_trainings / variance) if trainings else None,
        trainings=trainings,
        seeds_disagree=float(np.mean([_disagreement(x) for x in (reference, arm)]))
        if trainings
        else None,
    )


def _disagreement(right: np.ndarray) -> float:
    """Return the chance that two seeds differ on a row: bool (repeats, seeds, rows)."""
    seeds = right.shape[1]
    share = right.mean(1)
    return float((2 * share * (1 - share)).mean() * seeds / (seeds - 1))


def patient_variance(mean_difference: np.ndarray, groups: np.ndarray) -> tuple[float, float]:
    """Return the variance of the mean of float (rows,) over patients, and how many patients P it rests on.

    Cluster-robust: the sums over each patient's rows of the distance from the mean, squared, times P/(P - 1), where P
    are the effective patients: with one patient of a hundred rows among forty of one, the count of patients would give
    one difference in four real that is none. Never less than one discordant patient of middling size would give: that
    none was seen is not proof that there are none.
    """
    _, codes = np.unique(groups, return_inverse=True)
    sums = np.bincount(codes, mean_difference - mean_difference.mean())
    patients = max(LEAST, effective_patients(groups))
    seen = float(patients / (patients - 1) * (sums**2).sum()) / len(mean_difference) ** 2
    return max(_one_patient(groups), seen), patients


def _one_patient(groups: np.ndarray) -> float:
    """Return the square of what one patient adds to the mean, averaged over patients: 1/n squared for n of one row each."""
    return 1 / (len(np.unique(groups)) * effective_patients(groups))


def training_variance(
    d: np.ndarray, folds: np.ndarray, groups: np.ndarray
) -> tuple[float, float, int]:
    """Return the variance that the trainings add to :func:`patient_variance`, never negative.

    It is the spread over seeds of a fold's mean difference, divided by the seeds, less the part that is chance among the
    fold's patients, which that function has counted. Also the spread alone and its degrees of freedom. 0 with one seed.
    """
    repeats, seeds, n = d.shape
    if seeds < 2:
        return 0.0, 0.0, 0
    spread, counted, df = 0.0, 0.0, 0
    for repeat in range(repeats):
        for fold in np.unique(folds[repeat]):
            rows = folds[repeat] == fold
            off = d[repeat][:, rows] - d[repeat][:, rows].mean(0)
            by_seed = off.mean(1)
            _, codes = np.unique(groups[rows], return_inverse=True)
            patients = codes.max() + 1
            df += seeds - 1
            weight = rows.sum() ** 2 / (seeds * (seeds - 1))
            spread += weight * float((by_seed**2).sum())
            if patients > 1:
                sums = np.stack([np.bincount(codes, row) for row in off - by_seed[:, None]])
                counted += (
                    patients / (patients - 1) * float((sums**2).sum()) / (seeds * (seeds - 1))
                )
    scale = (n * repeats) ** 2
    return max(0.0, spread - counted) / scale, spread / scale, df


def mcnemar(reference: np.ndarray, arm: np.ndarray) -> float:
    """Return the exact two-sided p-value of McNemar's test (1947) on each row's majority vote, ties by the first training.

    Descriptive: it takes rows for independent and the trained models for the only ones there could be.
    """
    first, second = (
        np.where((share := x.mean((0, 1))) == 0.5, x[0, 0], share > 0.5).astype(bool)
        for x in (reference, arm)
    )
    gained, lost = int((second & ~first).sum()), int((first & ~second).sum())
    return float(min(1.0, 2 * binom.cdf(min(gained, lost), gained + lost, 0.5)))


def corrected_t(d: np.ndarray, folds: np.ndarray) -> float | None:
    """Return the p-value of the corrected resampled t-test (Nadeau & Bengio 2003) over repeats x folds, or None.

    The variance of the J fold means is multiplied by 1/J + test rows / training rows, df = J - 1. None where all folds
    have the same difference and it is not 0. Descriptive: with one repeat it has K - 1 degrees of freedom.
    """
    means, ratios = [], []
    for repeat, fold_of in enumerate(folds):
        for fold in np.unique(fold_of):
            rows = fold_of == fold
            means.append(d[repeat][:, rows].mean())
            ratios.append(rows.sum() / (~rows).sum())
    spread = np.var(means, ddof=1)
    if np.isclose(spread, 0, atol=1e-20):
        return 1.0 if np.isclose(np.mean(means), 0) else None
    error = np.sqrt(spread * (1 / len(means) + np.mean(ratios)))
    return float(2 * t.sf(abs(np.mean(means)) / error, len(means) - 1))


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return the p-values corrected for their number (Holm 1979): the smallest times m, the next times m - 1, ..."""
    ordered = sorted(p_values, key=lambda name: p_values[name])
    found, least = {}, 0.0
    for rank, name in enumerate(ordered):
        least = max(least, min(1.0, (len(ordered) - rank) * p_values[name]))
        found[name] = least
    return {name: found[name] for name in p_values}


def _differences(
    reference: np.ndarray, arm: np.ndarray, folds: np.ndarray, groups: np.ndarray
) -> np.ndarray:
    """Return float (repeats, seeds, rows), arm - reference in -1, 0, 1, after the shapes were checked."""
    if reference.ndim != 3 or reference.shape != arm.shape:
        raise InputError(
            f"reference {reference.shape}, arm {arm.shape}: the same (repeats, seeds, rows) are wanted for both"
        )
    repeats, _, n = reference.shape
    if folds.shape != (repeats, n) or groups.shape != (n,):
        raise InputError(
            f"folds {folds.shape}, groups {groups.shape}: {(repeats, n)} and {(n,)} are wanted"
        )
    if len(np.unique(groups)) < 2:
        raise InputError(
            f"{n} rows of {len(np.unique(groups))} patient: at least 2 patients are wanted"
        )
    return arm.astype(float) - reference.astype(float)
