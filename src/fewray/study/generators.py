"""Train one generator a class: classic-augmented training sets, the probe of quality, all classes side by side."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fewray.augment import classic_augment
from fewray.cluster import connected
from fewray.config import GanOptions
from fewray.data.hold_out import split_hold_out
from fewray.data.manifest import Manifest
from fewray.device import child_seed, choose_device, fixed_threads
from fewray.errors import InputError
from fewray.images import load_images
from fewray.parcels import travels
from fewray.runs import locked, read_json, write_bytes, write_json
from fewray.study.machine import Machine
from fewray.workers import Report


def training_images(rows: Manifest, options: GanOptions, *, seed: int) -> np.ndarray:
    """Return what a generator trains on: the originals of one class and its classic-augmented images.

    uint8 (n + classic_images, 1, image_size, image_size). The augmented ones are drawn at the augmentation's
    ``work_size`` and reduced, as the paper's predecessor did.
    """
    originals = load_images(rows.paths(), options.image_size, options.fit)
    if options.classic_images == 0:
        return originals
    large = load_images(rows.paths(), options.augmentation.work_size, options.fit)
    augmented = classic_augment(
        large, options.classic_images, size=options.image_size, options=options.augmentation, seed=seed
    )
    return np.concatenate([originals, augmented])


def train_generators(
    manifest: Manifest,
    options: GanOptions,
    out: Path,
    *,
    classes: Sequence[str] | None = None,
    seed: int = 0,
    machine: Machine | None = None,
    resume: bool = False,
    checkpoint_every: int = 5,
    probe_every: int = 20,
    extractor: str = "lite0",
    hold_out: float = 0.0,
    patience: int = 0,
    on_epoch: Callable[[str, Mapping[str, Any]], None] = lambda label, row: None,
    on_batch: Callable[[str, Mapping[str, Any]], None] = lambda label, progress: None,
) -> dict[str, dict[str, Any]]:
    """Train a generator for each class of ``manifest``'s rows into ``out/<class>`` and return their last log rows.

    Every row of ``manifest`` is seen: hand over training rows only. ``probe_every`` 0 measures no quality on the way.
    A share ``hold_out`` of each class's patients is kept from the generator for KID to films it has not seen; with
    ``patience`` above 0 a training ends after so many measurements of it that are no better.
    InputError for an unknown class, a class without images, or a folder that holds another training.
    """
    wanted = tuple(classes or manifest.classes)
    for label in wanted:
        if label not in manifest.classes:
            raise InputError(f"--classes {label}: no such class; there are {', '.join(manifest.classes)}")
        if len(manifest.where(label=label)) == 0:
            raise InputError(f"class {label}: 0 training images; at least 1 is wanted")
        if not resume and (out / label / "checkpoint.safetensors").exists():
            raise InputError(
                f"{out / label}: holds a training already; add --resume to continue it or choose another --out"
            )
    if patience and not (hold_out and probe_every):
        raise InputError("--stop-when-done: needs --hold-out and --quality-every above 0")
    parts = {
        label: split_hold_out(manifest.where(label=label), hold_out, seed=child_seed(seed, "hold-out", label))
        for label in wanted
    }
    machine = machine or Machine()
    with locked(out), connected(machine.executor, out):
        machine = _recorded(out, machine, len(wanted), resume)
        write_json(
            out / "options.json",
            {
                "gan": options.to_json(),
                "data": manifest.name,
                "data_sha256": manifest.sha256(),
                "classes": sorted({*wanted, *_classes_before(out)}),
                "seed": seed,
                "device": machine.device,
                "precision": machine.precision,
                "threads": machine.threads,
                "hold_out": hold_out,
                "patience": patience,
            },
        )
        tasks = [
            {
                "rows": parts[label][0],
                "held_out": parts[label][1],
                "patience": patience,
                "label": label,
                "options": options,
                "folder": out / label,
                "seed": child_seed(seed, "generator", label),
                "machine": machine,
                "resume": resume,
                "checkpoint_every": checkpoint_every,
                "probe_every": probe_every,
                "extractor": extractor,
            }
            for label in wanted
        ]
        results = machine.run(
            train_class,
            tasks,
            on_message=lambda message: (on_batch if "batch" in message[1] else on_epoch)(*message),
        )
    return dict(zip(wanted, results, strict=True))


def _read_by_training(task: Mapping[str, Any]) -> list[Path]:
    earlier = sorted(task["folder"].glob("[!.]*")) if task["resume"] else []
    return [*task["rows"].paths(), *task["held_out"].paths(), *earlier]


@travels(_read_by_training, again=lambda task: {**task, "resume": True})
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
    from fewray.gan.run import train_run
    from fewray.quality.probe import QualityProbe
    from fewray.study.extractors import open_extractor

    seen = sorted(row.sha256 for row in rows.rows)
    about = {
        "label": label,
        "num_train": len(rows),
        "classic_images": options.classic_images,
        "rows_seen": seen,
        "rows_held_out": sorted(row.sha256 for row in held_out.rows),
        "rows_sha256": hashlib.sha256("\n".join(seen).encode()).hexdigest(),
        "origin": "phantom" if all(row.origin == "phantom" for row in rows.rows) else "real",
    }
    with locked(folder), fixed_threads(machine.threads):
        images = _training_set(folder / "training.npy", rows, options, seed=seed, resume=resume)
        originals = images[: len(rows)]
        probe = None
        if probe_every and len(rows) > 1:
            apart = load_images(held_out.paths(), options.image_size, options.fit) if len(held_out) else None
            probe = QualityProbe(originals, open_extractor(extractor, cache=False), held_out=apart)
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
                (shown or label, {"batch": batch, "batches": batches, "epoch": epoch, "epochs": options.epochs})
            ),
        )


def _training_set(path: Path, rows: Manifest, options: GanOptions, *, seed: int, resume: bool) -> np.ndarray:
    """Return the training images; a resumed run reads the very bytes it began with."""
    if resume and path.exists():
        try:
            return np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError):
            pass  # damaged: the same options and seed make it again
    images = training_images(rows, options, seed=child_seed(seed, "classic"))
    stream = io.BytesIO()
    np.save(stream, images, allow_pickle=False)
    write_bytes(path, stream.getvalue())
    return images


def _recorded(out: Path, machine: Machine, tasks: int, resume: bool) -> Machine:
    """Settle the machine; a resumed run keeps the precision and threads it began with, so that its bits agree."""
    settled = machine.settled(tasks)
    path = out / "options.json"
    if not (resume and path.exists()):
        return settled
    before = read_json(path)
    return Machine(
        device=settled.device,
        precision=before.get("precision", settled.precision) if machine.precision == "auto" else settled.precision,
        processes=settled.processes,
        threads=machine.threads or before.get("threads", settled.threads),
        executor=settled.executor,
    )


def _classes_before(out: Path) -> list[str]:
    path = out / "options.json"
    return list(read_json(path).get("classes", [])) if path.exists() else []
