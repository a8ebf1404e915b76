"""The simple alternative to augmentation: a linear head on features of a pretrained network."""

from __future__ import annotations

from typing import Any

import numpy as np

from fewray.classify.linear import linear_head
from fewray.config import CrossvalOptions
from fewray.pipelines.extractors import open_extractor
from fewray.storage.jobs import JobStore, key_of
from fewray.study.crossval.cohort import Cohort

EXTRACTOR, SIZE = "lite0@224", 224
DESCRIPTION = (
    f"no augmentation: real images at {SIZE} px, features of a frozen pretrained "
    "EfficientNet-Lite0, and a linear classifier"
)
KIND = "pretrained"


def pretrained_correct(cohort: Cohort, options: CrossvalOptions, store: JobStore) -> np.ndarray:
    """Return bool (repeats, seeds, n): whether the linear head classified each image correctly.

    It is trained on real images alone and has no seed, so all seeds are the same.
    """
    folds = cohort.fold_of
    key = key_of(
        rows=cohort.rows.sha256(),
        folds=folds.tolist(),
        extractor=EXTRACTOR,
        fit=options.classifier.fit,
    )

    def whole(found: dict[str, Any]) -> bool:
        predicted = np.array(found["predicted"])
        known = (predicted >= 0) & (predicted < len(cohort.rows.classes))
        return predicted.shape == folds.shape and predicted.dtype.kind == "i" and bool(known.all())

    found = store.load(KIND, key, whole=whole)
    if found is None:
        images = cohort.source.at(SIZE, options.classifier.fit)
        features = open_extractor(EXTRACTOR, device="cpu")(images).features
        predicted = np.zeros(folds.shape, np.int64)
        for fold in cohort.folds():
            train, test = fold.train, fold.test
            head = linear_head(
                features[train], cohort.labels[train], features[test], seed=options.seed
            )
            predicted[fold.key.repeat, test] = head.argmax(1)
        found = {"predicted": predicted.tolist()}
        store.save(KIND, key, found)
    correct = np.array(found["predicted"])[:, None] == cohort.labels
    return np.repeat(correct, options.seeds, axis=1)
