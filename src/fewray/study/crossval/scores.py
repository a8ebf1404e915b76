"""Scores of an arm from its out-of-fold predictions, each with an interval.

Every score is a mean over the seeds and repeats in which it is defined. The intervals cover other
patients: a bootstrap draw takes patients with replacement, with all images of each and the
predictions of all seeds together, so more seeds never make an interval narrower than the patients
allow. With two or more seeds they also cover the randomness of training. AUROC is computed within
each fold and averaged, never pooled across networks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fewray.classify.scores import fold_auroc_of_draws
from fewray.results.crossval import ArmScores
from fewray.results.scores import Accuracy, ClassScores, Estimate
from fewray.study.crossval.cohort import FoldKey
from fewray.study.statistics.patients import PatientBootstrap, with_interval

BINS = 10
"""Confidence bins of the calibration error."""


def arm_scores(
    probabilities: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    draws: PatientBootstrap,
    classes: Sequence[str],
) -> ArmScores:
    """Return the scores of one arm.

    ``probabilities`` (repeats, seeds, n, k), ``labels`` (n,), ``folds`` (repeats, n). A draw in
    which a score is undefined is left out of its interval. An interval rests on the patients that
    the score is about: those of the class for sensitivity and F1, the others for specificity, the
    fewer of the two for AUROC, those of the rarest class for scores that weight classes equally,
    and for PPV the share of all patients that is predicted as the class.
    """
    repeats, seeds = probabilities.shape[:2]
    by_run = [
        weighted_scores(probabilities[p, s], labels, folds[p], draws.weights)
        for p in range(repeats)
        for s in range(seeds)
    ]
    each = {name: np.stack([run[name] for run in by_run]) for name in by_run[0]}
    patients = draws.patients()
    inside, outside = (
        np.array([draws.patients((labels == k) == here) for k in range(len(classes))])
        for here in (True, False)
    )
    predicted = each["confusion"][:, 0].sum(1).mean(0) / len(labels) * patients
    rarest = float(inside.min())

    def of_class(index: int) -> ClassScores:
        def score(name: str, patients: np.ndarray) -> Estimate:
            return _estimate(each[name][..., index], float(patients[index]))

        return ClassScores(
            sensitivity=score("sensitivity", inside),
            specificity=score("specificity", outside),
            ppv=score("ppv", predicted),
            f1=score("f1", inside),
            auroc=score("auroc", np.minimum(inside, outside)),
        )

    correct = probabilities.argmax(-1) == labels
    accuracy = _estimate(each["accuracy"], patients)
    return ArmScores(
        accuracy=Accuracy(
            value=accuracy.value,
            ci=accuracy.ci,
            by_seed=tuple(correct.mean((0, 2)).tolist()),
            by_fold=tuple(_by_fold(correct[p], folds[p]) for p in range(repeats)),
        ),
        balanced_accuracy=_estimate(each["balanced_accuracy"], rarest),
        auroc=_estimate(each["auroc"].mean(-1), rarest),
        brier=_estimate(each["brier"], patients, most=2.0),
        calibration_error=_estimate(each["calibration_error"], patients, centred=True),
        per_class={label: of_class(index) for index, label in enumerate(classes)},
        confusion=tuple(map(tuple, each["confusion"][:, 0].mean(0).tolist())),
    )


def weighted_scores(
    probabilities: np.ndarray, labels: np.ndarray, folds: np.ndarray, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """Return every score of one seed under each weighting of the images, ``weights`` (b, n).

    Overall scores are (b,), scores per class (b, k), ``confusion`` (b, k, k).
    """
    k = probabilities.shape[1]
    predicted = probabilities.argmax(1)
    confusion = (weights @ _one_hot(labels * k + predicted, k * k)).reshape(-1, k, k)
    total, positives, called = confusion.sum((1, 2)), confusion.sum(2), confusion.sum(1)
    hits = np.diagonal(confusion, axis1=1, axis2=2)
    sensitivity = _ratio(hits, positives)
    negatives = total[:, None] - positives
    squares = ((probabilities - np.eye(k)[labels]) ** 2).sum(1)
    return {
        "accuracy": hits.sum(1) / total,
        "balanced_accuracy": np.nanmean(sensitivity, axis=1),
        "brier": weights @ squares / total,
        "calibration_error": _calibration_error(probabilities.max(1), predicted == labels, weights),
        "auroc": fold_auroc_of_draws(labels, probabilities, folds, weights),
        "sensitivity": sensitivity,
        "specificity": _ratio(negatives - (called - hits), negatives),
        "ppv": _ratio(hits, called),
        "f1": _ratio(2 * hits, positives + called),
        "confusion": confusion,
    }


def accuracy_of(correct: np.ndarray, draws: PatientBootstrap) -> Estimate:
    """Return the accuracy of bool ``correct`` (..., n), one row per training run."""
    weights = draws.weights
    each = correct.reshape(-1, correct.shape[-1]) @ weights.T / np.maximum(weights.sum(1), 1e-12)
    return _estimate(each, draws.patients())


def renormalised(probabilities: np.ndarray, kept: Sequence[int]) -> np.ndarray:
    """Return the probabilities (..., k) of the kept classes alone, scaled to sum to 1."""
    part = probabilities[..., list(kept)]
    total = part.sum(-1, keepdims=True)
    return np.where(total > 0, part / np.maximum(total, 1e-12), 1 / len(kept))


def out_of_fold(
    predictions: Mapping[tuple[FoldKey, int], list[list[float]]],
    tests: Mapping[FoldKey, np.ndarray],
    n: int,
) -> np.ndarray:
    """Return float (repeats, seeds, n, k) from the test predictions by fold and seed."""
    repeats = 1 + max(key.repeat for key, _ in predictions)
    seeds = 1 + max(seed for _, seed in predictions)
    k = len(next(iter(predictions.values()))[0])
    found = np.full((repeats, seeds, n, k), np.nan)
    for (key, seed), probabilities in predictions.items():
        found[key.repeat, seed, tests[key]] = probabilities
    assert not np.isnan(found).any()
    return found


def _estimate(
    values: np.ndarray, patients: float, *, most: float = 1.0, centred: bool = False
) -> Estimate:
    value, ci = with_interval(values, patients, most=most, centred=centred)
    return Estimate(value=value, ci=ci)


def _by_fold(correct: np.ndarray, folds: np.ndarray) -> tuple[float, ...]:
    return tuple(float(correct[:, folds == f].mean()) for f in range(int(folds.max()) + 1))


def _calibration_error(
    confidence: np.ndarray, correct: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Return (b,): ``classify.scores.calibration_error`` under each weighting."""
    bins = _one_hot(np.searchsorted(np.arange(1, BINS) / BINS, confidence, side="left"), BINS)
    gap = (correct.astype(float) - confidence)[:, None] * bins
    return np.abs(weights @ gap).sum(1) / weights.sum(1)


def _one_hot(codes: np.ndarray, k: int) -> np.ndarray:
    return np.eye(k)[codes]


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Divide; NaN (undefined) where the denominator is 0."""
    return np.divide(
        above, below, out=np.full(np.shape(above), np.nan), where=np.asarray(below) > 0
    )
