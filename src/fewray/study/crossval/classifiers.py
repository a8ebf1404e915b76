"""One classifier of a trial: its training set, its training, its predictions of the fold's test rows."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fewray.compute.machine import Machine
from fewray.compute.seeds import child_seed
from fewray.compute.tasks import Report
from fewray.config import ClassifierOptions
from fewray.storage.jobs import JobStore, are_probabilities
from fewray.study.crossval.design import MIXUP, MODERN_LEARNING_RATE, Condition, added_counts


@dataclass(frozen=True, kw_only=True)
class TrainingSet:
    """uint8 images (n, 1, S, S), labels (n,), and how often each is drawn (n,)."""

    images: np.ndarray
    labels: np.ndarray
    weights: np.ndarray

    @property
    def effective(self) -> int:
        """How many images it stands for: augmented versions share the weight of the one they were made from."""
        return round(float(self.weights.sum()))


def training_set(
    condition: Condition,
    train: np.ndarray,
    labels: np.ndarray,
    store: JobStore,
    keys: Mapping[str, str],
    seed: int,
) -> TrainingSet:
    """Return what ``condition`` trains on: rows ``train`` (indices) of all ``labels``, and what its arm adds.

    ``keys`` name the arrays: ``rows``, ``versions`` (those of the augmentation), ``added`` and ``added-versions``, and
    ``counts`` by class of the added ones.
    """
    arm = condition.recipe
    images, targets = _array(store, "rows", keys["rows"])[train], labels[train]
    k = int(labels.max()) + 1  # every class is among the cohort's rows
    parts = [(images, _versions(condition, "versions", store, keys, train), targets)]
    if arm.added:
        added, chosen, added_labels = _added(
            condition, store, keys, added_counts(targets, k, condition.ratio)
        )
        if arm.shuffled:
            added_labels = np.random.default_rng(child_seed(seed, "shuffled")).permutation(
                added_labels
            )
        versions = _versions(condition, "added-versions", store, keys, chosen)
        parts.append((added, versions, added_labels))
    made, all_labels, weights = [], [], []
    for own, versions, of in parts:
        share = 1.0 if versions is None else 1.0 / (1 + versions.shape[1])
        made.append(own)
        all_labels.append(of)
        weights.append(np.full(len(own), share))
        if versions is not None:
            made.append(versions.reshape(-1, *versions.shape[2:]))
            all_labels.append(np.repeat(of, versions.shape[1]))
            weights.append(np.full(len(made[-1]), share))
    found = np.concatenate(all_labels)
    drawn = np.concatenate(weights)
    if arm.oversample:
        drawn = drawn * (len(targets) / k / np.maximum(np.bincount(targets, minlength=k), 1))[found]
    return TrainingSet(images=np.concatenate(made), labels=found, weights=drawn)


def kept_result(
    store: JobStore, key: str, *, rows: int, external: int, classes: int
) -> dict[str, Any] | None:
    """Return a finished classifier's result, or None where there is none of the right form.

    Probabilities of ``rows`` test rows, and of ``external`` ones (0: there is no such set), by ``classes``.
    """

    def whole(found: dict[str, Any]) -> bool:
        outside = found["external"]
        return (
            type(found["train_images"]) is int
            and are_probabilities(found["probabilities"], rows, classes)
            and (are_probabilities(outside, external, classes) if external else outside is None)
        )

    return store.load("trial-classifier", key, whole=whole)


def train_trial_cell(
    *,
    key: str,
    condition: Condition,
    part: str,
    train: np.ndarray,
    test: np.ndarray,
    labels: np.ndarray,
    keys: Mapping[str, str],
    classifier: ClassifierOptions,
    seed: int,
    shown: str,
    machine: Machine,
    store: JobStore,
    report: Report,
) -> dict[str, Any]:
    """Train and predict in this process, keep the result; return its accuracy and seconds."""
    from fewray.classify.training import predict, train_classifier

    started = time.monotonic()
    data = training_set(condition, train, labels, store, keys, seed)
    mixup = MIXUP if condition.recipe.mixup else 0.0
    options = classifier.with_(network=condition.network, mixup=mixup)
    if condition.network == "resnet":
        options = options.with_(learning_rate=MODERN_LEARNING_RATE)
    trained = train_classifier(
        data.images,
        data.labels,
        options,
        n_classes=int(labels.max()) + 1,
        seed=seed,
        device=machine.device,
        precision=machine.precision,
        weights=data.weights,
        on_step=lambda step, loss: report({"cell": shown, "step": step, "loss": loss}),
    )
    probabilities = predict(trained.model, _array(store, "rows", keys["rows"])[test])
    result: dict[str, Any] = {
        "train_images": data.effective,
        "probabilities": _rounded(probabilities),
        "external": None,
    }
    if "external" in keys:
        result["external"] = _rounded(
            predict(trained.model, np.asarray(_array(store, "external", keys["external"])))
        )
    store.save("trial-classifier", key, result)
    accuracy = float((probabilities.argmax(1) == labels[test]).mean())
    return {"accuracy": accuracy, "seconds": round(time.monotonic() - started, 3)}


def _added(
    condition: Condition, store: JobStore, keys: Mapping[str, Any], wanted: list[int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the added images, their indices in the kept array, and their labels: the first ``ratio`` of each class."""
    kind = condition.recipe.added
    everything = _array(store, kind, keys["added"])
    starts = np.concatenate([[0], np.cumsum(keys["counts"])])
    chosen = np.concatenate(
        [np.arange(start, start + n) for start, n in zip(starts, wanted, strict=False)]
    )
    return everything[chosen], chosen, np.repeat(np.arange(len(wanted)), wanted)


def _versions(
    condition: Condition, name: str, store: JobStore, keys: Mapping[str, str], index: np.ndarray
) -> np.ndarray | None:
    if not condition.recipe.classic:
        return None
    kind = {"versions": "versions", "added-versions": "synthetic-versions"}[name]
    kind = kind.replace("versions", "paper-versions") if condition.paper_classic else kind
    return _array(store, kind, keys[name])[index]


def _array(store: JobStore, kind: str, key: str) -> np.ndarray:
    found = store.load_array(kind, key, check=False)  # was checked before the cells began
    assert found is not None, f"{kind}-{key}"
    return found


def _rounded(probabilities: np.ndarray) -> list[list[float]]:
    return [[round(float(p), 7) for p in row] for row in probabilities]
