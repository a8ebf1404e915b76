"""The plain alternative to any augmentation: a linear head on the frozen features of a network trained on ImageNet."""

from __future__ import annotations

from typing import Any

import numpy as np

from fewray.classify.linear import linear_head
from fewray.config import CrossvalOptions
from fewray.imaging.arrays import load_images
from fewray.pipelines.extractors import open_extractor
from fewray.storage.jobs import JobStore, key_of
from fewray.study.crossval.cohort import Cohort
from fewray.study.crossval.scores import accuracy_only
from fewray.study.statistics.compare import compare
from fewray.study.statistics.patients import PatientBootstrap

EXTRACTOR, SIZE = "lite0@224", 224


def pretrained_analysis(
    cohort: Cohort,
    options: CrossvalOptions,
    store: JobStore,
    reference: np.ndarray,
    folds: np.ndarray,
    draws: PatientBootstrap,
) -> dict[str, Any]:
    """Return the analysis ``pretrained``: real films at 224 px alone, compared with the reference's correctness.

    ``reference`` is bool (repeats, seeds, n). The head has no seed: its predictions stand for every seed.
    """
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

    found = store.load("pretrained", key, whole=whole)
    if found is None:
        films = load_images(cohort.rows.paths(), SIZE, options.classifier.fit)
        features = open_extractor(EXTRACTOR, device="cpu")(films).features
        predicted = np.zeros(folds.shape, np.int64)
        for p, fold_of in enumerate(folds):
            for fold in range(int(fold_of.max()) + 1):
                train, test = np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)
                head = linear_head(
                    features[train], cohort.labels[train], features[test], seed=options.seed
                )
                predicted[p, test] = head.argmax(1)
        found = {"predicted": predicted.tolist()}
        store.save("pretrained", key, found)
    right = np.array(found["predicted"])[:, None] == cohort.labels
    correct = np.repeat(right, reference.shape[1], axis=1)
    compared = compare(reference, correct, folds, cohort.groups)
    return {
        "description": f"no augmentation: the real images at {SIZE} px, frozen features {EXTRACTOR}, a linear head",
        "reference": f"{options.reference} (primary)",
        "arms": {"no_augmentation": {"accuracy": accuracy_only(correct, draws)}},
        "comparisons": {
            "no_augmentation": {
                "difference": compared.difference,
                "ci": list(compared.ci),
                "p": compared.p,
            }
        },
    }
