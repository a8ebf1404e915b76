"""Train one classifier of a study and predict the test rows of its fold."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from fewray.compute.machine import Machine
from fewray.compute.seeds import child_seed
from fewray.compute.tasks import Report
from fewray.config import ClassifierOptions
from fewray.storage.jobs import JobStore, are_probabilities
from fewray.study.crossval.design import MIXUP, RESNET_LEARNING_RATE, Condition, added_counts
from fewray.study.crossval.image_sets import (
    AUGMENTED,
    EXTERNAL,
    PAPER_AUGMENTED,
    ROWS,
    SYNTHETIC,
    ArraysRead,
)

KIND = "classifier"
"""Kind of the results in the job store."""


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """What one classifier predicted: probabilities by row and class, rounded to 7 decimals."""

    train_images: int
    probabilities: list[list[float]]
    """Of the fold's test rows,"""
    external: list[list[float]] | None
    """and of the external set, if there is one."""


@dataclass(frozen=True, kw_only=True)
class TrainingSet:
    """uint8 images (n, 1, S, S), labels (n,), and sampling weights (n,)."""

    images: np.ndarray
    labels: np.ndarray
    weights: np.ndarray

    @property
    def effective(self) -> int:
        """Return the sum of weights: an image and its augmented copies count as one."""
        return round(float(self.weights.sum()))


@dataclass(frozen=True, kw_only=True)
class ClassifierJob:
    """One classifier: its condition as trained, the rows of its fold, the arrays it reads."""

    key: str
    condition: Condition
    train: np.ndarray
    test: np.ndarray
    labels: np.ndarray
    arrays: ArraysRead
    classifier: ClassifierOptions
    seed: int
    name: str
    """For progress messages."""

    @property
    def augmented_kind(self) -> str:
        """Return the kind of augmented copies that the condition trains on."""
        return PAPER_AUGMENTED if self.condition.paper_classic else AUGMENTED


def training_set(job: ClassifierJob, store: JobStore) -> TrainingSet:
    """Return what a classifier trains on: the real rows of its fold, and what its arm adds."""
    arm, arrays = job.condition.recipe, job.arrays
    targets = job.labels[job.train]
    k = int(job.labels.max()) + 1
    copies = added_copies = None
    if arrays.augmented:
        copies = _array(store, job.augmented_kind, arrays.augmented)[job.train]
    parts = [(_array(store, ROWS, arrays.rows)[job.train], copies, targets)]
    if arrays.added:
        counts = added_counts(targets, k, job.condition.ratio)
        starts = np.cumsum([0, *arrays.counts])
        index = np.concatenate(
            [np.arange(start, start + n) for start, n in zip(starts, counts, strict=False)]
        )
        labels = np.repeat(np.arange(k), counts)
        if arm.shuffled:
            rng = np.random.default_rng(child_seed(job.seed, "shuffled"))
            labels = rng.permutation(labels)
        if arrays.augmented:
            added_copies = _array(store, f"{SYNTHETIC}-{job.augmented_kind}", arrays.added)[index]
        parts.append((_array(store, arm.added, arrays.added)[index], added_copies, labels))
    images, labels, weights = [], [], []
    for originals, augmented, of in parts:
        share = 1.0 if augmented is None else 1.0 / (1 + augmented.shape[1])
        images.append(originals)
        labels.append(of)
        weights.append(np.full(len(originals), share))
        if augmented is not None:
            images.append(augmented.reshape(-1, *augmented.shape[2:]))
            labels.append(np.repeat(of, augmented.shape[1]))
            weights.append(np.full(len(images[-1]), share))
    all_labels, all_weights = np.concatenate(labels), np.concatenate(weights)
    if arm.oversample:
        frequency = np.maximum(np.bincount(targets, minlength=k), 1)
        all_weights = all_weights * (len(targets) / k / frequency)[all_labels]
    return TrainingSet(images=np.concatenate(images), labels=all_labels, weights=all_weights)


def stored_prediction(
    store: JobStore, key: str, *, rows: int, external: int, classes: int
) -> Prediction | None:
    """Return a finished classifier's predictions, or None if there are none of this shape.

    ``rows`` test rows and ``external`` rows (0: no external set), by ``classes``.
    """

    def whole(found: dict[str, Any]) -> bool:
        outside = found["external"]
        return (
            type(found["train_images"]) is int
            and are_probabilities(found["probabilities"], rows, classes)
            and (are_probabilities(outside, external, classes) if external else outside is None)
        )

    found = store.load(KIND, key, whole=whole)
    return None if found is None else Prediction(**found)


def train_classifier_job(
    *, job: ClassifierJob, machine: Machine, store: JobStore, report: Report
) -> dict[str, Any]:
    """Train a classifier, store its predictions, and return its accuracy and seconds."""
    from fewray.classify.training import predict, train_classifier

    started = time.monotonic()
    data = training_set(job, store)
    options = job.classifier.with_(
        network=job.condition.network, mixup=MIXUP if job.condition.recipe.mixup else 0.0
    )
    if job.condition.network == "resnet":
        options = options.with_(learning_rate=RESNET_LEARNING_RATE)
    trained = train_classifier(
        data.images,
        data.labels,
        options,
        n_classes=int(job.labels.max()) + 1,
        seed=job.seed,
        device=machine.device,
        precision=machine.precision,
        weights=data.weights,
        on_step=lambda step, loss: report({"run": job.name, "step": step, "loss": loss}),
    )
    probabilities = predict(trained.model, _array(store, ROWS, job.arrays.rows)[job.test])
    external = None
    if job.arrays.external:
        images = np.asarray(_array(store, EXTERNAL, job.arrays.external))
        external = _rounded(predict(trained.model, images))
    prediction = Prediction(
        train_images=data.effective, probabilities=_rounded(probabilities), external=external
    )
    store.save(KIND, job.key, msgspec.structs.asdict(prediction))
    accuracy = float((probabilities.argmax(1) == job.labels[job.test]).mean())
    return {"accuracy": accuracy, "seconds": round(time.monotonic() - started, 3)}


def _array(store: JobStore, kind: str, key: str) -> np.ndarray:
    found = store.load_array(kind, key, check=False)  # its checksum was checked before the job
    assert found is not None, f"{kind}-{key}"
    return found


def _rounded(probabilities: np.ndarray) -> list[list[float]]:
    return [[round(float(p), 7) for p in row] for row in probabilities]
