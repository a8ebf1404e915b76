"""Can the class be told without looking at the lungs? Simple models on what is not lung, tested in given folds.

The models are untuned on purpose. File metadata: a random forest of 200 trees. Thumbnail: a support vector machine with a
Gaussian kernel (C = 10, gamma = 1 / number of pixels) on standardised pixels. Frames: 200 extremely randomised trees
(Geurts et al. 2006), which find a small mark among many pixels where a kernel of all pixels does not. They bound from below
what a network could read from the same place (DeGrave et al. 2021, doi 10.1038/s42256-021-00338-7).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fewray.errors import InputError
from fewray.imaging.arrays import check_images
from fewray.imaging.preprocess import resize

TOLD_APART = 0.9
"""One-against-rest AUROC from which a class counts as separable,"""
BEYOND_CHANCE = 3.5
"""if it lies as many of its standard errors under chance (Hanley & McNeil 1982) above 0.5: four models of a few films a
class reach 0.9 by chance now and then."""
LARGEST = 2**32
"""Seeds of scikit-learn are below this: larger ones are taken modulo it."""
SIDE = 64
"""Pixels on a side of what the models on frames see; ``FRAMES`` are pixels of these."""
THUMBNAIL = 8
FRAMES = {"border": 6, "centre removed": 8}
"""Width of the frame that is left when the middle of the film is blacked out."""
SOURCES = {
    "metadata": "file metadata",
    "thumbnail": "an 8x8 thumbnail",
    "border": "the image border (6 of 64 pixels)",
    "centre removed": "the image without its centre (48 of 64 pixels)",
}


@dataclass(frozen=True, kw_only=True)
class Shortcut:
    """Accuracy of the metadata model, the share of the largest class, and each class's one-against-rest AUROC."""

    accuracy: float
    majority_class_rate: float
    auroc: dict[str, float]
    folds: int
    identified: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class ShortcutAudit:
    """What each model reached in the folds of a study."""

    rows: int
    majority_class_rate: float
    """Share of the largest class."""
    accuracy: dict[str, float]
    """By model: share of all rows told right by the model that did not see them."""
    auroc: dict[str, dict[str, float]]
    """By model and class: one-against-rest AUROC, worked out within each fold and averaged."""
    identified_by: dict[str, list[str]] = field(default_factory=dict)
    """By model: the classes it separates from the others."""

    @property
    def identified(self) -> list[str]:
        """Return the classes that at least one model separates from the others, in class order."""
        found = {label for each in self.identified_by.values() for label in each}
        return [label for label in next(iter(self.auroc.values()), {}) if label in found]

    def comes_near(self, model: str, best: float) -> bool:
        """Return whether a model beats the majority-class rate and comes near accuracy ``best``.

        Near is within 5 points or twice the standard error of the model's accuracy.
        """
        accuracy = self.accuracy[model]
        margin = max(0.05, 2 * self._error(accuracy))
        return accuracy >= best - margin and self.beats_majority(accuracy)

    def beats_majority(self, accuracy: float) -> bool:
        """Return whether an accuracy exceeds the majority-class rate by 2 standard errors."""
        return accuracy > self.majority_class_rate + 2 * self._error(accuracy)

    def _error(self, accuracy: float) -> float:
        return float(np.sqrt(accuracy * (1 - accuracy) / self.rows))


def metadata_shortcut(
    metadata: np.ndarray,
    labels: np.ndarray,
    groups: list[str],
    classes: tuple[str, ...],
    *,
    seed: int = 0,
) -> Shortcut | None:
    """Fit a random forest to ``metadata`` (n, k) in 4 folds grouped by patient; None where there is too little data."""
    from sklearn.model_selection import StratifiedGroupKFold

    folds, k = 4, len(classes)
    counts = np.bincount(labels, minlength=k) if len(labels) else np.zeros(k)
    if k < 2 or counts.min() < 2 * folds or len(set(groups)) < 2 * folds:
        return None
    fold_of = np.zeros(len(labels), np.int64)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed % LARGEST)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for fold, (_, test) in enumerate(splitter.split(metadata, labels, groups)):
            fold_of[test] = fold
        accuracy, auroc, told = _figures(_forest(seed), metadata, labels, fold_of, classes)
    chance = float(counts.max() / counts.sum())
    return Shortcut(
        accuracy=accuracy, majority_class_rate=chance, auroc=auroc, folds=folds, identified=told
    )


def shortcut_audit(
    images: np.ndarray,
    metadata: np.ndarray | None,
    labels: np.ndarray,
    folds: np.ndarray,
    classes: Sequence[str],
    *,
    seed: int,
) -> ShortcutAudit:
    """Fit and test every model in the given folds.

    ``images`` uint8 (n, 1, S, S), ``metadata`` float (n, k) or None, ``labels`` and ``folds`` int (n,): row i is told
    by models fitted to the rows whose fold is another. ``images`` should be squared as the classifiers see them. A
    small fold's AUROC is coarse: at 10 films of a class its standard error is about 0.1, and below some 10 films of a
    class in all none counts as told apart. InputError where a class has
    no film outside some fold.
    """
    check_images(images)
    if not len(images) == len(labels) == len(folds) or (
        metadata is not None and len(metadata) != len(labels)
    ):
        raise InputError(
            f"shortcut audit: {len(images)} images, {len(labels)} labels, {len(folds)} folds; as many each"
        )
    for fold in np.unique(folds):
        absent = set(range(len(classes))) - set(labels[folds != fold].tolist())
        if absent or len(classes) < 2:
            named = ", ".join(classes[index] for index in sorted(absent)) or "a second class"
            raise InputError(
                f"shortcut audit: no film of {named} outside fold {fold}; fewer folds or more patients"
            )
    inputs: dict[str, tuple[Callable[[], Any], np.ndarray]] = {}
    if metadata is not None:
        inputs["metadata"] = _forest(seed), metadata
    inputs["thumbnail"] = _machine, _flat(images, THUMBNAIL)
    for name, width in FRAMES.items():
        inputs[name] = _trees(seed), _frame(images, width)
    figures = {
        name: _figures(model, values, labels, folds, classes)
        for name, (model, values) in inputs.items()
    }
    return ShortcutAudit(
        rows=len(labels),
        majority_class_rate=float(np.bincount(labels, minlength=len(classes)).max() / len(labels)),
        accuracy={name: accuracy for name, (accuracy, _, _) in figures.items()},
        auroc={name: auroc for name, (_, auroc, _) in figures.items()},
        identified_by={name: labels for name, (_, _, labels) in figures.items()},
    )


def _figures(
    model: Callable[[], Any],
    values: np.ndarray,
    labels: np.ndarray,
    fold_of: np.ndarray,
    classes: Sequence[str],
) -> tuple[float, dict[str, float], list[str]]:
    """Return the out-of-fold accuracy, by class the mean of the folds' AUROC, and the classes told apart."""
    from sklearn.metrics import roc_auc_score

    right, scores, chance = 0, [[] for _ in classes], [[] for _ in classes]
    for fold in np.unique(fold_of):
        train, test = fold_of != fold, fold_of == fold
        fitted = model().fit(values[train], labels[train])
        found = np.full((int(test.sum()), len(classes)), -np.inf)
        found[:, fitted.classes_] = _scores(fitted, values[test])
        right += int((found.argmax(1) == labels[test]).sum())
        for index in fitted.classes_:
            truth = labels[test] == index
            if 0 < truth.sum() < len(truth):
                scores[index].append(roc_auc_score(truth, found[:, index]))
                chance[index].append(
                    (len(truth) + 1) / (12 * truth.sum() * (~truth).sum())
                )  # its variance
    auroc = {
        label: float(np.mean(each)) for label, each in zip(classes, scores, strict=True) if each
    }
    errors = {
        label: np.sqrt(np.sum(each)) / len(each)
        for label, each in zip(classes, chance, strict=True)
        if each
    }
    told = [
        label
        for label, value in auroc.items()
        if value >= TOLD_APART and value >= 0.5 + BEYOND_CHANCE * float(errors[label])
    ]
    return right / len(labels), auroc, told


def _scores(fitted: Any, values: np.ndarray) -> np.ndarray:
    """Return float (n, k), the larger the likelier; of two classes the SVM gives one number only."""
    if hasattr(fitted, "predict_proba"):
        return fitted.predict_proba(values)
    found = fitted.decision_function(values)
    return np.stack([-found, found], 1) if found.ndim == 1 else found


def _forest(seed: int) -> Callable[[], Any]:
    from sklearn.ensemble import RandomForestClassifier

    return lambda: RandomForestClassifier(200, min_samples_leaf=2, random_state=seed % LARGEST)


def _trees(seed: int) -> Callable[[], Any]:
    from sklearn.ensemble import ExtraTreesClassifier

    return lambda: ExtraTreesClassifier(200, min_samples_leaf=2, random_state=seed % LARGEST)


def _machine() -> Any:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    return make_pipeline(StandardScaler(), SVC(C=10))


def _flat(images: np.ndarray, side: int) -> np.ndarray:
    """Return float (n, side * side) in 0 to 1."""
    return np.stack([resize(image[0], side, "squash").ravel() for image in images]) / 255


def _frame(images: np.ndarray, width: int) -> np.ndarray:
    """Return float (n, pixels) in 0 to 1: the outer ``width`` of 64 pixels of each film.

    The middle is blacked out before any reduction, so that nothing of it leaks into the frame.
    """
    size = images.shape[-1]
    edge = max(1, round(size * width / SIDE))
    dark = images.copy()
    dark[..., edge : size - edge, edge : size - edge] = 0
    side = min(size, SIDE)
    edge = max(1, round(side * width / SIDE))
    kept = np.ones((side, side), bool)
    kept[edge : side - edge, edge : side - edge] = False
    return _flat(dark, side).reshape(len(images), side, side)[:, kept]
