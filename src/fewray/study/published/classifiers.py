"""Train and test the classifiers of the published protocol.

Every condition is trained once per seed with the study's loss. With ``as_published`` each arm is
also trained as the paper's networks were, with softmax applied twice; the scores as the paper
computed them come from these networks alone.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fewray.compute.machine import Machine
from fewray.compute.seeds import child_seed
from fewray.compute.tasks import Report
from fewray.config import ClassifierOptions, PublishedOptions
from fewray.storage.jobs import JobStore, are_probabilities, key_of
from fewray.study.published.arms import Condition, ImageSets, arm_conditions, mixture_conditions

KIND = "classifier"
Result = Mapping[str, Any]
"""``train_images``, ``probabilities`` of the test images and, if tested so, ``published``."""


class RunKey(NamedTuple):
    """Names one classifier run."""

    condition: Condition
    seed: int
    as_published: bool = False

    @property
    def name(self) -> str:
        """Return its name in progress messages."""
        how = " as published" if self.as_published else ""
        return f"arm {self.condition.name}{how}, seed {self.seed}"


@dataclass(frozen=True, kw_only=True)
class ClassifierJob:
    """One classifier; ``passes`` test passes in training mode give the scores as published."""

    key: str
    run: RunKey
    classifier: ClassifierOptions
    passes: int
    study_seed: int

    @property
    def name(self) -> str:
        """Return its name in progress messages."""
        return self.run.name


def planned_runs(options: PublishedOptions) -> list[RunKey]:
    """Return every classifier run, all arms of a seed first."""
    arms = arm_conditions(options)
    runs = []
    for seed in range(options.seeds):
        runs += [RunKey(c, seed) for c in (*arms, *mixture_conditions(options))]
        if options.as_published:
            runs += [RunKey(c, seed, as_published=True) for c in arms]
    return runs


def kept_run(options: PublishedOptions) -> RunKey:
    """Return the run whose weights a study keeps: arm ``classic``, else the first arm; seed 0.

    The arm ``classic`` saw no synthetic image, so its features favour no generator.
    """
    arms = {condition.name: condition for condition in arm_conditions(options)}
    return RunKey(arms.get("classic") or next(iter(arms.values())), 0)


def classifier_job(
    run: RunKey, sets: ImageSets, options: PublishedOptions, machine: Machine
) -> ClassifierJob:
    """Return the job of a run. Runs with equal keys are the same network."""
    classifier = options.classifier
    if run.as_published:
        classifier = classifier.with_(double_softmax=True)
    shared = (
        options.as_published and classifier.double_softmax and run.condition.name in options.arms
    )
    passes = options.published_passes if shared else 0
    key = key_of(
        sets=sets.keys_of(run.condition),
        classic=run.condition.classic,
        synthetic=run.condition.synthetic,
        seed=run.seed,
        study_seed=options.seed,
        classifier=classifier.to_json(),
        passes=passes,
        precision=machine.precision,
        threads=machine.threads,
        device=machine.device.split(":")[0],
    )
    return ClassifierJob(
        key=key, run=run, classifier=classifier, passes=passes, study_seed=options.seed
    )


def stored_result(
    store: JobStore, job: ClassifierJob, *, rows: int, classes: Sequence[str]
) -> Result | None:
    """Return a finished run's result, or None if there is none of this shape."""

    def whole(found: dict[str, Any]) -> bool:
        published = found["published"]
        if job.passes:
            scores = [
                published["accuracy"],
                *(v for label in classes for v in published["per_class"][label].values()),
            ]
            if not all(type(value) is float and 0 <= value <= 1 for value in scores):
                return False
        return (
            type(found["train_images"]) is int
            and are_probabilities(found["probabilities"], rows, len(classes))
            and (bool(job.passes) or published is None)
        )

    return store.load(KIND, job.key, whole=whole)


def train_classifier_job(
    *,
    job: ClassifierJob,
    classes: tuple[str, ...],
    keys: dict[str, str],
    paths: dict[str, Path],
    keep: Path,
    kept_key: str,
    machine: Machine,
    store: JobStore,
    report: Report,
) -> dict[str, Any]:
    """Train and test one classifier, store its result, and return its accuracy and seconds.

    The weights of job ``kept_key`` are stored in ``keep``, before the result.
    """
    from fewray.classify.training import predict, train_classifier
    from fewray.classify.weights import About, save_classifier
    from fewray.study.published.scores import scores_as_published

    started = time.monotonic()
    sets = ImageSets.open(classes, keys, paths)
    images, labels = sets.training(job.run.condition)
    seed = child_seed(job.study_seed, "classifier", job.run.seed)
    trained = train_classifier(
        images,
        labels,
        job.classifier,
        n_classes=len(classes),
        seed=seed,
        device=machine.device,
        precision=machine.precision,
        on_step=lambda step, loss: report({"run": job.run.name, "step": step, "loss": loss}),
    )
    probabilities = predict(trained.model, sets.test)
    published = None
    if job.passes:
        found = scores_as_published(
            trained.model, sets.test, sets.test_labels, passes=job.passes, seed=seed
        )
        published = {
            "accuracy": found.accuracy,
            "per_class": dict(zip(classes, found.per_class, strict=True)),
        }
    if job.key == kept_key:
        about = About(
            arm=job.run.condition.name, seed=job.run.seed, key=job.key, train_images=len(labels)
        )
        save_classifier(trained.model, job.classifier, keep, classes=classes, about=about)
    result = {
        "train_images": len(labels),
        "probabilities": [[round(float(p), 7) for p in row] for row in probabilities],
        "published": published,
    }
    store.save(KIND, job.key, result)
    accuracy = float(np.mean(probabilities.argmax(axis=1) == sets.test_labels))
    return {"accuracy": accuracy, "seconds": round(time.monotonic() - started, 3)}
