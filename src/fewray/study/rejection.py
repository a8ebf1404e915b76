"""Refusing synthetic images that are copies of what their generator was trained on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from fewray.config import GanOptions
from fewray.data import load_dataset
from fewray.data.manifest import Manifest
from fewray.errors import InputError
from fewray.gan.generate import Reject, provenance, run_classes
from fewray.quality.copy_bar import copy_bar
from fewray.quality.copying import find_copies
from fewray.quality.image_set import ImageSet, measured
from fewray.runs import read_json
from fewray.study.extractors import open_extractor
from fewray.study.judge import image_sets
from fewray.study.sources import films_seen, settled_fit


def copy_rejection(
    run: Path, real: str | Path | Manifest | None, *, percentile: float, device: str, extractor: str = "lite0"
) -> Reject:
    """Return what tells copies of ``run``'s training images, with the bar that :func:`copy_bar` draws from them.

    The training images are those of ``real`` (by default the data the run names) that the generator of their class saw;
    of classes without a generator, which help to draw the bar, all but the test rows, and those are never touched. Size
    and fit are the generators'. InputError when images that they saw are not among them.
    """
    checkpoints = run_classes(run)
    sources = {label: provenance(path) for label, path in checkpoints.items()}
    data = _training_data(run, real, {sha for source in sources.values() for sha in source["rows_seen"]})
    compute = open_extractor(extractor, device=device, cache=False)  # images made now are seldom seen again
    size = GanOptions.from_json(next(iter(sources.values()))["options"]).image_size
    data, _ = films_seen(data, sources)
    sets = image_sets(data, data.classes, size, settled_fit(None, sources, tuple(sources)))
    train = {label: measured(images, compute, mirrored=True) for label, images in sets.items()}
    bar = copy_bar(train, percentile=percentile)

    def reject(label: str, images: np.ndarray) -> np.ndarray:
        found = find_copies(label, measured(ImageSet.of(images), compute), train[label], bar)
        copies = {row.synthetic for row in found if row.by}
        return np.array([str(index) in copies for index in range(len(images))], bool)

    return reject


def _training_data(run: Path, real: str | Path | Manifest | None, seen: set[str]) -> Manifest:
    """Return the training rows of the data; InputError when some that the generators saw are not among them."""
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
    rows = tuple(row for row in data.rows if row.split != "test")
    if missing := len(seen - {row.sha256 for row in rows}):
        raise InputError(
            f"--reject-copies: {missing} of the {len(seen)} images that {run} was trained on are not in {data.name}; "
            "name the training data with --real"
        )
    return replace(data, rows=rows)
