"""Rejection of synthetic images that copy a training image of their generator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from fewray.data.manifest import Manifest
from fewray.errors import InputError
from fewray.generators.checkpoint import provenance
from fewray.generators.generate import run_classes
from fewray.pipelines.extractors import open_extractor
from fewray.pipelines.provenance import (
    Sources,
    keep_training_images,
    load_images_of,
    patient_pattern,
    read_options,
    settled_fit,
)
from fewray.pipelines.quality_report import image_sets
from fewray.quality.copies.detect import find_copies
from fewray.quality.copies.threshold import check_percentile, copy_threshold
from fewray.quality.features.extractor import Extractor
from fewray.quality.features.standardise import standardised
from fewray.quality.image_set import ImageSet, MeasuredSet, measured
from fewray.results.copies import CopyThreshold
from fewray.storage.files import read_object


@dataclass(frozen=True)
class CopyRejection:
    """A :data:`~fewray.generators.generate.Reject` of copies of ``train``, by ``threshold``."""

    train: Mapping[str, MeasuredSet]
    threshold: CopyThreshold
    compute: Extractor
    notes: tuple[str, ...]
    """Sentences about training images that are missing, left out or unknown."""

    def __call__(self, label: str, images: np.ndarray) -> np.ndarray:
        """Return bool (n,): which uint8 images (n, 1, H, W) of class ``label`` are copies."""
        made = measured(ImageSet.of(images), self.compute)
        found = find_copies(label, made, self.train[label], self.threshold)
        copies = {row.synthetic for row in found if row.detected_by}
        return np.array([str(index) in copies for index in range(len(images))], bool)

    def added_to(self, about: Mapping[str, Any]) -> dict[str, Any]:
        """Return ``about`` with ``copy_threshold``, ``sentences`` and further ``warnings``."""
        return {
            **about,
            "copy_threshold": msgspec.to_builtins(self.threshold),
            "sentences": [self.threshold.text],
            "warnings": [*about["warnings"], *self.notes],
        }


def copy_rejection(
    run: Path,
    real: str | Path | Manifest | None,
    *,
    percentile: float,
    device: str,
    extractor: str = "lite0",
    group_regex: str | None = None,
) -> CopyRejection:
    """Return what finds copies of ``run``'s training images.

    The training images are those of ``real`` (default: the data that the run names) that the
    generator of their class saw. Classes without a generator help to set the threshold with all
    images but those of split test. Size, fit and, without ``group_regex``, patients are those of
    the generators. InputError if training images are missing from ``real``.
    """
    check_percentile(percentile)
    sources = {label: provenance(path) for label, path in run_classes(run).items()}
    seen = {sha for source in sources.values() for sha in source.training_set.training_hashes}
    data = _training_data(run, real, seen, group_regex, sources)
    compute = open_extractor(extractor, device=device, cache=False)  # new images are seldom reused
    size = next(iter(sources.values())).options.image_size
    data, notes = keep_training_images(data, sources)
    sets = image_sets(data, data.classes, size, settled_fit(None, sources, tuple(sources)))
    compute = standardised(compute, [images.images for images in sets.values()])
    train = {label: measured(images, compute, mirrored=True) for label, images in sets.items()}
    if codes := [warning.code for warning in data.warnings]:
        known = f"{data.name}: {', '.join(dict.fromkeys(codes))}; `fewray data check` explains them"
        notes = [f"The training data have warnings: {known}.", *notes]
    threshold = copy_threshold(train, percentile=percentile)
    return CopyRejection(train, threshold, compute, tuple(notes))


def _training_data(
    run: Path,
    real: str | Path | Manifest | None,
    seen: set[str],
    group_regex: str | None,
    sources: Sources,
) -> Manifest:
    """Return the training rows of the data; InputError if a generator saw others.

    A generator of a cross-validation study may have seen rows of split test: its folds are other.
    """
    source = real
    if source is None:
        recorded = read_object(run / "options.json")
        source = recorded.get("source") or recorded.get("data", "")
    option = "--data" if real is None else "--real"
    remedy = "Name the training data with --real."
    try:
        stored, read = patient_pattern(sources), read_options(sources)
        data = load_images_of(source, group_regex, stored, option=option, read=read)
    except InputError as error:
        if real is not None or error.code.startswith("group_regex"):
            raise
        why = f"training data {source} of {run} not found" if error.code == "data_source" else error
        message = f"--reject-copies: {str(why).rstrip('.')}. {remedy}"
        raise InputError("training_data_missing", message, cause=error.code) from None
    rows = tuple(row for row in data.rows if row.split != "test" or row.sha256 in seen)
    if missing := len(seen - {row.sha256 for row in rows}):
        message = f"--reject-copies: {missing} of {len(seen)} training images of {run} are not in "
        raise InputError(
            "not_the_training_data", f"{message}{data.name}. {remedy}", missing=missing
        )
    return replace(data, rows=rows)
