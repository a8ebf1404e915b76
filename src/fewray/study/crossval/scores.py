"""An arm's figures from its out-of-fold predictions, each with an interval over patients and trainings.

All figures are means over seeds and repeats, of those in which the figure is defined. A draw takes patients with
replacement, all films of each and every seed's predictions of them together, so that more seeds make no interval narrower
than the patients allow. With one seed the interval is conditional on the trained networks. AUROC is computed within each
fold and averaged, never pooled across networks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fewray.classify.scores import fold_auroc_of_draws
from fewray.study.statistics.patients import PatientBootstrap, with_interval

BINS = 10
PER_CLASS = ("sensitivity", "specificity", "ppv", "f1", "auroc")


def arm_scores(
    probabilities: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    draws: PatientBootstrap,
    classes: Sequence[str],
) -> dict[str, Any]:
    """Return the schema's scores of one arm.

    ``probabilities`` (repeats, seeds, n, k), ``labels`` (n,), ``folds`` (repeats, n). Undefined figures are None; a
    draw in which a figure is undefined is left out of its interval. An interval rests on the patients the figure is about:
    those of the class for sensitivity and F1, the others for specificity, the scarcer of both for AUROC, of the scarcest
    class for figures that weigh classes alike, the share of all that is called so for PPV.
    """
    repeats, seeds = probabilities.shape[:2]
    made = [
        figures(probabilities[p, s], labels, folds[p], draws.weights)
        for p in range(repeats)
        for s in range(seeds)
    ]
    each = {name: np.stack([one[name] for one in made]) for name in made[0]}
    correct = probabilities.argmax(-1) == labels
    inside, outside = (
        np.array([draws.patients((labels == k) == here) for k in range(len(classes))])
        for here in (True, False)
    )
    called = each["confusion"][:, 0].sum(1).mean(0) / len(labels) * draws.patients()
    of = {
        "sensitivity": inside,
        "specificity": outside,
        "ppv": called,
        "f1": inside,
        "auroc": np.minimum(inside, outside),
    }
    found: dict[str, Any] = {
        "accuracy": with_interval(each["accuracy"], draws.patients()),
        "balanced_accuracy": with_interval(each["balanced_accuracy"], float(inside.min())),
        "brier": with_interval(each["brier"], draws.patients(), most=2.0),
        "calibration_error": with_interval(
            each["calibration_error"], draws.patients(), centred=True
        ),
        "auroc": with_interval(each["auroc"].mean(-1), float(inside.min())),
    }
    found["accuracy"] |= {
        "by_seed": correct.mean((0, 2)).tolist(),
        "by_fold": [
            [float(correct[p][:, folds[p] == f].mean()) for f in range(int(folds[p].max()) + 1)]
            for p in range(repeats)
        ],
    }
    found["per_class"] = {
        label: {
            name: with_interval(each[name][..., index], float(of[name][index]))
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


def _calibration_error(
    confidence: np.ndarray, correct: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Return (b,): what ``classify.scores.calibration_error`` is under each weighting."""
    bins = _one_hot(np.searchsorted(np.arange(1, BINS) / BINS, confidence, side="left"), BINS)
    gap = (correct.astype(float) - confidence)[:, None] * bins
    return np.abs(weights @ gap).sum(1) / weights.sum(1)


def _one_hot(codes: np.ndarray, k: int) -> np.ndarray:
    return np.eye(k)[codes]


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Divide; where the denominator is 0 the figure is undefined (NaN)."""
    return np.divide(
        above, below, out=np.full(np.shape(above), np.nan), where=np.asarray(below) > 0
    )


def accuracy_only(correct: np.ndarray, draws: PatientBootstrap) -> dict[str, Any]:
    """Return accuracy with its interval, for ``correct`` (..., n): one row for each training of the set."""
    weights = draws.weights
    each = correct.reshape(-1, correct.shape[-1]) @ weights.T / np.maximum(weights.sum(1), 1e-12)
    return with_interval(each, draws.patients())


def renormalised(probabilities: np.ndarray, kept: Sequence[int]) -> np.ndarray:
    """Return the probabilities (..., k) of the kept classes alone, summing to 1."""
    part = probabilities[..., list(kept)]
    total = part.sum(-1, keepdims=True)
    return np.where(total > 0, part / np.maximum(total, 1e-12), 1 / len(kept))


def as_arrays(
    results: Mapping[tuple[int, int, int], Any], tests: Mapping[tuple[int, int], np.ndarray], n: int
) -> np.ndarray:
    """Return (repeats, seeds, n, k) from predictions by (repeat, fold, seed) of the rows ``tests`` names."""
    repeats, seeds = 1 + max(p for p, _, _ in results), 1 + max(s for _, _, s in results)
    k = len(next(iter(results.values()))[0])
    made = np.full((repeats, seeds, n, k), np.nan)
    for (p, f, s), found in results.items():
        made[p, s, tests[p, f]] = found
    assert not np.isnan(made).any()
    return made
