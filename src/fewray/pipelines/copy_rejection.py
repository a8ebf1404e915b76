"""Refusing synthetic images that are copies of what their generator was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fewray.config import GanOptions
from fewray.data.manifest import Manifest
from fewray.errors import InputError
from fewray.generators.generate import provenance, run_classes
from fewray.pipelines.extractors import open_extractor
from fewray.pipelines.provenance import films_seen, load_films, patient_pattern, settled_fit
from fewray.pipelines.quality_report import image_sets
from fewray.quality.copies.detect import find_copies
from fewray.quality.copies.threshold import CopyThreshold, check_percentile, copy_threshold
from fewray.quality.features.extractor import Extractor
from fewray.quality.image_set import ImageSet, MeasuredSet, measured
from fewray.storage.files import read_object


@dataclass(frozen=True)
class CopyRejection:
    """Tells which images of a class are copies of ``train``, by ``bar``; a :data:`fewray.generators.generate.Reject`."""

    train: Mapping[str, MeasuredSet]
    bar: CopyThreshold
    compute: Extractor
    notes: tuple[str, ...]
    """Sentences about what was left out, not there, or not known of the training films."""

    def __call__(self, label: str, images: np.ndarray) -> np.ndarray:
        """Return bool (n,) for uint8 images (n, 1, H, W): those that are copies."""
        found = find_copies(
            label, measured(ImageSet.of(images), self.compute), self.train[label], self.bar
        )
        copies = {row.synthetic for row in found if row.by}
        return np.array([str(index) in copies for index in range(len(images))], bool)

    def to_notes(self) -> dict[str, Any]:
        """Return what a manifest of the kept images says of their judging: ``copy_threshold``, ``sentences``, ``warnings``."""
        return {
            "copy_threshold": self.bar.to_json(),
            "sentences": [self.bar.sentence()],
            "warnings": list(self.notes),
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
    """Return what tells copies of ``run``'s training images, with the bar that :func:`copy_threshold` draws from them.

    The training images are those of ``real`` (by default the data the run names) that the generator of their class saw;
    of classes without a generator, which help to draw the bar, all but the test rows, and those are never touched. Size
    and fit are the generators', and so are the patients, where ``group_regex`` names no others. InputError when images
    that they saw are not among them.
    """
    check_percentile(percentile)
    checkpoints = run_classes(run)
    sources = {label: provenance(path) for label, path in checkpoints.items()}
    seen = {sha for source in sources.values() for sha in source["training_hashes"]}
    data = _training_data(run, real, seen, group_regex, patient_pattern(sources))
    compute = open_extractor(
        extractor, device=device, cache=False
    )  # images made now are seldom seen again
    size = GanOptions.from_json(next(iter(sources.values()))["options"]).image_size
    data, notes = films_seen(data, sources)
    sets = image_sets(data, data.classes, size, settled_fit(None, sources, tuple(sources)))
    train = {label: measured(images, compute, mirrored=True) for label, images in sets.items()}
    said = [warning.text for warning in data.warnings]
    return CopyRejection(
        train, copy_threshold(train, percentile=percentile), compute, (*said, *notes)
    )


def _training_data(
    run: Path,
    real: str | Path | Manifest | None,
    seen: set[str],
    group_regex: str | None,
    stored: str | None,
) -> Manifest:
    """Return the training rows of the data; InputError when some that the generators saw are not among them."""
    source = real if real is not None else read_object(run / "options.json").get("data", "")
    try:
        data = load_films(
            source, group_regex, stored, option="--data" if real is None else "--real"
        )
    except InputError as error:
        if real is not None or "--group-regex" in str(error):
            raise
        raise InputError(f"--reject-copies: {error}; name the training data with --real") from None
    rows = tuple(row for row in data.rows if row.split != "test")
    if missing := len(seen - {row.sha256 for row in rows}):
        raise InputError(
            f"--reject-copies: {missing} of the {len(seen)} images that {run} was trained on are not in {data.name}; "
            "name the training data with --real"
        )
    return replace(data, rows=rows)
