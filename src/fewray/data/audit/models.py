"""Simple models that see little or nothing of the lungs, cross-validated.

They are untuned on purpose, and bound from below what a network could learn from the same input
(DeGrave et al. 2021, doi 10.1038/s42256-021-00338-7). File metadata: a random forest of 200 trees.
Thumbnail: a support vector machine with a Gaussian kernel (C = 10, gamma = 1 / number of pixels) on
standardised pixels. Borders: 200 extremely randomised trees (Geurts et al. 2006), which find a
small mark among many pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fewray.imaging.preprocess import resize

SEPARABLE = 0.9
"""One-vs-rest AUROC from which a class counts as identified,"""
STANDARD_ERRORS = 3.5
"""if it is that many standard errors of a random model (Hanley & McNeil 1982) above 0.5. In small
classes, one of four models reaches 0.9 at random now and then."""
SEED_LIMIT = 2**32
"""scikit-learn accepts seeds below this; larger ones are taken modulo it."""
SIDE = 64
"""Side, in pixels, of the image that the border models see."""


Model = Any
"""A classifier of scikit-learn."""


@dataclass(frozen=True, kw_only=True)
class ModelScores:
    """How well one model predicts held-out rows."""

    accuracy: float
    auroc: dict[str, float]
    """By class: one-vs-rest AUROC, computed in each fold and averaged."""
    identified: list[str]
    """The classes that the model separates from the others."""


def forest(seed: int) -> Callable[[], Model]:
    """Return a maker of random forests."""
    from sklearn.ensemble import RandomForestClassifier

    return lambda: RandomForestClassifier(200, min_samples_leaf=2, random_state=seed % SEED_LIMIT)


def extra_trees(seed: int) -> Callable[[], Model]:
    """Return a maker of extremely randomised trees."""
    from sklearn.ensemble import ExtraTreesClassifier

    return lambda: ExtraTreesClassifier(200, min_samples_leaf=2, random_state=seed % SEED_LIMIT)


def support_vectors() -> Model:
    """Return a support vector machine on standardised values."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    return make_pipeline(StandardScaler(), SVC(C=10))


def cross_validate(
    model: Callable[[], Model],
    values: np.ndarray,
    labels: np.ndarray,
    fold_of: np.ndarray,
    classes: Sequence[str],
) -> ModelScores:
    """Predict each row of ``values`` (n, k) by a model fitted to the rows of the other folds."""
    from sklearn.metrics import roc_auc_score

    correct, scores, variances = 0, [[] for _ in classes], [[] for _ in classes]
    for fold in np.unique(fold_of):
        train, test = fold_of != fold, fold_of == fold
        fitted = model().fit(values[train], labels[train])
        found = np.full((int(test.sum()), len(classes)), -np.inf)
        found[:, fitted.classes_] = _class_scores(fitted, values[test])
        correct += int((found.argmax(1) == labels[test]).sum())
        for index in fitted.classes_:
            truth = labels[test] == index
            if 0 < truth.sum() < len(truth):
                scores[index].append(roc_auc_score(truth, found[:, index]))
                variances[index].append((len(truth) + 1) / (12 * truth.sum() * (~truth).sum()))
    auroc, identified = {}, []
    for label, each, variance in zip(classes, scores, variances, strict=True):
        if not each:
            continue
        auroc[label] = float(np.mean(each))
        error = float(np.sqrt(np.sum(variance)) / len(each))
        if auroc[label] >= SEPARABLE and auroc[label] >= 0.5 + STANDARD_ERRORS * error:
            identified.append(label)
    return ModelScores(accuracy=correct / len(labels), auroc=auroc, identified=identified)


def _class_scores(fitted: Model, values: np.ndarray) -> np.ndarray:
    """Return float (n, k), higher for more likely classes."""
    if hasattr(fitted, "predict_proba"):
        return fitted.predict_proba(values)
    found = fitted.decision_function(values)
    return np.stack([-found, found], 1) if found.ndim == 1 else found


def thumbnails(images: np.ndarray, side: int) -> np.ndarray:
    """Return float (n, side * side) in 0 to 1 from uint8 (n, 1, S, S)."""
    return np.stack([resize(image[0], side, "squash").ravel() for image in images]) / 255


def borders(images: np.ndarray, width: int) -> np.ndarray:
    """Return float (n, pixels) in 0 to 1: the outer ``width`` of 64 pixels of each image.

    The centre is blanked out before the reduction, so that nothing of it leaks into the border.
    """
    size = images.shape[-1]
    edge = max(1, round(size * width / SIDE))
    dark = images.copy()
    dark[..., edge : size - edge, edge : size - edge] = 0
    side = min(size, SIDE)
    edge = max(1, round(side * width / SIDE))
    kept = np.ones((side, side), bool)
    kept[edge : side - edge, edge : side - edge] = False
    return thumbnails(dark, side).reshape(len(images), side, side)[:, kept]
