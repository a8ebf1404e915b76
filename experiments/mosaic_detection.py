"""Measure how many planted mosaics the area search and the whole-image search find on covid4.

Run `python -m experiments.mosaic_detection`, two to three minutes. Half of the real images of each
class, by patient, act as the training set; the other half is unseen. The table of docs/metrics.md
is made here from the committed result.
"""

from __future__ import annotations

import datetime
import platform
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from experiments.planted_defects import patient_halves
from experiments.planted_mosaics import MOSAICS, grey
from experiments.provenance import made_by
from fewray.compute.seeds import child_seed
from fewray.generators.models.pca_gaussian import pca_gaussian
from fewray.quality.copies.areas import find_areas
from fewray.quality.copies.detect import find_copies
from fewray.quality.copies.threshold import copy_threshold, merged_groups
from fewray.quality.features.extractor import Extractor
from fewray.quality.image_set import ImageSet, measured
from fewray.storage.files import read_json, write_json

RESULT = Path(__file__).parents[1] / "docs" / "results" / "mosaics.json"
COUNT = 100
"""Mosaics of each kind and class."""
WHOLE = 25
"""Of these, the ones that the search over whole images is given: its features take longest."""
SPLITS = 5
"""Random halves over which unseen images are counted; mosaics are made in the first."""
SOURCES = (
    "experiments/planted_mosaics.py",
    "src/fewray/imaging",
    "src/fewray/quality/copies",
    "src/fewray/quality/features",
)
Halves = Mapping[str, tuple[ImageSet, ImageSet]]


def main() -> None:
    """Measure on covid4, write the result and print the table."""
    from fewray.data.loading import load_dataset
    from fewray.pipelines.quality_report import image_sets
    from fewray.quality.features.load import load_extractor

    rows = load_dataset("covid4")
    images = image_sets(rows, rows.classes, 64, "squash")
    found = {
        "made_by": made_by(*SOURCES),
        "data": f"covid4, all {len(rows)} images, 64 px, squashed",
        "command": "python -m experiments.mosaic_detection",
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "hardware": f"{platform.machine()} CPU",
        **examine(images, load_extractor("lite0")),
    }
    write_json(RESULT, found)
    print(render())


def examine(
    real: Mapping[str, ImageSet],
    extractor: Extractor,
    *,
    count: int = COUNT,
    whole: int = WHOLE,
    splits: int = SPLITS,
    seed: int = 0,
) -> dict[str, Any]:
    """Return how many images of each kind and class each search flags, as plain JSON.

    Near-duplicates under two patients count as one patient: they never lie in both halves.
    """
    merged = {
        label: replace(images, groups=merged_groups(images)[0]) for label, images in real.items()
    }
    halves, *others = (
        {
            label: patient_halves(images, child_seed(seed + split, label))
            for label, images in merged.items()
        }
        for split in range(splits)
    )
    train = {label: first for label, (first, _) in halves.items()}
    kinds = {label: _kinds(*halves[label], count, seed) for label in halves}
    fake = {label: _as_one(made) for label, made in kinds.items()}
    areas = find_areas(train, fake, seed=seed)
    known = {label: measured(each, extractor, mirrored=True) for label, each in train.items()}
    threshold = copy_threshold(known)
    table: dict[str, dict[str, dict[str, float]]] = {}
    for label, made in kinds.items():
        owed = {image.synthetic: image for image in areas.images[label]}
        given = _as_one({kind: images[:whole] for kind, images in made.items()})
        copies = {
            copy.synthetic
            for copy in find_copies(label, measured(given, extractor), known[label], threshold)
            if copy.detected_by
        }
        for kind, images in made.items():
            names = [f"{kind}/{i}" for i in range(len(images))]
            table.setdefault(kind, {})[label] = {
                "images": len(names),
                "by_areas": sum(owed[name].flagged for name in names),
                "whole": float(np.mean([name in copies for name in names[:whole]])),
                "copied_windows": float(np.mean([owed[name].windows for name in names])),
                "owed": float(np.median([owed[name].owed for name in names])),
            }
    return {
        "extractor": extractor.name,
        "seed": seed,
        "splits": splits,
        "num_train": {label: len(first) for label, first in train.items()},
        "area_limit": msgspec.to_builtins(areas.limit),
        "real_windows": {label: found.real_windows for label, found in areas.classes.items()},
        "unseen": _unseen([halves, *others]),
        "kinds": table,
    }


def _kinds(train: ImageSet, unseen: ImageSet, count: int, seed: int) -> dict[str, np.ndarray]:
    """Return the images of each kind: controls first, then mosaics of training images."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(child_seed(seed, "mosaics"))
    good = unseen.images.astype(float)
    controls = {
        "unseen real images": unseen.images,
        "unseen, blurred 0.7 px": grey(gaussian_filter(good, (0, 0, 0.7, 0.7))),
        "unseen, blurred 1.5 px": grey(gaussian_filter(good, (0, 0, 1.5, 1.5))),
        "unseen, noise of sd 5": grey(good + rng.normal(0, 5, good.shape)),
        "PCA-Gaussian samples": pca_gaussian(train.images, count, seed=seed),
    }
    return controls | {kind: make(train.images, count, rng) for kind, make in MOSAICS.items()}


def _as_one(made: Mapping[str, np.ndarray]) -> ImageSet:
    names = [f"{kind}/{i}" for kind, images in made.items() for i in range(len(images))]
    return ImageSet.of(np.concatenate(list(made.values())), names)


def _unseen(splits: list[Halves]) -> dict[str, dict[str, float]]:
    """Return, by class and over all splits, how many unseen real images are flagged."""
    found: dict[str, dict[str, float]] = {}
    for halves in splits:
        areas = find_areas(*({label: pair[i] for label, pair in halves.items()} for i in (0, 1)))
        for label, each in areas.classes.items():
            total = found.setdefault(label, {"images": 0, "flagged": 0, "copied_windows": 0.0})
            total["images"] += each.num_images
            total["flagged"] += each.num_flagged
            total["copied_windows"] += each.copied_windows / len(splits)
    return found


def render() -> str:
    """Return the block of docs/metrics.md made from the committed result."""
    found = read_json(RESULT)
    labels = list(found["num_train"])
    limit, unseen = found["area_limit"], found["unseen"].values()
    flagged, of = (sum(each[key] for each in unseen) for key in ("flagged", "images"))
    trained = ", ".join(f"{label} {n}" for label, n in found["num_train"].items())
    shares = ", ".join(
        f"{label} {100 * each['copied_windows']:.1f}%" for label, each in found["unseen"].items()
    )
    lines = [
        f"Measured on {found['data']}, with `{found['command']}` (version "
        f"{found['made_by']['version']}, seed {found['seed']}, {found['hardware']}, "
        f"{found['date']}). Training images: {trained}. An image is flagged if it owes more than "
        f"{100 * limit['limit']:.1f}% of its area to one training image. The last columns are "
        f"ranges over the classes: what the search over whole images finds ({found['extractor']}; "
        f"up to {WHOLE} images), the share of copied windows, and the median owed area.\n",
        f"| images | {' | '.join(labels)} | whole-image search | copied windows | owed area |",
        f"|{' --- |' * (len(labels) + 4)}",
    ]
    for kind, by_class in found["kinds"].items():
        cells = [f"{each['by_areas']:.0f} of {each['images']:.0f}" for each in by_class.values()]
        ranges = [[each[key] for each in by_class.values()] for key in LAST]
        lines.append(f"| {kind} | {' | '.join([*cells, *map(_range, ranges)])} |")
    lines.append(
        f"\nOver {found['splits']} random halves, {flagged:.0f} of {of:.0f} unseen real images are "
        f"flagged ({100 * flagged / of:.1f}%). Their share of copied windows: {shares}.\n"
    )
    return "\n".join(lines)


LAST = ("whole", "copied_windows", "owed")


def _range(shares: list[float]) -> str:
    return f"{100 * min(shares):.0f}% to {100 * max(shares):.0f}%"


if __name__ == "__main__":
    main()
