"""Test whether classes can be identified without looking at the lungs."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from fewray.data.audit.metadata import KINDS
from fewray.data.audit.models import (
    SEED_LIMIT,
    Model,
    borders,
    cross_validate,
    extra_trees,
    forest,
    support_vectors,
    thumbnails,
)
from fewray.errors import InputError
from fewray.imaging.arrays import check_images

THUMBNAIL = 8
BORDERS = {"border": 6, "centre removed": 8}
"""Width of the border that remains when the centre of the image is blanked out, of 64 pixels."""
SOURCES = {
    "metadata": "file metadata",
    "thumbnail": "an 8 × 8 thumbnail",
    "border": "the image border only (the outer 6 pixels on each side of the 64 × 64 image)",
    "centre removed": "the image without its central 48 × 48 pixels (out of 64 × 64)",
}
"""What each model sees."""
FOLDS = 4


@dataclass(frozen=True, kw_only=True)
class Shortcut:
    """What a model of the file metadata alone reaches."""

    accuracy: float
    majority_class_rate: float
    auroc: dict[str, float]
    folds: int
    identified: list[str] = field(default_factory=list)
    telling: list[str] = field(default_factory=list)
    """The kinds of metadata that identify a class alone."""


@dataclass(frozen=True, kw_only=True)
class ShortcutAudit:
    """What each model reaches in the folds of a study."""

    rows: int
    majority_class_rate: float
    accuracy: dict[str, float]
    """By model: share of all rows that it predicts correctly when they are held out."""
    auroc: dict[str, dict[str, float]]
    """By model and class: one-vs-rest AUROC, averaged over the folds."""
    identified_by: dict[str, list[str]] = field(default_factory=dict)
    """By model: the classes that it separates from the others."""

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
    """Cross-validate a random forest on ``metadata`` (n, 7), grouped by patient.

    The columns are those of :func:`fewray.data.audit.metadata.file_metadata`. Returns None if there
    are too few data.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    counts = np.bincount(labels, minlength=len(classes)) if len(labels) else np.zeros(len(classes))
    if len(classes) < 2 or counts.min() < 2 * FOLDS or len(set(groups)) < 2 * FOLDS:
        return None
    fold_of = np.zeros(len(labels), np.int64)
    splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed % SEED_LIMIT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # small classes
        for fold, (_, test) in enumerate(splitter.split(metadata, labels, groups)):
            fold_of[test] = fold
        found = cross_validate(forest(seed), metadata, labels, fold_of, classes)
        telling = [
            kind
            for kind, columns in (KINDS.items() if found.identified else ())
            if np.ptp(metadata[:, columns], axis=0).any()
            and cross_validate(
                forest(seed), metadata[:, columns], labels, fold_of, classes
            ).identified
        ]
    return Shortcut(
        accuracy=found.accuracy,
        majority_class_rate=float(counts.max() / counts.sum()),
        auroc=found.auroc,
        folds=FOLDS,
        identified=found.identified,
        telling=telling,
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
    """Cross-validate every model in the given folds.

    ``images`` uint8 (n, 1, S, S), resized as for the classifiers; ``metadata`` float (n, k) or
    None; ``labels`` and ``folds`` int (n,). A row is predicted by models fitted to the other folds.
    The AUROC of a small fold is coarse: with 10 images in a class its standard error is about 0.1,
    and with fewer than about 10 images in all no class counts as identified. Raises InputError if a
    class has no image outside some fold.
    """
    check_images(images)
    lengths = {len(images), len(labels), len(folds), len(labels if metadata is None else metadata)}
    if len(lengths) > 1:
        raise InputError(
            "audit_lengths", f"shortcut audit: arrays of different lengths {sorted(lengths)}"
        )
    for fold in np.unique(folds):
        absent = set(range(len(classes))) - set(labels[folds != fold].tolist())
        if absent or len(classes) < 2:
            named = ", ".join(classes[index] for index in sorted(absent)) or "a second class"
            raise InputError(
                "audit_fold",
                f"shortcut audit: no image of {named} outside fold {fold}; use fewer folds",
                fold=int(fold),
            )
    inputs: dict[str, tuple[Callable[[], Model], np.ndarray]] = {}
    if metadata is not None:
        inputs["metadata"] = forest(seed), metadata
    inputs["thumbnail"] = support_vectors, thumbnails(images, THUMBNAIL)
    for name, width in BORDERS.items():
        inputs[name] = extra_trees(seed), borders(images, width)
    found = {
        name: cross_validate(model, values, labels, folds, classes)
        for name, (model, values) in inputs.items()
    }
    return ShortcutAudit(
        rows=len(labels),
        majority_class_rate=float(np.bincount(labels, minlength=len(classes)).max() / len(labels)),
        accuracy={name: scores.accuracy for name, scores in found.items()},
        auroc={name: scores.auroc for name, scores in found.items()},
        identified_by={name: scores.identified for name, scores in found.items()},
    )
