"""Measure the synthetic images that the arms train on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from fewray.compute.dask.executors import LOCAL
from fewray.compute.machine import Machine
from fewray.config import PublishedOptions
from fewray.data.manifest import Manifest
from fewray.generators.checkpoint import provenance
from fewray.generators.generate import run_classes
from fewray.pipelines.extractors import identity
from fewray.pipelines.independence import check_independent
from fewray.quality.image_set import ImageSet
from fewray.results.quality import QualityReport
from fewray.results.scores import StudyWarning
from fewray.storage.jobs import JobStore, key_of
from fewray.study.published.arms import ImageSets

METRICS_VERSION = 7
"""Raised whenever the metrics of synthetic images change, so that only these are measured again."""


def quality_warnings(sets: ImageSets, options: PublishedOptions) -> list[StudyWarning]:
    """Return why the synthetic images cannot be measured: fewer than 2 images of some kind."""
    if sets.synthetic is None:
        return []
    sides = {
        f"class {label} has 1 training image": int((sets.real_labels == k).sum())
        for k, label in enumerate(sets.classes)
    }
    sides["there is 1 synthetic image per class"] = _measured(sets, options).shape[1]
    return [
        StudyWarning(
            code="quality_not_measured",
            text=f"The synthetic images were not measured, because {what}; at least 2 are needed.",
        )
        for what, count in sides.items()
        if count < 2
    ]


def _measured(sets: ImageSets, options: PublishedOptions) -> np.ndarray:
    """Return the synthetic images to measure, (classes, count, 1, S, S): those of the arms."""
    assert sets.synthetic is not None
    return sets.synthetic[:, : options.synthetic_per_class]


def check_extractor(options: PublishedOptions, labels: Sequence[str], run: Path | None) -> None:
    """Raise InputError if the extractor helped to train or select a generator it will measure.

    ``run`` is the folder of trained generators, or None if the study trains its own.
    """
    used = dict.fromkeys(labels, options.gan.networks_used)
    if run is not None:
        checkpoints = run_classes(run)
        used = {label: provenance(checkpoints[label]).networks_used or () for label in labels}
    check_independent(identity(options.extractor), used)


def measured_quality(
    train: Manifest, sets: ImageSets, options: PublishedOptions, store: JobStore, machine: Machine
) -> QualityReport | None:
    """Measure the synthetic images against the real training images.

    This runs in the calling process, on ``machine``'s device unless that is a cluster's.
    """
    if sets.synthetic is None:
        return None
    fakes = _measured(sets, options)
    key = key_of(
        sets=sets.keys,
        count=fakes.shape[1],
        extractor=identity(options.extractor),
        seed=options.seed,
        metrics=METRICS_VERSION,
    )
    found = store.load("quality", key, whole=lambda kept: _covers(kept, sets.classes))
    if found is None:
        from fewray.pipelines.extractors import open_extractor
        from fewray.quality.evaluate import measure_quality

        real, fake = {}, {}
        for k, label in enumerate(sets.classes):
            index = np.flatnonzero(sets.real_labels == k)
            rows = [train.rows[i] for i in index]
            real[label] = ImageSet.of(
                sets.real[index], [row.sha256 for row in rows], [row.group for row in rows]
            )
            fake[label] = ImageSet.of(np.asarray(fakes[k]))
        here = machine.executor == LOCAL or machine.device == "cpu"
        compute = open_extractor(options.extractor, device=machine.device if here else "auto")
        report, *_ = measure_quality(real, fake, compute, seed=options.seed)
        store.save("quality", key, msgspec.to_builtins(report))
        return report
    return msgspec.convert(found, QualityReport)


def _covers(kept: dict[str, Any], classes: tuple[str, ...]) -> bool:
    """Whether ``kept`` is a report on all ``classes``; ValueError if it is no report."""
    return set(msgspec.convert(kept, QualityReport).classes) == set(classes)
