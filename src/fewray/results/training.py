"""Models of what a training run writes: rows of ``stats.jsonl``, ``options.json``, provenance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from fewray.config import AS_IT_IS, GanOptions, ReadOptions
from fewray.errors import InputError
from fewray.results.copies import CopyThreshold
from fewray.results.scores import Model, Origin, StudyWarning

ALL_CLASSES = "all_classes"
"""Folder and label of a pooled generator."""


def generator_names(classes: Iterable[str], options: GanOptions) -> dict[str, tuple[str, ...]]:
    """Return the names of the generators to train for ``classes``, each with what it learns."""
    if options.pooled:
        return {ALL_CLASSES: tuple(classes)}
    return {label: (label,) for label in classes}


def piece_warnings(options: Mapping[str, GanOptions]) -> tuple[StudyWarning, ...]:
    """Return a warning per recipe whose images are assembled from pieces of training images.

    ``options`` are those of the generator of each class. The warning belongs wherever images of
    these classes are shown or used.
    """
    classes: dict[str, list[str]] = {}
    for label, each in options.items():
        if each.made_of_training_images:
            classes.setdefault(each.recipe, []).append(label)
    return tuple(
        StudyWarning(
            code="made_of_training_images",
            text=f"The recipe `{recipe}` assembles images from pieces of training images: large "
            "areas of each are copies. Do not take them for new patients, and share them only "
            "where the training images may be shared.",
            classes=tuple(labels),
        )
        for recipe, labels in classes.items()
    )


class EpochRow(Model, frozen=True, kw_only=True, omit_defaults=True):
    """One epoch of one generator. Losses and probabilities are means over its batches."""

    epoch: int
    """Epochs done, from 1."""
    epochs: int
    batches: int
    step: int
    images_seen: int
    """Real images shown to the network, repeats counted."""
    loss: float | None = None
    """Denoising loss. None, as all values, for another family or if it was not finite."""
    loss_d: float | None = None
    """-log D(x) - log(1 - D(G(z))); of family ``gan`` the relativistic loss."""
    loss_g: float | None = None
    """-log D(G(z)), after the discriminator's update; of family ``gan`` the relativistic loss."""
    d_x: float | None = None
    d_g_z1: float | None = None
    """Mean D(G(z)) before the discriminator's update,"""
    d_g_z2: float | None = None
    """and after it."""
    diversity: float | None = None
    """Spread within a batch of synthetic images over that of the real ones."""
    finite: bool = True
    """False in the last row of a run that stopped because a loss or a weight was not finite."""
    seconds: float
    """Since the training run began, interruptions left out."""
    fid: float | None = None
    kid: float | None = None
    """Unbiased, all images."""
    inception_score: float | None = None
    kid_held_out: float | None = None
    num_held_out: int | None = None
    extractor: str | None = None
    num_real: int | None = None
    num_fake: int | None = None


class TrainingSet(Model, frozen=True, kw_only=True):
    """The images one generator was trained on."""

    label: str
    """The class, or the name of the folder of a pooled generator."""
    classes: tuple[str, ...] = ()
    """The classes of a pooled generator, in the order of its labels."""
    num_train: int
    classic_images: int
    """Augmented copies added to them, per class."""
    training_hashes: tuple[str, ...]
    """SHA-256 of every training image,"""
    held_out_hashes: tuple[str, ...]
    """and of the images that were held out to measure it."""
    rows_sha256: str
    """Hash of the training images and their classes."""
    origin: Origin
    group_regex: str | None = None
    """The pattern that found the patients in the file names."""
    read: ReadOptions = AS_IT_IS
    """The labels and columns that were read."""


class ClassOptions(Model, frozen=True, kw_only=True):
    """``<class>/options.json``: how one generator was trained."""

    options: GanOptions
    seed: int
    precision: str
    threads: int
    device: str
    training_set: TrainingSet


class RunOptions(Model, frozen=True, kw_only=True):
    """``options.json`` of a folder of generators: what they have in common."""

    gan: GanOptions
    data: str
    source: str = ""
    """Where the data were loaded from: an absolute path, or the name of a known data set."""
    data_sha256: str
    group_regex: str | None
    seed: int
    hold_out: float
    """Share of each class's patients that was held out."""
    patience: int
    classes: tuple[str, ...]
    device: str
    precision: str
    threads: int


class GeneratorSource(Model, frozen=True, kw_only=True):
    """An entry of ``generators.json``: the generator behind the synthetic images of one class."""

    checkpoint_sha256: str
    epoch: int
    seed: int
    options: GanOptions
    training_set: TrainingSet
    rejected_seeds: tuple[int, ...] | None = None
    """Seeds whose images were replaced as copies; None if copies were not looked for."""
    marked_seeds: tuple[int, ...] = ()
    """Seeds passed over because a reject list marks their images as artefacts."""
    copy_threshold: CopyThreshold | None = None
    copy_extractor: str | None = None
    """The extractor whose features helped to find these copies."""
    networks_used: tuple[str, ...] | None = None
    """Extractors that trained the generator or selected its checkpoint; None: not recorded."""


class TrainedClass(Model, frozen=True, kw_only=True):
    """How the training run of one class stands."""

    last: EpochRow
    measured: tuple[EpochRow, ...]
    """The epochs at which quality was measured."""
    precision: str
    threads: int
    device: str


class TrainingReport(Model, frozen=True, kw_only=True):
    """``training.json``: how a folder of generators was trained and how its runs ended."""

    schema: Literal[1] = 1
    options: RunOptions
    classes: dict[str, TrainedClass]


def read_run_options(path: Path) -> RunOptions:
    """Return the ``options.json`` of a folder of generators; InputError if it is not one."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=RunOptions)
    except (OSError, msgspec.DecodeError) as error:
        message = f"{path}: not the options of a training run ({error}). Train the generators again"
        raise InputError(
            "run_damaged", f"{message}, or choose another folder.", path=str(path)
        ) from None


def read_training(path: Path) -> TrainingReport:
    """Return the ``training.json`` at ``path``; InputError if it does not fit the model."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=TrainingReport)
    except (OSError, msgspec.DecodeError) as error:
        message = f"{path}: not a training report ({error})."
        raise InputError("training_report_damaged", message, path=str(path)) from None
