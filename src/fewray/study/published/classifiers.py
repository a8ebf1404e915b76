"""The conditions of a study, and the training of one classifier under one of them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fewray.compute.machine import Machine
from fewray.compute.seeds import child_seed
from fewray.compute.tasks import Report
from fewray.config import PublishedOptions
from fewray.storage.jobs import JobStore, are_probabilities
from fewray.study.published.arms import ARMS, ArmSet


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One condition: so many classic and synthetic images a class beside the real ones."""

    name: str
    classic: int
    synthetic: int


def cells(options: PublishedOptions) -> list[Cell]:
    """Return the arms, and with ``mixtures`` the predecessor's grid of classic against synthetic counts as well."""
    found = []
    for arm in dict.fromkeys(options.arms):
        uses_classic, uses_synthetic = ARMS[arm]
        found.append(
            Cell(
                name=arm,
                classic=options.classic_per_class * uses_classic,
                synthetic=options.synthetic_per_class * uses_synthetic,
            )
        )
    if options.mixtures:
        found += [
            Cell(name=f"mixture-{classic}-{synthetic}", classic=classic, synthetic=synthetic)
            for classic in options.mixture_classic
            for synthetic in options.mixture_synthetic
        ]
    return found


CLASSIFIER = "classifier.safetensors"
"""The file in a study's folder with the weights of the classifier of :func:`kept_cell`."""


def kept_cell(options: PublishedOptions) -> tuple[str, int]:
    """Return the arm and seed of the classifier whose weights a study keeps: ``classic``, else the first arm; seed 0.

    The arm ``classic`` saw no synthetic image, so that its features favour no generator.
    """
    return ("classic" if "classic" in options.arms else options.arms[0]), 0


def kept_result(
    store: JobStore, key: str, *, rows: int, classes: Sequence[str], passes: int
) -> dict[str, Any] | None:
    """Return a finished classifier's result, or None where there is none of the right form, of ``rows`` test images."""

    def whole(found: dict[str, Any]) -> bool:
        published = found["published"]
        figures = [
            published["accuracy"],
            *(v for label in classes for v in published["per_class"][label].values()),
        ]
        return (
            type(found["train_images"]) is int
            and are_probabilities(found["probabilities"], rows, len(classes))
            and published["passes"] == passes
            and all(type(value) is float and 0 <= value <= 1 for value in figures)
        )

    return store.load("classifier", key, fields=("seed",), whole=whole)


def train_cell(
    *,
    key: str,
    name: str,
    seed: int,
    cell: Cell,
    sets: Mapping[str, Any],
    options: PublishedOptions,
    machine: Machine,
    store: JobStore,
    keep: Path | None = None,
    report: Report,
) -> dict[str, Any]:
    """Train and score one classifier in this process and keep its result; return its accuracy and seconds.

    Its weights are written to ``keep`` where there is one, before the result: a result that is there has its weights.
    """
    from fewray.classify.training import predict, train_classifier
    from fewray.classify.weights import save_classifier
    from fewray.study.published.scores import published_figures

    started = time.monotonic()
    arms = ArmSet.open(sets)
    images, labels = arms.training(cell.classic, cell.synthetic)
    classifier_seed = child_seed(options.seed, "classifier", seed)
    trained = train_classifier(
        images,
        labels,
        options.classifier,
        n_classes=len(arms.classes),
        seed=classifier_seed,
        device=machine.device,
        precision=machine.precision,
        on_step=lambda step, loss: report({"arm": name, "seed": seed, "step": step, "loss": loss}),
    )
    probabilities = predict(trained.model, arms.test)
    published = published_figures(
        trained.model,
        arms.test,
        arms.test_labels,
        passes=options.published_passes,
        seed=classifier_seed,
    )
    predicted = probabilities.argmax(axis=1)
    if keep is not None:
        about = {"arm": name, "seed": seed, "key": key, "train_images": len(labels)}
        save_classifier(trained.model, options.classifier, keep, classes=arms.classes, about=about)
    store.save(
        "classifier",
        key,
        {
            "seed": seed,
            "train_images": len(labels),
            "probabilities": [[round(float(p), 7) for p in row] for row in probabilities],
            "published": {
                "passes": published.passes,
                "accuracy": published.accuracy,
                "per_class": dict(zip(arms.classes, published.per_class, strict=True)),
            },
        },
    )
    accuracy = float((predicted == arms.test_labels).mean())
    return {"seed": seed, "accuracy": accuracy, "seconds": round(time.monotonic() - started, 3)}
