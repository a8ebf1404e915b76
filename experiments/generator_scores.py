"""Measure generators that were trained with a hold-out, for the tables of docs/generators.md.

Run `python -m experiments.generator_scores RUN [IMAGES]` for a folder made by `fewray train
--hold-out 0.2 --quality-every 0`; with `RUN IMAGES pca`, PCA samples of its training images are
measured in place of its generator. The synthetic images of every class are compared with the
training images and with those of the held-out patients. The scores of a run lie in
docs/results/generators/; generator_tables.py makes tables of them.
"""

from __future__ import annotations

import datetime
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from experiments.provenance import made_by
from fewray.compute.device import choose_device
from fewray.config import ClassifierOptions, GanOptions
from fewray.data.images import ImageSource
from fewray.data.loading import load_dataset
from fewray.data.manifest import Manifest
from fewray.generators.checkpoint import load_checkpoint, read_header
from fewray.generators.families.diffusion import Diffusion
from fewray.generators.generate import run_classes
from fewray.generators.log import read_log
from fewray.generators.models.pca_gaussian import pca_gaussian
from fewray.pipelines.extractors import open_extractor
from fewray.pipelines.tstr import accuracies
from fewray.presets import RECIPES, recipe_text
from fewray.quality.evaluate import measure_quality
from fewray.quality.features.extractor import Extractor
from fewray.quality.image_set import ImageSet
from fewray.quality.metrics.kid import mmd2
from fewray.results.training import EpochRow, RunOptions, read_run_options
from fewray.storage.files import write_json

RESULTS = Path(__file__).parents[1] / "docs" / "results" / "generators"
EXTRACTORS = ("lite0", "lite2", "texture")
SOURCES = ("src/fewray/generators", "src/fewray/quality")
CLASSIFIER, CLASSIFIERS = ClassifierOptions(batch_size=64, steps=600), 3
"""The paper's CNN, and how many are trained on real and on synthetic images."""
PCA = "PCA samples"
"""The name of the baseline in place of a recipe's."""
Sets = Mapping[str, ImageSet]


def statistics(images: np.ndarray) -> dict[str, float]:
    """Return means over uint8 ``images`` (n, 1, S, S), in grey levels (0 to 255).

    The mean and the standard deviation of an image, the mean absolute difference between
    neighbouring pixels, and the standard deviation of a pixel between images.
    """
    x = images.astype(float)
    across, down = (np.abs(np.diff(x, axis=axis)).mean() for axis in (-1, -2))
    return {
        "mean": float(x.mean()),
        "sd": float(x.std((1, 2, 3)).mean()),
        "gradient": float((across + down) / 2),
        "between": float(x.std(0).mean()),
    }


def with_evaluations(options: GanOptions, evaluations: int) -> GanOptions:
    """Return ``options`` with this number of evaluations of a diffusion model."""
    return options.with_(diffusion=options.diffusion.with_(sampling_steps=evaluations))


def training_seconds(log: Sequence[EpochRow]) -> float:
    """Return the median duration of an epoch times their number, so that pauses do not count."""
    durations = np.diff([0.0, *(row.seconds for row in log)])
    return float(np.median(durations)) * len(log)


def image_set(rows: Manifest, size: int, fit: str) -> ImageSet:
    """Return the images of ``rows`` with names and patients."""
    images = np.array(ImageSource(rows).at(size, fit))
    return ImageSet.of(images, [row.sha256 for row in rows.rows], [row.group for row in rows.rows])


def real_images(run: Path) -> tuple[dict[str, ImageSet], dict[str, ImageSet]]:
    """Return the training images and those of the held-out patients, by class."""
    options = read_run_options(run / "options.json")
    data = load_dataset(options.source or options.data, group_regex=options.group_regex)
    training: dict[str, ImageSet] = {}
    held_out: dict[str, ImageSet] = {}
    for label, path in run_classes(run).items():
        known, rows = read_header(path).training_set, data.where(label=label).rows
        for side, hashes in (
            (training, set(known.training_hashes)),
            (held_out, set(known.held_out_hashes)),
        ):
            mine = replace(data, rows=tuple(row for row in rows if row.sha256 in hashes))
            side[label] = image_set(mine, options.gan.image_size, options.gan.fit)
    return training, held_out


def mean_kids(
    sides: Sequence[Mapping[str, ImageSet]], fake: Mapping[str, np.ndarray], extractor: Extractor
) -> list[float]:
    """Return the KID of uint8 ``fake`` (n, 1, S, S) to each side, as the mean over its classes."""
    made = {label: extractor(images).matrix for label, images in fake.items()}
    return [
        float(
            np.mean(
                [
                    mmd2(extractor(real.images).matrix, made[label], groups=np.array(real.groups))
                    for label, real in side.items()
                ]
            )
        )
        for side in sides
    ]


def measure_images(
    training: Sets, held_out: Sets, fake: Sets, *, real: bool = True
) -> dict[str, Any]:
    """Return the scores of synthetic images by extractor and class, and of classifiers.

    Without ``real``, no classifiers are trained on the real images; without images of the
    classifier's size, none at all.
    """
    scores: dict[str, dict[str, Any]] = {}
    real_copies: dict[str, float] = {}
    for name in EXTRACTORS:
        report, *_ = measure_quality(training, fake, open_extractor(name), held_out=held_out)
        limit = report.copy_threshold
        real_copies[name] = limit.real_flagged / limit.num_held_out
        scores[name] = {
            label: {
                "kid": found.kid,
                "kid_held_out": report.held_out[label].kid,
                "real_kid": report.held_out[label].real_kid,
                "precision": found.precision,
                "coverage": found.coverage,
                "copies": len(found.copies),
                "windows": found.areas and [found.areas.copied_windows, found.areas.real_windows],
            }
            for label, found in report.classes.items()
        }
    sides = {"real": training, "synthetic": fake} if real else {"synthetic": fake}
    if next(iter(fake.values())).images.shape[2] != CLASSIFIER.image_size:
        sides = {}
    tested = {
        f"accuracy_from_{name}": [
            accuracies(side, [held_out], tuple(training), CLASSIFIER, seed=seed)[0]
            for seed in range(CLASSIFIERS)
        ]
        for name, side in sides.items()
    }
    return {
        "training_images": {label: len(each.images) for label, each in training.items()},
        "held_out_images": {label: len(each.images) for label, each in held_out.items()},
        "synthetic": max(len(each.images) for each in fake.values()),
        "scores": scores,
        "real_copies": real_copies,
        "statistics": {
            side: {label: statistics(each.images) for label, each in sets.items()}
            for side, sets in (("training", training), ("synthetic", fake))
        },
        "tested_images": sum(len(each) for each in held_out.values()),
        **tested,
        "hardware": platform.processor() or platform.machine(),
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "made_by": made_by(*SOURCES),
    }


def in_short(found: Mapping[str, Any]) -> str:
    """Return the main scores of :func:`measure_images` in lines, means over classes."""

    def mean(extractor: str, key: str) -> float:
        return float(np.mean([each[key] for each in found["scores"][extractor].values()]))

    lines = [
        f"{name}: KID {mean(name, 'kid'):.2f}, unseen {mean(name, 'kid_held_out'):.2f}"
        for name in EXTRACTORS
    ]
    windows = [each["windows"][0] for each in found["scores"]["lite0"].values()]
    lines += [
        f"copies {mean('lite0', 'copies') / found['synthetic']:.1%}",
        f"copied windows {np.mean(windows):.1%}",
    ]
    if accuracy := found.get("accuracy_from_synthetic"):
        lines.append(f"accuracy {np.mean(accuracy):.2f}")
    return "\n".join(lines)


def measure(run: Path, count: int, *, averaged: bool = True, real: bool = True) -> dict[str, Any]:
    """Return the scores of ``count`` synthetic images per class of a trained generator.

    A diffusion model makes an image with as many evaluations as its recipe does today. Without
    ``averaged``, it samples from its last weights instead of their average; ``real`` as in
    :func:`measure_images`.
    """
    options = read_run_options(run / "options.json")
    evaluations = RECIPES[options.gan.recipe].diffusion.sampling_steps
    paths = run_classes(run)
    device = choose_device("auto")
    fake = {}
    for label, path in paths.items():
        generator = load_checkpoint(path, device, label)
        generator.options = with_evaluations(generator.options, evaluations)
        if not averaged:
            assert isinstance(generator, Diffusion)
            generator.average.load_state_dict(generator.network.state_dict())
        fake[label] = ImageSet.of(generator.sample(range(count)))
    logs = [read_log(folder) for folder in sorted({path.parent for path in paths.values()})]
    return {
        "recipe": recipe_text(with_evaluations(options.gan, evaluations)),
        **_of_run(options),
        "images_seen": sum(log[-1].images_seen for log in logs),
        "core_minutes": round(sum(training_seconds(log) for log in logs) * options.threads / 60, 1),
        "device": options.device,
        "precision": options.precision,
        **measure_images(*real_images(run), fake, real=real),
    }


def measure_pca(run: Path, count: int) -> dict[str, Any]:
    """Return the scores of ``count`` PCA samples per class, fitted to the training images of a run.

    They are what a study's arm ``pca`` adds.
    """
    options = read_run_options(run / "options.json")
    training, held_out = real_images(run)
    fake = {
        label: ImageSet.of(pca_gaussian(real.images, count, seed=options.seed))
        for label, real in training.items()
    }
    found = measure_images(training, held_out, fake)
    size = options.gan.image_size
    name = PCA if size == 64 else f"{PCA}: {size} px images"
    return {"recipe": name, **_of_run(options), "core_minutes": 0.0, **found}


def _of_run(options: RunOptions) -> dict[str, Any]:
    return {
        "seed": options.seed,
        "image_size": options.gan.image_size,
        "data": options.data,
        "hold_out": options.hold_out,
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder, given = Path(sys.argv[1]), sys.argv[2:]
    images = int((*given, "200")[0])
    RESULTS.mkdir(parents=True, exist_ok=True)
    if given[1:] == ["pca"]:
        scores = measure_pca(folder, images)
        write_json(RESULTS / f"pca-{scores['image_size']}-seed{scores['seed']}.json", scores)
    else:
        write_json(RESULTS / f"{folder.name}.json", measure(folder, images))
