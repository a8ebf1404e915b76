"""Measure generators, classifiers, a reduced study, features and metrics on a GPU.

Every part is compared with the textbook on the same card. ``benchmarks/gpu.sh`` runs them within 8
minutes.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import classifier, features, quality
from benchmarks.pairs import Side, Task, Timed, alternate
from benchmarks.table import TableRow
from fewray.compute.device import choose_device
from fewray.config import CrossvalOptions, DiffusionOptions, GanOptions
from fewray.data.loading import load_dataset
from fewray.data.manifest import Manifest
from fewray.errors import InputError
from fewray.presets import CROSSVAL_PRESETS, RECIPES

GANS = "four paper GANs at full length, with files and quality during training"
GANS_SECONDS, GANS_TARGET = 30.0, 6.0
DIFFUSION = "one diffusion model of all classes at full length, with files and quality"
DIFFUSION_SECONDS = 60.0
STUDY = "a reduced study: 2 folds, 8 paper GANs of 25 epochs, 4 arms, 2 seeds"
STUDY_OPTIONS = CROSSVAL_PRESETS["standard"].with_(
    preset="gpu benchmark",
    arms=("no_augmentation", "classic", "synthetic", "classic+synthetic"),
    folds=2,
    seeds=2,
    gan=RECIPES["paper"].with_(fit="pad", epochs=25),
    paper_classic=False,
    ratios=(),
    resnet=False,
    linear=False,
)


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """The amount of work; the test of the script uses a small one on the CPU."""

    data: str | None = None
    """A data set; None: covid4 if present, else phantoms."""
    gan: GanOptions = RECIPES["paper"]
    diffusion: GanOptions = RECIPES["diffusion"]
    study: CrossvalOptions = STUDY_OPTIONS
    textbook_steps: int = 200
    """Steps per class for which the textbook is timed; its rate is used for the whole length."""
    images: int = 2048
    """Images whose features are computed."""
    rows: int = quality.ROWS
    dim: int = quality.DIM
    """Number and width of the feature vectors that are compared."""
    classifier_steps: int = 200


SMOKE = Sizes(
    data="phantom:size=64,train=8,test=4",
    gan=RECIPES["quick"].with_(base_channels=4, epochs=2, classic_images=0, quality_images=4),
    diffusion=RECIPES["diffusion_quick"].with_(
        epochs=1, quality_images=2, diffusion=DiffusionOptions(channels=(8, 8), blocks=1)
    ),
    study=STUDY_OPTIONS.with_(
        arms=("no_augmentation", "classic"),
        seeds=1,
        gan=RECIPES["quick"].with_(fit="pad", base_channels=4, epochs=1, classic_images=0),
        classifier=STUDY_OPTIONS.classifier.with_(steps=2),
    ),
    textbook_steps=1,
    images=2,
    rows=60,
    dim=8,
    classifier_steps=1,
)


def measure(peak: dict[str, float], *, rounds: int, device: str = "auto") -> list[TableRow]:
    """Return the rows of all parts, or, without a GPU, two rows that say so."""
    if choose_device(device).type != "cuda":
        note = "no GPU on this machine"
        target = f"{GANS_SECONDS:g} s, {GANS_TARGET:g} x"
        return [
            TableRow(subject="gpu", what=GANS, target=target, note=note),
            TableRow(subject="gpu", what=STUDY, note=note),
        ]
    return [row for part in PARTS.values() for row in part.measure(Sizes(), device)]


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of the GPU benchmark with its time limit in seconds."""

    measure: Callable[[Sizes, str], list[TableRow]]
    seconds: float


def _features(sizes: Sizes, device: str) -> list[TableRow]:
    return features.measure({}, rounds=3, device=device, images=sizes.images)


def _metrics(sizes: Sizes, device: str) -> list[TableRow]:
    return [quality.metrics_row(device=device, rows=sizes.rows, dim=sizes.dim)]


def _classifiers(sizes: Sizes, device: str) -> list[TableRow]:
    return classifier.measure({}, rounds=2, device=device, steps=sizes.classifier_steps)


def _generators(sizes: Sizes, device: str) -> list[TableRow]:
    return [full_length(dataset(sizes), sizes, device=device)]


def _diffusion(sizes: Sizes, device: str) -> list[TableRow]:
    data, options = dataset(sizes), sizes.diffusion
    ours = _timed("diffusion", generators, data=data, options=options, device=device)
    row = TableRow(
        what=DIFFUSION,
        **_measured(ours),
        target=f"{DIFFUSION_SECONDS:g} s",
        reached=ours.median <= DIFFUSION_SECONDS,
        note=f"{data.name}, {sum(ours.results[0]):,} steps, including the start of the process",
    )
    return [row]


def _study(sizes: Sizes, device: str) -> list[TableRow]:
    return [reduced_study(dataset(sizes), sizes, device=device)]


PARTS = {
    "generators": Part(measure=_generators, seconds=110),
    "diffusion": Part(measure=_diffusion, seconds=110),
    "study": Part(measure=_study, seconds=140),
    "features": Part(measure=_features, seconds=40),
    "metrics": Part(measure=_metrics, seconds=40),
    "classifiers": Part(measure=_classifiers, seconds=40),
}
"""The parts in order of importance."""


def dataset(sizes: Sizes) -> Manifest:
    """Return the data set to measure on."""
    try:
        return load_dataset(sizes.data or "covid4")
    except InputError:
        return load_dataset("phantom")


def full_length(data: Manifest, sizes: Sizes, *, device: str) -> TableRow:
    """Return the row of one generator per class with all files and quality measurements."""
    ours = _timed("generators", generators, data=data, options=sizes.gan, device=device)
    steps = sum(ours.results[0])
    gan_step, _ = textbook_seconds(len(data.classes), sizes, device=device, classifiers=False)
    ratio = steps * gan_step / ours.median
    return TableRow(
        what=GANS,
        **_measured(ours, steps * gan_step),
        target=f"{GANS_SECONDS:g} s, {GANS_TARGET:g} x",
        reached=ours.median <= GANS_SECONDS and ratio >= GANS_TARGET,
        note=f"{data.name}, {steps:,} steps, including the start of the process; the reference is "
        f"the textbook's rate over {sizes.textbook_steps} steps per class without files or scores",
    )


def reduced_study(data: Manifest, sizes: Sizes, *, device: str) -> TableRow:
    """Return the row of a whole study; the reference is the textbook's time for its steps."""
    options = sizes.study
    ours = _timed("study", study, data=data, options=options, device=device)
    gan_step, classifier_step = textbook_seconds(len(data.classes), sizes, device=device)
    gan_steps, classifier_steps = training_steps(data, options)
    reference = gan_steps * gan_step + classifier_steps * classifier_step
    return TableRow(
        what=STUDY,
        **_measured(ours, reference),
        note=f"{data.name}, {len(data)} images, from files to report; the reference is the "
        "textbook's time for "
        f"{gan_steps:,} GAN and {classifier_steps:,} classifier steps alone",
    )


def training_steps(data: Manifest, options: CrossvalOptions) -> tuple[int, int]:
    """Return the steps of all generators and all classifiers of a study with equal folds."""
    from fewray.generators.checkpoint import batches_per_epoch

    gan, share = options.gan, (options.folds - 1) / options.folds
    per_fold = 0
    for label in data.classes:
        images = round(share * len(data.where(label=label))) + gan.classic_images
        per_fold += gan.epochs * batches_per_epoch(images, gan)
    runs = len(options.arms) * options.folds * options.seeds
    return per_fold * options.folds, runs * options.classifier.steps


def textbook_seconds(
    classes: int, sizes: Sizes, *, device: str, classifiers: bool = True
) -> tuple[float, float]:
    """Return the textbook's seconds per GAN step and per classifier step (0 if not asked for)."""
    steps = sizes.textbook_steps
    book = Side(
        name="textbook gan",
        make=textbook,
        options={"classes": classes, "steps": steps, "device": device},
    )
    (gan,) = alternate([book], 1)
    if not classifiers:
        return gan.median / (classes * steps), 0.0
    batch = sizes.study.classifier.batch_size
    book = Side(
        name="textbook classifier",
        make=textbook_classifiers,
        options={"steps": steps, "batch": batch, "device": device},
    )
    (timed,) = alternate([book], 1)
    return gan.median / (classes * steps), timed.median / steps


def generators(part: int, *, data: Manifest, options: GanOptions, device: str) -> Task:
    """Prepare the training of one generator per class; the task returns their steps."""
    from fewray.api import train_generator

    def work(folder: Path) -> list[int]:
        last = train_generator(data, folder / "run", options=options, device=device)
        return [row["step"] for row in last.values()]

    return partial(_in_new_folder, work)


def study(part: int, *, data: Manifest, options: CrossvalOptions, device: str) -> Task:
    """Prepare a study."""
    from fewray.api import run_study

    def work(folder: Path) -> str:
        return str(run_study(data, folder / "run", options=options, device=device))

    return partial(_in_new_folder, work)


def textbook(part: int, *, classes: int, steps: int, device: str) -> Task:
    """Prepare the textbook loop of ``classes`` generators, ``steps`` steps each."""
    from benchmarks.textbook import TextbookGan

    noise = np.random.default_rng(0).integers(0, 256, (34 * 32, 1, 64, 64), dtype=np.uint8)
    where = str(choose_device(device))
    runs = [TextbookGan(noise, label, where).steps() for label in range(classes)]

    def work() -> list[float]:
        return [loss for run in runs for loss, _ in itertools.islice(run, steps)]

    return work


def textbook_classifiers(part: int, *, steps: int, batch: int, device: str) -> Task:
    """Prepare one training run of the textbook's classifier."""
    from benchmarks.textbook import textbook_classifier

    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4 * batch, 1, 64, 64), dtype=np.uint8)
    return partial(
        textbook_classifier,
        images,
        rng.integers(0, 4, len(images)),
        classes=4,
        steps=steps,
        batch=batch,
        seed=0,
        device=str(choose_device(device)),
    )


def _measured(ours: Timed, reference: float | None = None) -> dict[str, Any]:
    """Return the fields of a row that was measured once."""
    found = {"subject": "gpu", "unit": "s", "rounds": 1}
    found |= {"ours": ours.median, "memory_mib": ours.peak_mib}
    if reference is not None:
        ratio = reference / ours.median
        found |= {"reference": reference, "ratio": ratio, "low": ratio, "high": ratio}
    return found


def _timed(name: str, make: Callable[..., Task], **options: object) -> Timed:
    (found,) = alternate([Side(name=name, make=make, options=options)], 1, warm_up=False)
    return found


def _in_new_folder(work: Callable[[Path], object]) -> object:
    folder = tempfile.mkdtemp()
    try:
        return work(Path(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
