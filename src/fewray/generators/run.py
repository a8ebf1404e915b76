"""A training run with its files (log, grids, checkpoints), resumable at any time.

The folder of a class holds ``options.json``, ``stats.jsonl``, ``reals.png``, ``fakes-000020.png``,
``checkpoint.safetensors`` and, with held-out images, ``best.safetensors``.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec
import numpy as np
import torch

from fewray.compute.seeds import child_seed
from fewray.config import GanOptions
from fewray.errors import InputError, RunFailed
from fewray.generators.checkpoint import (
    load_checkpoint,
    new_generator,
    read_header,
    save_checkpoint,
)
from fewray.generators.family import Family, OnBatch, Tick, ignore_batch
from fewray.generators.health import best_epoch, is_done
from fewray.generators.log import LOG, read_log, write_log, write_options
from fewray.imaging.arrays import grid, save_png
from fewray.results.training import ClassOptions, EpochRow, TrainingSet
from fewray.storage.files import append_jsonl

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

CHECKPOINT = "checkpoint.safetensors"
BEST = "best.safetensors"
"""The checkpoint with the lowest KID to held-out images: the one to sample from, if it exists."""
GRID_IMAGES = 64


class Probe(Protocol):
    """Measures synthetic uint8 images of each class; its result has fields of :class:`EpochRow`."""

    @property
    def extractor_name(self) -> str: ...  # noqa: D102
    def __call__(self, fakes: Sequence[np.ndarray]) -> DataclassInstance: ...  # noqa: D102


def train_run(
    folder: Path,
    images: np.ndarray,
    options: GanOptions,
    *,
    labels: np.ndarray | None = None,
    seed: int,
    device: torch.device,
    precision: str,
    training_set: TrainingSet,
    checkpoint_every: int = 5,
    probe: Probe | None = None,
    probe_every: int = 20,
    patience: int = 0,
    on_tick: Callable[[EpochRow], None] = lambda row: None,
    on_batch: OnBatch = ignore_batch,
) -> EpochRow | None:
    """Train one generator into ``folder``, or resume it; return the last row of its log.

    ``images`` and ``labels`` are those of :meth:`fewray.generators.family.Family.fit`. ``probe`` is
    called every ``probe_every`` epochs and at the end, with ``options.quality_images`` images of
    each class, of fixed seeds. If it measures ``kid_held_out``, the checkpoint with the lowest is
    kept as ``best.safetensors``, and with ``patience`` above 0 training stops after so many
    measurements without a better one.
    Both record the probe's extractor, which then may not measure the images.
    The log decides, so that a resumed run ends where an uninterrupted one does.

    InputError if a resumed run was measured with another extractor. RunFailed if a loss or a weight
    is not finite: the last checkpoint is kept, and the log gets a row with ``finite`` false, which
    resuming removes.
    """
    path = folder / CHECKPOINT
    measured_with = probe.extractor_name if probe else None
    classes = max(1, len(training_set.classes))
    generator = _start(path, options, seed, device, training_set)
    kept = [row for row in read_log(folder) if row.epoch <= generator.epoch]
    _check_extractor(folder, kept, probe)
    write_log(folder, kept)
    _settle_best(generator, folder / BEST, kept, training_set)
    if not kept or not (folder / "reals.png").exists():
        shown = np.zeros(len(images), np.int64) if labels is None else labels
        each = GRID_IMAGES // classes
        first = [images[shown == index][:each] for index in range(classes)]
        save_png(grid(np.concatenate(first), 8), folder / "reals.png")
    if generator.epoch == options.epochs or (patience and is_done(kept, patience)):
        return (
            kept[-1] if kept else None
        )  # options.json stays: it says how this generator was trained
    started, spent = time.monotonic(), kept[-1].seconds if kept else 0.0
    write_options(
        folder,
        ClassOptions(
            options=options,
            seed=seed,
            precision=precision,
            threads=torch.get_num_threads(),
            device=device.type,
            training_set=training_set,
        ),
    )
    for tick in generator.fit(images, labels, precision=precision, on_batch=on_batch):
        finite = tick.finite and generator.is_finite()
        row = _row(tick, finite, spent + time.monotonic() - started)
        if not finite:
            append_jsonl(folder / LOG, msgspec.to_builtins(row))
            raise _not_finite(folder.name, tick, path)
        last = tick.epoch == options.epochs
        if probe is not None and (last or tick.epoch % probe_every == 0):
            seeds = [child_seed(seed, "probe", index) for index in range(options.quality_images)]
            scores = asdict(probe(_of_classes(generator, seeds, classes)))
            row = msgspec.structs.replace(row, **scores)
            seconds = round(spent + time.monotonic() - started, 3)
            row = msgspec.structs.replace(row, seconds=seconds)
        kept.append(row)
        last = last or bool(patience and is_done(kept, patience))
        best = row.kid_held_out is not None and best_epoch(kept) == tick.epoch
        # The log comes first: the next start removes a row that a crash left without checkpoint.
        append_jsonl(folder / LOG, msgspec.to_builtins(row))
        if last or tick.epoch % checkpoint_every == 0:
            seeds = [child_seed(seed, "grid", index) for index in range(GRID_IMAGES // classes)]
            made = np.concatenate(_of_classes(generator, seeds, classes))
            save_png(grid(made, 8), folder / f"fakes-{tick.epoch:06d}.png")
        if best or last or tick.epoch % checkpoint_every == 0:
            stopped_with = measured_with if patience else None
            save_checkpoint(generator, path, training_set, selected_with=stopped_with)
        if best:
            save_checkpoint(generator, folder / BEST, training_set, selected_with=measured_with)
        on_tick(row)
        if last:
            break
    return kept[-1]


def epochs_done(run: Path) -> dict[str, int]:
    """Return how many epochs each generator in the folder ``run`` has been trained, by name."""
    paths = sorted(run.glob(f"*/{CHECKPOINT}"))
    return {path.parent.name: read_header(path).epoch for path in paths}


def _of_classes(generator: Family, seeds: Sequence[int], classes: int) -> list[np.ndarray]:
    """Return the images of ``seeds`` in each class."""
    made = []
    for index in range(classes):
        generator.class_index = index
        made.append(generator.sample(seeds))
    generator.class_index = 0
    return made


def _start(
    path: Path, options: GanOptions, seed: int, device: torch.device, training_set: TrainingSet
) -> Family:
    if not path.exists():
        return new_generator(options, seed=seed, device=device)
    check_continues(path, options, seed=seed, training_set=training_set)
    generator = load_checkpoint(path, device)
    generator.options = options
    return generator


def _settle_best(
    generator: Family, path: Path, rows: Sequence[EpochRow], training_set: TrainingSet
) -> None:
    """Make ``path`` the checkpoint of the best epoch in the log, or remove it.

    A crash can come between the checkpoint of the best epoch and its copy.
    """
    best = best_epoch(rows)
    if best == (read_header(path).epoch if path.exists() else None):
        return
    if best == generator.epoch:
        save_checkpoint(generator, path, training_set, selected_with=rows[-1].extractor)
    else:
        path.unlink(missing_ok=True)


def check_continues(
    path: Path, options: GanOptions, *, seed: int, training_set: TrainingSet
) -> None:
    """Raise InputError unless the checkpoint ``path`` is an earlier state of this training run."""
    header = read_header(path)
    now, then = (each.continued().to_json() for each in (options, header.options))
    changed = [name for name in now if now[name] != then[name]]
    for name in ("rows_sha256", "label", "classes"):
        if getattr(header.training_set, name) != getattr(training_set, name):
            changed.append(name)
    if header.seed != seed:
        changed.append("seed")
    if changed:
        message = f"{path.parent}: trained with other {', '.join(changed)}. Use the same values"
        raise InputError(
            "other_training_run", f"{message}, or choose another --out.", changed=changed
        )
    if header.epoch > options.epochs:
        message = f"{path.parent}: has {header.epoch} epochs, more than --epochs {options.epochs}."
        raise InputError("too_many_epochs", message, found=header.epoch, expected=options.epochs)


def _check_extractor(folder: Path, rows: list[EpochRow], probe: Probe | None) -> None:
    """Refuse another extractor than the log's: one column would hold values of both."""
    before = {row.extractor for row in rows if row.extractor}
    if probe is not None and before - {probe.extractor_name}:
        listed = ", ".join(sorted(before))
        message = f"{folder}: measured with extractor {listed} so far, not {probe.extractor_name}."
        raise InputError(
            "extractor_changed",
            f"{message} Use the same --extractor, or --quality-every 0.",
            found=listed,
            given=probe.extractor_name,
        )


def _row(tick: Tick, finite: bool, seconds: float) -> EpochRow:
    """Return the log row of an epoch. JSON has no NaN: values that are not finite become None."""
    facts = asdict(tick)
    facts |= facts.pop("values")
    values = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in facts.items()
    }
    return msgspec.convert({**values, "finite": finite, "seconds": round(seconds, 3)}, EpochRow)


def _not_finite(label: str, tick: Tick, path: Path) -> RunFailed:
    kept = "there is no checkpoint yet"
    if path.exists():
        kept = f"the checkpoint of epoch {read_header(path).epoch} is kept"
    shown = ", ".join(f"{name} {value:g}" for name, value in tick.values.items())
    message = (
        f"{label}: loss or weights not finite in epoch {tick.epoch} ({shown}); "
        f"{kept}. Lower the learning rate or use --precision fp32."
    )
    return RunFailed("training_diverged", message, label=label, epoch=tick.epoch)
