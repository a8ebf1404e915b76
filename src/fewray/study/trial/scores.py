"""An arm's figures from its out-of-fold predictions, each with a patient-clustered bootstrap interval.

All figures are means over seeds and partitions, of those in which the figure is defined. A draw takes patients with
replacement, all films of each and every seed's predictions of them together, so that more seeds make no interval narrower
than the patients allow. Where there are several seeds, the draws are spread out so that their variance has the trainings'
in it too: that of the figure over seeds, divided by their number. With one seed the interval is conditional on the trained
networks. AUROC is computed within each fold and averaged, never pooled across networks.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fewray.classify.scores import fold_auroc_of_draws, wilson
from fewray.device import child_seed

DRAWS = 1000
BINS = 10
PER_CLASS = ("sensitivity", "specificity", "ppv", "f1", "auroc")


def patient_weights(groups: np.ndarray, seed: int, draws: int = DRAWS) -> np.ndarray:
    """Return float64 (1 + draws, n): how often each row counts; first the data as they are, then bootstrap draws."""
    codes = np.unique(groups, return_inverse=True)[1]
    count = int(codes.max()) + 1
    rng = np.random.default_rng(child_seed(seed, "patients"))
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=draws)
    return np.concatenate([np.ones((1, len(groups))), drawn[:, codes]])


def arm_scores(
    probabilities: np.ndarray, labels: np.ndarray, folds: np.ndarray, weights: np.ndarray, classes: Sequence[str]
) -> dict[str, Any]:
    """Return the schema's scores of one arm.

    ``probabilities`` (partitions, seeds, n, k), ``labels`` (n,), ``folds`` (partitions, n), ``weights`` as
    :func:`patient_weights`. Undefined figures are None; a bootstrap draw in which a figure is undefined is left out of its
    interval.
    """
    partitions, seeds = probabilities.shape[:2]
    made = [figures(probabilities[p, s], labels, folds[p], weights) for p in range(partitions) for s in range(seeds)]
    each = {name: np.stack([one[name] for one in made]) for name in made[0]}
    correct = probabilities.argmax(-1) == labels
    positives = np.bincount(labels, minlength=len(classes))
    called = each["confusion"][:, 0].sum(1).mean(0).round().astype(int)
    of = {"sensitivity": positives, "specificity": len(labels) - positives, "ppv": np.maximum(called, 1)}
    found: dict[str, Any] = {
        "accuracy": _with_interval(each["accuracy"], count=len(labels)),
        "balanced_accuracy": _with_interval(each["balanced_accuracy"], count=int(positives.min())),
        "brier": _with_interval(each["brier"], most=2.0),
        "calibration_error": _with_interval(each["calibration_error"], centred=True),
        "auroc": _with_interval(each["auroc"].mean(-1)),
    }
    found["accuracy"] |= {
        "by_seed": correct.mean((0, 2)).tolist(),
        "by_fold": [
            [float(correct[p][:, folds[p] == f].mean()) for f in range(int(folds[p].max()) + 1)]
            for p in range(partitions)
        ],
    }
    found["per_class"] = {
        label: {
            name: _with_interval(each[name][..., index], count=int(of[name][index]) if name in of else None)
            for name in PER_CLASS
        }
        for index, label in enumerate(classes)
    }
    found["confusion"] = each["confusion"][:, 0].mean(0).tolist()
    return found


def figures(
    probabilities: np.ndarray, labels: np.ndarray, folds: np.ndarray, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """Return every figure of one seed under each weighting (b, n): (b,), by class (b, k), ``confusion`` (b, k, k)."""
    k = probabilities.shape[1]
    predicted = probabilities.argmax(1)
    confusion = (weights @ _one_hot(labels * k + predicted, k * k)).reshape(-1, k, k)
    total, positives, called = confusion.sum((1, 2)), confusion.sum(2), confusion.sum(1)
    hits = np.diagonal(confusion, axis1=1, axis2=2)
    sensitivity = _ratio(hits, positives)
    rest = total[:, None] - positives
    squares = ((probabilities - np.eye(k)[labels]) ** 2).sum(1)
    return {
        "accuracy": hits.sum(1) / total,
        "balanced_accuracy": np.nanmean(sensitivity, axis=1),
        "brier": weights @ squares / total,
        "calibration_error": _calibration_error(probabilities.max(1), predicted == labels, weights),
        "auroc": fold_auroc_of_draws(labels, probabilities, folds, weights),
        "sensitivity": sensitivity,
        "specificity": _ratio(rest - (called - hits), rest),
        "ppv": _ratio(hits, called),
        "f1": _ratio(2 * hits, positives + called),
        "confusion": confusion,
    }


def _calibration_error(confidence: np.ndarray, correct: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return (b,): what ``classify.scores.calibration_error`` is under each weighting."""
    bins = _one_hot(np.searchsorted(np.arange(1, BINS) / BINS, confidence, side="left"), BINS)
    gap = (correct.astype(float) - confidence)[:, None] * bins
    return np.abs(weights @ gap).sum(1) / weights.sum(1)


def _one_hot(codes: np.ndarray, k: int) -> np.ndarray:
    return np.eye(k)[codes]


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Divide; where the denominator is 0 the figure is undefined (NaN)."""
    return np.divide(above, below, out=np.full(np.shape(above), np.nan), where=np.asarray(below) > 0)


def _with_interval(
    values: np.ndarray, *, count: int | None = None, most: float = 1.0, centred: bool = False
) -> dict[str, Any]:
    """Return ``value`` and its 95 % interval, from the figure of each training under each weighting: (trainings, b).

    ``count`` is the number of rows that a share is of: where no draw differs from the value (all rows right, or none),
    the interval is Wilson's of so many rows, and null for a figure that is no share. ``centred`` moves the draws onto
    the value, for a figure that resampling itself makes larger. Values reach from 0 to ``most``.
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
    own = float(draws.var())
    if own < 1e-18:
        share = None if count is None else [float(end) for end in wilson(value * count, count)]
        return {"value": value, "ci": share}
    of_trainings = float(values[:, 0].var(ddof=1)) / len(values) if len(values) > 1 else 0.0
    if centred:
        draws = draws + (value - draws.mean())
    draws = value + (draws - value) * np.sqrt(1 + of_trainings / own)
    return {"value": value, "ci": [float(v) for v in np.clip(np.quantile(draws, (0.025, 0.975)), 0, most)]}


def accuracy_only(correct: np.ndarray, weights: np.ndarray) -> dict[str, Any]:
    """Return accuracy with its interval, for ``correct`` (..., n): one row for each training of the set."""
    each = correct.reshape(-1, correct.shape[-1]) @ weights.T / np.maximum(weights.sum(1), 1e-12)
    return _with_interval(each, count=correct.shape[-1])


def renormalised(probabilities: np.ndarray, kept: Sequence[int]) -> np.ndarray:
    """Return the probabilities (..., k) of the kept classes alone, summing to 1."""
    part = probabilities[..., list(kept)]
    total = part.sum(-1, keepdims=True)
    return np.where(total > 0, part / np.maximum(total, 1e-12), 1 / len(kept))


def as_arrays(
    results: Mapping[tuple[int, int, int], Any], tests: Mapping[tuple[int, int], np.ndarray], n: int
) -> np.ndarray:
    """Return (partitions, seeds, n, k) from predictions by (partition, fold, seed) of the rows ``tests`` names."""
    partitions, seeds = 1 + max(p for p, _, _ in results), 1 + max(s for _, _, s in results)
    k = len(next(iter(results.values()))[0])
    made = np.full((partitions, seeds, n, k), np.nan)
    for (p, f, s), found in results.items():
        made[p, s, tests[p, f]] = found
    assert not np.isnan(made).any()
    return made
