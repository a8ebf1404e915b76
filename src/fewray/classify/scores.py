"""Scores of a classifier from its confusion matrix, and the interval of a proportion."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm


def confusion_matrix(y_true: np.ndarray, y_pred: np.ndarray, k: int) -> np.ndarray:
    """Return int64 (k, k): row the true class, column the predicted one."""
    return np.bincount(k * np.asarray(y_true) + np.asarray(y_pred), minlength=k * k).reshape(k, k)


def per_class(confusion: np.ndarray) -> list[dict[str, float | None]]:
    """Return accuracy, sensitivity, specificity, ppv and f1 of every class against the rest.

    A ratio whose denominator is 0 is None. ``f1`` is the harmonic mean of sensitivity and ppv (van Rijsbergen 1979).
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
    """Return the mean sensitivity over the classes that have rows, or None without rows."""
    counts = confusion.sum(axis=1)
    present = counts > 0
    return float((np.diag(confusion)[present] / counts[present]).mean()) if present.any() else None


def wilson(successes: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return the score interval of a proportion (Wilson 1927). ``successes`` may be a mean over seeds.

    ``n`` is the number of test images: predictions of other seeds on the same images add none.
    """
    z = norm.ppf(0.5 + level / 2)
    p = successes / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def _ratio(above: float, below: float) -> float | None:
    return float(above / below) if below else None
