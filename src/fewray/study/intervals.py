"""Intervals of an arm's own scores: a bootstrap of patients, by weights in place of copied rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

DRAWS = 1000


def patient_weights(groups: np.ndarray, *, draws: int = DRAWS, seed: int = 0) -> np.ndarray:
    """Return float64 (draws, rows): how often each row's patient was drawn, P patients with replacement in every draw."""
    _, codes = np.unique(groups, return_inverse=True)
    patients = codes.max() + 1
    drawn = np.random.default_rng(seed).integers(0, patients, (draws, patients))
    drawn += patients * np.arange(draws)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=draws * patients).reshape(draws, patients)
    return counts[:, codes].astype(float)


def interval_of(
    score: Callable[[np.ndarray], np.ndarray],
    groups: np.ndarray,
    seed: int,
    *,
    draws: int = DRAWS,
    level: float = 0.95,
) -> tuple[float, float] | None:
    """Return the percentile interval of a score over patients (Efron 1979), or None where it is hardly ever defined.

    ``score`` takes weights (draws, rows) and returns (draws,), NaN where a draw has no row of a class: those are left
    out. ``groups`` (rows,) are the patients. The trained networks are taken as given: with few seeds it is too narrow for
    other trainings. Percentiles are a little too narrow below some 50 patients. At least half of the draws must count.
    """
    values = np.asarray(score(patient_weights(groups, draws=draws, seed=seed)), float)
    values = values[np.isfinite(values)]
    if len(values) < draws / 2:
        return None
    low, high = np.quantile(values, (0.5 - level / 2, 0.5 + level / 2))
    return float(low), float(high)


def weighted_mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the mean of float (rows,) for each of the weights (draws, rows); NaN where they are all 0.

    Accuracy is the mean of ``correct.mean((0, 1))``, sensitivity that over the rows of a class.
    """
    total = weights.sum(1)
    return np.divide(weights @ values, total, out=np.full(len(weights), np.nan), where=total > 0)


def weighted_balanced_accuracy(correct: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return (draws,): the mean over classes of the weighted share of rows that are right, float ``correct`` (rows,)."""
    return np.mean([weighted_mean(correct[labels == k], weights[:, labels == k]) for k in np.unique(labels)], axis=0)


def weighted_auroc(positive: np.ndarray, score: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return (draws,): the area under the ROC curve by weights (draws, rows), ties by half, NaN where a side is empty.

    ``positive`` bool (rows,), ``score`` float (rows,). One model's rows only: never pooled over folds.
    """
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.diff(score[order], prepend=-np.inf))
    above = np.add.reduceat(weights[:, order] * positive[order], starts, axis=1)
    below = np.add.reduceat(weights[:, order] * ~positive[order], starts, axis=1)
    pairs = above.sum(1) * below.sum(1)
    won = (above * (below.cumsum(1) - below / 2)).sum(1)
    return np.divide(won, pairs, out=np.full(len(weights), np.nan), where=pairs > 0)
