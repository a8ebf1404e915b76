"""One generator: its training set, its training run and its quality measurements."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from fewray.compute.device import choose_device
from fewray.compute.machine import Machine
from fewray.compute.process import fixed_threads
from fewray.compute.seeds import child_seed
from fewray.compute.tasks import Report
from fewray.config import GanOptions
from fewray.data.images import ImageSource
from fewray.data.manifest import Manifest
from fewray.imaging.augment import classic_augment
from fewray.results.training import EpochRow, TrainingSet
from fewray.storage.files import locked
from fewray.storage.jobs import JobStore, key_of

if TYPE_CHECKING:
    from fewray.quality.features.extractor import Extractor
    from fewray.quality.probe import QualityProbe


def training_images(rows: Manifest, options: GanOptions, *, seed: int) -> np.ndarray:
    """Return the training images of one class: the real ones, then classic-augmented copies.

    uint8 (n + classic_images, 1, image_size, image_size). Copies are augmented at ``work_size``
    pixels and then reduced, as the paper's predecessor did.
    """
    source = ImageSource(rows)
    originals = source.at(options.image_size, options.fit)
    if options.classic_images == 0:
        return originals.copy()  # the source keeps a read-only array
    large = source.at(options.augmentation.work_size, options.fit)
    augmented = classic_augment(
        large,
        options.classic_images,
        size=options.image_size,
        options=options.augmentation,
        seed=seed,
    )
    return np.concatenate([originals, augmented])


def check_one(
    *,
    rows: Manifest,
    held_out: Manifest,
    label: str,
    options: GanOptions,
    folder: Path,
    seed: int,
    probe_every: int,
    extractor: str,
    **_: object,
) -> None:
    """Raise InputError if :func:`train_one` could not start or resume; nothing is written.

    Every image is decoded and the extractor opened; an existing checkpoint must be of this run.
    """
    import torch

    from fewray.generators.checkpoint import new_generator
    from fewray.generators.family import check_labels
    from fewray.generators.run import CHECKPOINT, check_continues
    from fewray.pipelines.extractors import open_extractor

    new_generator(options, seed=seed, device=torch.device("cpu"))
    if options.pooled:
        check_labels(np.arange(len(rows.classes)), len(rows.classes))
    for part in (rows, held_out):
        ImageSource(part).at(options.image_size, options.fit)
    if probe_every:
        open_extractor(extractor, device="cpu", cache=False)
    path = folder / CHECKPOINT
    if path.exists():
        known = training_set_of(rows, held_out, label, options)
        check_continues(path, options, seed=seed, training_set=known)


def train_one(
    *,
    rows: Manifest,
    held_out: Manifest,
    patience: int,
    label: str,
    options: GanOptions,
    folder: Path,
    seed: int,
    machine: Machine,
    checkpoint_every: int,
    probe_every: int,
    extractor: str,
    report: Report,
    shown: str = "",
) -> EpochRow | None:
    """Train one generator, or resume it, and return the last row of its log.

    ``label`` is the class of ``rows``, or the name of a pooled generator of all their classes.
    ``report`` is called with (name, row as plain JSON) per epoch and (name, progress) per batch;
    the name is ``shown``, or the label.
    """
    from fewray.generators.run import train_run
    from fewray.pipelines.extractors import open_extractor
    from fewray.quality.probe import ClassesProbe

    shown = shown or label
    with locked(folder), fixed_threads(machine.threads):
        parts = classes_of(rows)
        images = _training_images(folder, parts, options, seed=seed)
        counts = [len(part) + options.classic_images for part in parts.values()]
        probe = None
        if probe_every and any(len(part) > 1 for part in parts.values()):
            compute = open_extractor(extractor, device=machine.device, cache=False)
            of_class = np.split(images, np.cumsum(counts)[:-1])
            probe = ClassesProbe(
                [
                    _probe(mine, part, held_out.where(label=name), options, compute)
                    for mine, (name, part) in zip(of_class, parts.items(), strict=True)
                ]
            )

        def on_batch(epoch: int, batch: int, batches: int) -> None:
            progress = {"batch": batch, "batches": batches}
            report((shown, {**progress, "epoch": epoch, "epochs": options.epochs}))

        return train_run(
            folder,
            images,
            options,
            labels=np.repeat(np.arange(len(parts)), counts) if options.pooled else None,
            seed=seed,
            device=choose_device(machine.device),
            precision=machine.precision,
            training_set=training_set_of(rows, held_out, label, options),
            checkpoint_every=checkpoint_every,
            probe=probe,
            probe_every=probe_every,
            patience=patience,
            on_tick=lambda row: report((shown, msgspec.to_builtins(row))),
            on_batch=on_batch,
        )


def classes_of(rows: Manifest) -> dict[str, Manifest]:
    """Return the rows of each class that has any, in the order of the classes."""
    found = {label: rows.where(label=label) for label in rows.classes}
    return {label: part for label, part in found.items() if len(part)}


def _probe(
    images: np.ndarray, rows: Manifest, unseen: Manifest, options: GanOptions, compute: Extractor
) -> QualityProbe | None:
    """Return what measures one class, whose images come first in ``images``; None for one image."""
    from fewray.quality.probe import QualityProbe

    if len(rows) < 2:
        return None
    return QualityProbe(
        images[: len(rows)],
        compute,
        groups=[row.group for row in rows.rows],
        held_out=ImageSource(unseen).at(options.image_size, options.fit) if len(unseen) else None,
        held_out_groups=[row.group for row in unseen.rows],
    )


def training_set_of(
    rows: Manifest, held_out: Manifest, label: str, options: GanOptions
) -> TrainingSet:
    """Return the record of a training set that is kept in the checkpoint."""
    seen = tuple(sorted(row.sha256 for row in rows.rows))
    labelled = sorted(f"{row.sha256} {row.label}" for row in rows.rows)
    return TrainingSet(
        label=label,
        classes=tuple(classes_of(rows)) if options.pooled else (),
        num_train=len(rows),
        classic_images=options.classic_images,
        training_hashes=seen,
        held_out_hashes=tuple(sorted(row.sha256 for row in held_out.rows)),
        rows_sha256=hashlib.sha256("\n".join(labelled).encode()).hexdigest(),
        origin="phantom" if all(row.origin == "phantom" for row in rows.rows) else "real",
        group_regex=rows.group_regex,
        read=rows.read,
    )


def _training_images(
    folder: Path, parts: Mapping[str, Manifest], options: GanOptions, *, seed: int
) -> np.ndarray:
    """Return the training images of all classes; a resumed run reads those it started with."""
    scale = next(iter(parts.values())).pixel_scale.key()
    key = key_of(
        rows=[row.sha256 for part in parts.values() for row in part.rows],
        options=options.with_(epochs=1).to_json(),
        seed=seed,
        **({"scale": scale} if scale else {}),
    )
    store = JobStore(folder)
    for old in folder.glob("training-*.npy*"):
        if not old.name.startswith(store.array_path("training", key).name):
            old.unlink()
    kept = store.load_array("training", key)
    if kept is not None:
        return np.array(kept)
    made = []
    for label, part in parts.items():
        names = ("classic", label) if options.pooled else ("classic",)
        made.append(training_images(part, options, seed=child_seed(seed, *names)))
    images = np.concatenate(made)
    store.save_array("training", key, images)
    return images
