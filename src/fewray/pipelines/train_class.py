"""The generator of one class: its training set, its training run and its quality measurements."""

from __future__ import annotations

import hashlib
from pathlib import Path

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


def training_images(rows: Manifest, options: GanOptions, *, seed: int) -> np.ndarray:
    """Return what a generator trains on: the images of one class, then classic-augmented copies.

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


def check_class(
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
    """Raise InputError if :func:`train_class` could not start or resume; nothing is written.

    Every image is decoded and the extractor opened; an existing checkpoint must be of this run.
    """
    from fewray.generators.run import CHECKPOINT, check_continues
    from fewray.pipelines.extractors import open_extractor

    for part in (rows, held_out):
        ImageSource(part).at(options.image_size, options.fit)
    if probe_every and len(rows) > 1:
        open_extractor(extractor, device="cpu", cache=False)
    path = folder / CHECKPOINT
    if path.exists():
        known = training_set_of(rows, held_out, label, options)
        check_continues(path, options, seed=seed, training_set=known)


def train_class(
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
    """Train one class's generator, or resume it, and return the last row of its log.

    ``report`` is called with (name, row as plain JSON) per epoch and (name, progress) per batch;
    the name is ``shown``, or the label.
    """
    from fewray.generators.run import train_run
    from fewray.pipelines.extractors import open_extractor
    from fewray.quality.probe import QualityProbe

    name = shown or label
    with locked(folder), fixed_threads(machine.threads):
        images = _training_images(folder, rows, options, seed=seed)
        probe = None
        if probe_every and len(rows) > 1:
            unseen = ImageSource(held_out).at(options.image_size, options.fit)
            probe = QualityProbe(
                images[: len(rows)],
                open_extractor(extractor, device=machine.device, cache=False),
                groups=[row.group for row in rows.rows],
                held_out=unseen if len(held_out) else None,
                held_out_groups=[row.group for row in held_out.rows],
            )

        def on_batch(epoch: int, batch: int, batches: int) -> None:
            progress = {"batch": batch, "batches": batches}
            report((name, {**progress, "epoch": epoch, "epochs": options.epochs}))

        return train_run(
            folder,
            images,
            options,
            seed=seed,
            device=choose_device(machine.device),
            precision=machine.precision,
            training_set=training_set_of(rows, held_out, label, options),
            checkpoint_every=checkpoint_every,
            probe=probe,
            probe_every=probe_every,
            patience=patience,
            on_tick=lambda row: report((name, msgspec.to_builtins(row))),
            on_batch=on_batch,
        )


def training_set_of(
    rows: Manifest, held_out: Manifest, label: str, options: GanOptions
) -> TrainingSet:
    """Return the record of a training set that is kept in the checkpoint."""
    seen = tuple(sorted(row.sha256 for row in rows.rows))
    return TrainingSet(
        label=label,
        num_train=len(rows),
        classic_images=options.classic_images,
        training_hashes=seen,
        held_out_hashes=tuple(sorted(row.sha256 for row in held_out.rows)),
        rows_sha256=hashlib.sha256("\n".join(seen).encode()).hexdigest(),
        origin="phantom" if all(row.origin == "phantom" for row in rows.rows) else "real",
        group_regex=rows.group_regex,
    )


def _training_images(folder: Path, rows: Manifest, options: GanOptions, *, seed: int) -> np.ndarray:
    """Return the training images; a resumed run reads those it started with."""
    scale = rows.pixel_scale.key()
    key = key_of(
        rows=[row.sha256 for row in rows.rows],
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
    images = training_images(rows, options, seed=child_seed(seed, "classic"))
    store.save_array("training", key, images)
    return images
