"""Can the class be told without looking at the picture? A model on file metadata, tested in grouped folds."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field

import numpy as np

TOLD_APART = 0.9
"""One-against-rest AUROC from which a class counts as separable by metadata."""


@dataclass(frozen=True, kw_only=True)
class Shortcut:
    """Accuracy of the metadata model, the share of the largest class, and each class's one-against-rest AUROC."""

    accuracy: float
    chance: float
    auroc: dict[str, float]
    folds: int
    told_apart: list[str] = field(default_factory=list)


def metadata_shortcut(
    metadata: np.ndarray, labels: np.ndarray, groups: list[str], classes: tuple[str, ...], *, seed: int = 0
) -> Shortcut | None:
    """Fit a random forest to ``metadata`` (n, k) in 4 folds grouped by patient; None where there is too little data.

    AUROC is computed within each fold and averaged, never pooled across models.
    """
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedGroupKFold

    folds, k = 4, len(classes)
    counts = np.bincount(labels, minlength=k) if len(labels) else np.zeros(k)
    if k < 2 or counts.min() < 2 * folds or len(set(groups)) < 2 * folds:
        return None
    right, scores = 0, [[] for _ in classes]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for train, test in StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(metadata, labels, groups):
            forest = RandomForestClassifier(200, min_samples_leaf=2, random_state=seed).fit(
                metadata[train], labels[train]
            )
            probabilities = np.zeros((len(test), k))
            probabilities[:, forest.classes_] = forest.predict_proba(metadata[test])
            right += int((probabilities.argmax(1) == labels[test]).sum())
            for index in range(k):
                truth = labels[test] == index
                if 0 < truth.sum() < len(truth):
                    scores[index].append(roc_auc_score(truth, probabilities[:, index]))
    auroc = {label: float(np.mean(found)) for label, found in zip(classes, scores, strict=True) if found}
    accuracy, chance = right / len(labels), float(counts.max() / counts.sum())
    told = [label for label, value in auroc.items() if value >= TOLD_APART]
    return Shortcut(accuracy=accuracy, chance=chance, auroc=auroc, folds=folds, told_apart=told)
