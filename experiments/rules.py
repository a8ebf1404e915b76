"""The decision rules that calibration.py compares, each with its p-value and coverage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import t

from fewray.study.statistics.compare import (
    Comparison,
    corrected_t,
    patient_variance,
    training_variance,
)

DRAWS = 999
"""Permutations and bootstrap samples."""
Decision = tuple[float, bool | None]
"""The p-value of no difference; whether the 95% interval covers the truth (None: no interval)."""


def two_way(found: Comparison, truth: float) -> Decision:
    """Return what the study itself reports."""
    return found.p, found.ci[0] <= truth <= found.ci[1]


def half_training(d: np.ndarray, folds: np.ndarray, groups: np.ndarray, truth: float) -> Decision:
    """Apply two-way clustering with half of the training variance: a shrunken estimate of it."""
    of_patients, patients = patient_variance(d.mean((0, 1)), groups)
    part, _, training_df = training_variance(d, folds, groups)
    variance = of_patients + part / 2
    df = variance**2 / (of_patients**2 / (patients - 1) + (part / 2) ** 2 / max(training_df, 1))
    return _t_test(d.mean(), variance, df, truth)


def patients_only(d: np.ndarray, groups: np.ndarray, truth: float) -> Decision:
    """Apply a t-test clustered by patient, which treats the trained networks as fixed."""
    variance, patients = patient_variance(d.mean((0, 1)), groups)
    return _t_test(d.mean(), variance, patients - 1, truth)


@dataclass(frozen=True, kw_only=True)
class Resampling:
    """Random draws that all cohorts of one layout share."""

    signs: np.ndarray
    """(draws, patients), -1 or 1."""
    weights: np.ndarray
    """(draws, images): how often the image's patient is drawn."""
    seeds: np.ndarray
    """(repeats, folds, draws, seeds): how often each seed is drawn, as a share."""


def resampling(
    folds: np.ndarray, groups: np.ndarray, seeds: int, rng: np.random.Generator
) -> Resampling:
    """Draw signs of patients, and patients and the seeds of every fold with replacement."""
    patients = groups.max() + 1
    shape = (len(folds), folds.max() + 1, DRAWS)
    signs = rng.integers(0, 2, (DRAWS, patients)) * 2.0 - 1
    drawn = rng.multinomial(patients, np.full(patients, 1 / patients), DRAWS)
    return Resampling(
        signs=signs,
        weights=drawn[:, groups].astype(float),
        seeds=rng.multinomial(seeds, np.full(seeds, 1 / seeds), shape) / seeds,
    )


def sign_flip(d: np.ndarray, groups: np.ndarray, truth: float, drawn: Resampling) -> Decision:
    """Swap the arms of whole patients at random. The interval holds the shifts not rejected."""
    sizes = np.bincount(groups)
    sums = np.bincount(groups, d.mean((0, 1)))

    def p(shift: float) -> float:
        off = sums - shift * sizes
        return float(1 + (np.abs(drawn.signs @ off) >= abs(off.sum()) - 1e-9).sum()) / (DRAWS + 1)

    return p(0.0), p(truth) > 0.05


def bootstrap(d: np.ndarray, folds: np.ndarray, truth: float, drawn: Resampling) -> Decision:
    """Apply a percentile bootstrap on two levels: patients, and the seeds of each fold."""
    total = np.zeros(DRAWS)
    for repeat, fold_of in enumerate(folds):
        for fold in np.unique(fold_of):
            rows = fold_of == fold
            by_seed = drawn.weights[:, rows] @ d[repeat][:, rows].T
            total += (by_seed * drawn.seeds[repeat, fold]).sum(1)
    values = total / (len(folds) * drawn.weights.sum(1))
    low, high = np.quantile(values, (0.025, 0.975))
    p = min(1.0, 2 * (1 + min((values <= 0).sum(), (values >= 0).sum())) / (DRAWS + 1))
    return p, bool(low <= truth <= high)


def corrected(d: np.ndarray, folds: np.ndarray, truth: float) -> Decision:
    """Apply the corrected resampled t-test over repeats x folds."""
    at_zero, at_truth = corrected_t(d, folds), corrected_t(d - truth, folds)
    return 1.0 if at_zero is None else at_zero, at_truth is not None and at_truth > 0.05


def decisions(
    found: Comparison,
    d: np.ndarray,
    folds: np.ndarray,
    groups: np.ndarray,
    truth: float,
    drawn: Resampling,
) -> dict[str, Decision]:
    """Return every rule's decision on one cohort; d (repeats, seeds, images) is -1, 0 or 1."""
    rules: dict[str, Callable[[], Decision]] = {
        "two-way clustering": lambda: two_way(found, truth),
        "two-way, half the training variance": lambda: half_training(d, folds, groups, truth),
        "patients only": lambda: patients_only(d, groups, truth),
        "sign-flip by patient": lambda: sign_flip(d, groups, truth, drawn),
        "bootstrap of patients and seeds": lambda: bootstrap(d, folds, truth, drawn),
        "corrected t": lambda: corrected(d, folds, truth),
        "McNemar": lambda: (found.p_mcnemar, None),
    }
    return {name: rule() for name, rule in rules.items()}


def _t_test(value: float, variance: float, df: float, truth: float) -> Decision:
    error = np.sqrt(variance)
    covers = abs(value - truth) <= t.ppf(0.975, df) * error
    return float(2 * t.sf(abs(value) / error, df)), bool(covers)
