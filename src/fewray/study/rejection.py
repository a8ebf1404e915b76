"""Refusing synthetic images that are copies of what their generator was trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fewray.config import GanOptions
from fewray.data import load_dataset
from fewray.data.manifest import Manifest
from fewray.errors import InputError
from fewray.gan.generate import Reject, provenance, run_classes
from fewray.quality.copying import copy_bar, find_copies
from fewray.quality.features import load_extractor
from fewray.quality.image_set import ImageSet, measured
from fewray.runs import read_json
from fewray.study.judge import image_sets


def copy_rejection(
    run: Path, real: str | Path | Manifest | None, *, percentile: float, device: str, extractor: str = "lite0"
) -> Reject:
    """Return what tells copies of ``run``'s training images, with the bar that :func:`copy_bar` draws from them.

    The training images are the rows of ``real`` (by default the data the run names) that the generators saw: rows of
    another split are never touched. InputError when they cannot be found.
    """
    checkpoints = run_classes(run)
    sources = {label: provenance(path) for label, path in checkpoints.items()}
    rows = _rows_seen(run, real, {sha for source in sources.values() for sha in source["rows_seen"]})
    compute = load_extractor(extractor, device=device)
    options = GanOptions.from_json(next(iter(sources.values()))["options"])
    sets = image_sets(rows, tuple(checkpoints), options.image_size, options.fit)
    train = {label: measured(images, compute, mirrored=True) for label, images in sets.items()}
    bar = copy_bar(train, percentile=percentile)

    def reject(label: str, images: np.ndarray) -> np.ndarray:
        found = find_copies(measured(ImageSet.of(images), compute), train[label], bar)
        copies = {row.synthetic for row in found if row.by}
        return np.array([str(index) in copies for index in range(len(images))], bool)

    return reject


def _rows_seen(run: Path, real: str | Path | Manifest | None, seen: set[str]) -> Manifest:
    """Return the rows that the generators saw; InputError when some of them are not in the data."""
    if isinstance(real, Manifest):
        data = real
    else:
        source = real if real is not None else read_json(run / "options.json").get("data", "")
        try:
            data = load_dataset(source)
        except InputError as error:
            if real is not None:
                raise
            raise InputError(f"--reject-copies: {error}; name the training data with --real") from None
    rows = tuple(row for row in data.rows if row.sha256 in seen and row.split != "test")
    if missing := len(seen - {row.sha256 for row in rows}):
        raise InputError(
            f"--reject-copies: {missing} of the {len(seen)} images that {run} was trained on are not in {data.name}; "
            "name the training data with --real"
        )
    return Manifest(name=data.name, classes=data.classes, rows=rows)
