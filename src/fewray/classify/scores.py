"""Scores from confusion matrices and from probabilities, and the interval of a proportion.

``weights`` (n,) say how often each row counts. A bootstrap over patients passes how often it drew
the patient of each row instead of copying rows; a weight of 0 leaves a row out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import norm

from fewray.errors import InputError


def confusion_matrix(
    y_true: np.ndarray, y_pred: np.ndarray, k: int, weights: np.ndarray | None = None
) -> np.ndarray:
    """Return counts (k, k), true class by predicted class: int64, or float64 with ``weights``."""
    rows = k * np.asarray(y_true) + np.asarray(y_pred)
    return np.bincount(rows, weights=weights, minlength=k * k).reshape(k, k)


def per_class(confusion: np.ndarray) -> list[dict[str, float | None]]:
    """Return accuracy, sensitivity, specificity, ppv and f1 of each class against all others.

    A ratio whose denominator is 0 is None. ``f1`` is the harmonic mean of sensitivity and ppv (van
    Rijsbergen 1979).
    """
    total = confusion.sum()
    found: list[dict[str, float | None]] = []
    for index in range(len(confusion)):
        tp = confusion[index, index]
        fn = confusion[index].sum() - tp
        fp = confusion[:, index].sum() - tp
        tn = total - tp - fn - fp
        found.append(
            {
                "accuracy": _ratio(tp + tn, total),
                "sensitivity": _ratio(tp, tp + fn),
                "specificity": _ratio(tn, tn + fp),
                "ppv": _ratio(tp, tp + fp),
                "f1": _ratio(2 * tp, 2 * tp + fp + fn),
            }
        )
    return found


def balanced_accuracy(confusion: np.ndarray) -> float | None:
    """Return the mean sensitivity of the classes that have rows; None without rows."""
    counts = confusion.sum(axis=1)
    present = counts > 0
    return float((np.diag(confusion)[present] / counts[present]).mean()) if present.any() else None


def auroc(
    labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None = None
) -> list[float | None]:
    """Return the area under the ROC curve of each class against all others.

    ``labels`` are int (n,), ``probabilities`` (n, k). The area is the probability that a row of the
    class scores above one of the others, where ties count half (Hanley & McNeil 1982). It is None
    if the class or the others have no row. Few rows make it coarse: it moves in steps of 1 / (rows
    x others).
    """
    return _listed(auroc_of_draws(labels, probabilities, _one_draw(labels, weights))[0])


def fold_auroc(
    labels: np.ndarray,
    probabilities: np.ndarray,
    folds: np.ndarray,
    weights: np.ndarray | None = None,
) -> list[float | None]:
    """Return the AUROC of each class, averaged over the folds in which it is defined.

    ``folds`` (n,) gives the fold in which a row is tested. Scores are not pooled: models trained on
    different folds do not share a scale, and pooling measures that too (Forman & Scholz 2010).
    """
    return _listed(fold_auroc_of_draws(labels, probabilities, folds, _one_draw(labels, weights))[0])


def auroc_of_draws(
    labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Return :func:`auroc` (draws, k) for ``weights`` (draws, n), NaN if undefined.

    Scores are sorted once for all draws.
    """
    weights = _checked(labels, probabilities, weights)
    found = np.empty((len(weights), probabilities.shape[1]))
    for index, scores in enumerate(probabilities.T):
        order = np.argsort(scores, kind="stable")
        ordered = weights[:, order]
        above = np.where(labels[order] == index, ordered, 0.0)
        values = scores[order]
        # Starts of runs of equal scores.
        starts = np.flatnonzero(np.r_[True, values[1:] != values[:-1]][: len(values)])
        if len(starts) < len(values):
            above, ordered = (np.add.reduceat(x, starts, axis=1) for x in (above, ordered))
        below = ordered - above
        passed = np.cumsum(below, axis=1)
        pairs = above.sum(1) * below.sum(1)
        won = (above * (passed - below / 2)).sum(1)
        found[:, index] = np.divide(won, pairs, out=np.full(len(weights), np.nan), where=pairs > 0)
    return found


def fold_auroc_of_draws(
    labels: np.ndarray, probabilities: np.ndarray, folds: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Return :func:`fold_auroc` (draws, k) for ``weights`` (draws, n), NaN if undefined."""
    total = np.zeros((len(weights), probabilities.shape[1]))
    defined = np.zeros(total.shape)
    for fold in np.unique(folds):
        here = np.flatnonzero(folds == fold)
        found = auroc_of_draws(labels[here], probabilities[here], weights[:, here])
        total += np.nan_to_num(found)
        defined += ~np.isnan(found)
    return np.divide(total, defined, out=np.full(total.shape, np.nan), where=defined > 0)


def macro(values: Sequence[float | None]) -> float | None:
    """Return the unweighted mean of the values that are not None, or None if all are."""
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else None


def brier(
    labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None = None
) -> float | None:
    """Return the Brier score, 0 to 2 (Brier 1950); None without rows.

    It is the mean over rows of the squared errors summed over classes: the original definition,
    twice the one that is common for two classes.
    """
    w = _checked(labels, probabilities, _one_draw(labels, weights))[0]
    errors = np.asarray(probabilities, np.float64) - (
        labels[:, None] == np.arange(probabilities.shape[1])
    )
    return _ratio((w * (errors**2).sum(1)).sum(), w.sum())


def calibration_error(
    labels: np.ndarray, probabilities: np.ndarray, bins: int = 10, weights: np.ndarray | None = None
) -> float | None:
    """Return the expected calibration error of the top class (Naeini et al. 2015), or None.

    Rows are sorted into ``bins`` bins (lower, upper] of equal width by the probability of their
    most likely class. The error is the mean, over rows, of the absolute difference between accuracy
    and mean probability in their bin. It is biased upwards with few rows per bin: a perfectly
    calibrated model does not score 0.
    """
    w = _checked(labels, probabilities, _one_draw(labels, weights))[0]
    if bins < 1:
        raise InputError("invalid_bins", f"bins: expected at least 1, got {bins}", found=bins)
    sure = np.asarray(probabilities, np.float64).max(1)
    right = probabilities.argmax(1) == labels
    where = np.searchsorted(np.arange(1, bins) / bins, sure, side="left")
    gaps = np.bincount(where, weights=w * (right - sure), minlength=bins)
    return _ratio(np.abs(gaps).sum(), w.sum())


def wilson(
    successes: float, n: float, level: float = 0.95, *, quantile: float | None = None
) -> tuple[float, float]:
    """Return the score interval of a proportion (Wilson 1927).

    ``successes`` may be a mean over seeds. ``n`` is the number of test images, or their effective
    number: predictions by other seeds on the same images do not add to it. ``quantile`` replaces
    the normal quantile at ``level``.
    """
    z = norm.ppf(0.5 + level / 2) if quantile is None else quantile
    p = successes / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def _ratio(above: float, below: float) -> float | None:
    return float(above / below) if below else None


def _one_draw(labels: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Return ``weights`` (n,), ones if None, as the only draw (1, n)."""
    return (np.ones(len(labels)) if weights is None else np.asarray(weights, np.float64))[None]


def _checked(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return ``weights`` (draws, n) as float64; InputError if shapes or values are invalid."""
    weights = np.asarray(weights, np.float64)
    if (
        probabilities.ndim != 2
        or labels.shape != probabilities.shape[:1]
        or weights.shape[1:] != labels.shape
    ):
        raise InputError(
            "wrong_score_shapes",
            "scores: expected labels (n,), probabilities (n, k) and weights of n rows, got "
            f"{labels.shape}, {probabilities.shape} and {weights.shape[1:]}",
            labels=labels.shape,
            probabilities=probabilities.shape,
            weights=weights.shape[1:],
        )
    if not np.isfinite(probabilities).all():
        raise InputError(
            "probabilities_not_finite",
            "scores: NaN or infinite probabilities; train with a lower learning rate",
        )
    if weights.size and not (weights.min() >= 0 and np.isfinite(weights.max())):
        raise InputError(
            "invalid_weights", "scores: expected weights of at least 0, got negative values or NaN"
        )
    return weights


def _listed(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]
