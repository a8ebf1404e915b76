"""One class's generator: its classic-augmented training set, its training in this process, the probe of quality."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

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
from fewray.storage.files import locked
from fewray.storage.jobs import JobStore, key_of


def training_images(rows: Manifest, options: GanOptions, *, seed: int) -> np.ndarray:
    """Return what a generator trains on: the originals of one class and its classic-augmented images.

    uint8 (n + classic_images, 1, image_size, image_size). The augmented ones are drawn at the augmentation's
    ``work_size`` and reduced, as the paper's predecessor did.
    """
    source = ImageSource(rows)
    originals = source.at(options.image_size, options.fit)
    if options.classic_images == 0:
        return originals
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
    **_: Any,
) -> None:
    """Make sure that :func:`train_class` can begin or go on; InputError otherwise, and nothing is written.

    Every image is decoded, the extractor opened, and a checkpoint that is there must be of this very training.
    """
    for part in (rows, held_out):
        ImageSource(part).at(options.image_size, options.fit)
    if probe_every and len(rows) > 1:
        from fewray.pipelines.extractors import open_extractor

        open_extractor(extractor, device="cpu", cache=False)
    from fewray.generators.run import CHECKPOINT, check_continues

    if (folder / CHECKPOINT).exists():
        check_continues(
            folder / CHECKPOINT,
            options,
            seed=seed,
            about=about_class(rows, held_out, label, options),
        )


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
    resume: bool,
    checkpoint_every: int,
    probe_every: int,
    extractor: str,
    report: Report,
    shown: str = "",
) -> dict[str, Any]:
    """Train one class's generator in this process; ``report`` gets (name, row of the log) an epoch, and each batch.

    The name is ``shown``, or the label.
    """
    from fewray.generators.run import train_run
    from fewray.pipelines.extractors import open_extractor
    from fewray.quality.probe import QualityProbe

    about = about_class(rows, held_out, label, options)
    with locked(folder), fixed_threads(machine.threads):
        images = _training_set(folder, rows, options, seed=seed, resume=resume)
        originals = images[: len(rows)]
        probe = None
        if probe_every and len(rows) > 1:
            apart = (
                ImageSource(held_out).at(options.image_size, options.fit) if len(held_out) else None
            )
            probe = QualityProbe(
                originals,
                open_extractor(extractor, device=machine.device, cache=False),
                groups=[row.group for row in rows.rows],
                held_out=apart,
                held_out_groups=[row.group for row in held_out.rows],
            )
        return train_run(
            folder,
            images,
            options,
            seed=seed,
            device=choose_device(machine.device),
            precision=machine.precision,
            about=about,
            resume=resume,
            checkpoint_every=checkpoint_every,
            probe=probe,
            probe_every=probe_every,
            patience=patience,
            on_tick=lambda tick, row: report((shown or label, row)),
            on_batch=lambda epoch, batch, batches: report(
                (
                    shown or label,
                    {"batch": batch, "batches": batches, "epoch": epoch, "epochs": options.epochs},
                )
            ),
        )


def about_class(
    rows: Manifest, held_out: Manifest, label: str, options: GanOptions
) -> dict[str, Any]:
    """Return what goes into the header of a generator's checkpoint; ``group_regex`` where a pattern named the patients."""
    seen = sorted(row.sha256 for row in rows.rows)
    pattern = rows.group_regex
    return ({} if pattern is None else {"group_regex": pattern}) | {
        "label": label,
        "num_train": len(rows),
        "classic_images": options.classic_images,
        "training_hashes": seen,
        "rows_held_out": sorted(row.sha256 for row in held_out.rows),
        "rows_sha256": hashlib.sha256("\n".join(seen).encode()).hexdigest(),
        "origin": "phantom" if all(row.origin == "phantom" for row in rows.rows) else "real",
    }


def _training_set(
    folder: Path, rows: Manifest, options: GanOptions, *, seed: int, resume: bool
) -> np.ndarray:
    """Return the training images; a resumed run reads the very bytes it began with, those of other rows are made anew."""
    key = key_of(
        rows=[row.sha256 for row in rows.rows], options=options.with_(epochs=1).to_json(), seed=seed
    )
    store = JobStore(folder)
    for old in folder.glob("training-*.npy*"):
        if not old.name.startswith(store.array_path("training", key).name):
            old.unlink()
    kept = store.load_array("training", key) if resume else None
    if kept is not None:
        return np.array(kept)
    images = training_images(
        rows, options, seed=child_seed(seed, "classic")
    )  # damaged: the same are made again
    store.save_array("training", key, images)
    return images
