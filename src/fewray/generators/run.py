"""Training with its files: the log, the grids, the checkpoint. One folder a class; killed at any moment, it resumes.

``folder/``  ``options.json``  ``stats.jsonl``  ``reals.png``  ``fakes-000020.png``  ``checkpoint.safetensors``  ``best.safetensors``
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fewray.compute.seeds import child_seed
from fewray.config import GanOptions
from fewray.errors import InputError, RunFailed
from fewray.generators.checkpoint import load_checkpoint, read_header, save_checkpoint
from fewray.generators.health import best_epoch, finished
from fewray.generators.log import LOG, read_log
from fewray.generators.sampling import sample
from fewray.generators.training import Tick, TrainState, train_gan
from fewray.imaging.arrays import grid, save_png
from fewray.storage.files import append_jsonl, write_bytes, write_json

CHECKPOINT = "checkpoint.safetensors"
BEST = "best.safetensors"
"""The checkpoint of the least KID to held-out films, where some are held out; it is the one to sample from."""
GRID_IMAGES = 64

Probe = Callable[[np.ndarray], Mapping[str, Any]]
"""Synthetic uint8 images to figures (fid, kid, is, extractor, num_real, num_fake); its ``extractor_name``, if it has one."""


def train_run(
    folder: Path,
    images: np.ndarray,
    options: GanOptions,
    *,
    seed: int,
    device: torch.device,
    precision: str,
    about: Mapping[str, Any],
    resume: bool = False,
    checkpoint_every: int = 5,
    probe: Probe | None = None,
    probe_every: int = 20,
    patience: int = 0,
    on_tick: Callable[[Tick, Mapping[str, Any]], None] | None = None,
    on_batch: Callable[[int, int, int], None] = lambda epoch, batch, batches: None,
) -> dict[str, Any]:
    """Train one class's generator into ``folder`` and return its last row of ``stats.jsonl``.

    ``images`` are what :func:`fewray.generators.training.train_gan` takes. ``about`` (class, hashes of the rows seen, counts)
    goes into ``options.json``, beside precision, threads and device, and the checkpoint. ``probe`` is called every ``probe_every`` epochs and at the end with
    ``options.quality_images`` images of fixed seeds; where it measures ``kid_held_out``, the checkpoint of the least is
    kept as ``best.safetensors``, and with ``patience`` above 0 training ends after so many measurements without a better
    one. What the log says decides, so that a resumed run ends where one never stopped does. InputError when a resumed run
    measured with another extractor so far; RunFailed on a non-finite loss or weights: the last good checkpoint is kept, and
    the log gets the epoch's row with ``finite`` false and null for what is no number. Resuming takes that row away.
    """
    path = folder / CHECKPOINT
    state = _start(path, options, seed=seed, device=device, about=about, resume=resume)
    log = folder / LOG
    kept = [row for row in read_log(folder) if row["epoch"] <= state.epoch]
    _check_extractor(folder, kept, probe)
    _rewrite(log, kept)
    if not kept or not (folder / "reals.png").exists():
        save_png(grid(images[:GRID_IMAGES], 8), folder / "reals.png")
    started, spent = time.monotonic(), kept[-1].get("seconds", 0.0) if kept else 0.0
    row = kept[-1] if kept else {}
    if state.epoch == options.epochs or (patience and finished(kept, patience)):
        return row  # options.json stays: it says how what is there was trained
    where = {"precision": precision, "threads": torch.get_num_threads(), "device": device.type}
    write_json(folder / "options.json", {**options.to_json(), "seed": seed, **where, **about})
    for tick in train_gan(images, state, precision=precision, on_batch=on_batch):
        last = tick.epoch == options.epochs
        if not (tick.finite and _weights_finite(state)):
            append_jsonl(log, _failed_row(tick, spent + time.monotonic() - started))
            raise RunFailed(
                f"{folder.name}: loss or weights not finite in epoch {tick.epoch} (Loss_D {tick.loss_d}, Loss_G "
                f"{tick.loss_g}); {_kept(path)}; lower the learning rate or use --precision fp32"
            )
        row = tick.to_json()
        if probe is not None and (last or tick.epoch % probe_every == 0):
            row |= probe(sample(state.sampler, options, _probe_seeds(seed, options.quality_images)))
        row["seconds"] = round(spent + time.monotonic() - started, 3)
        kept.append(row)
        last = last or bool(patience and finished(kept, patience))
        if row.get("kid_held_out") is not None and best_epoch(kept) == tick.epoch:
            save_checkpoint(state, folder / BEST, about=dict(about))
        if last or tick.epoch % checkpoint_every == 0:
            # The log first: a crash between the two leaves a row too many, which the next start takes away.
            append_jsonl(log, row)
            _save_grid(folder, state, tick.epoch)
            save_checkpoint(state, path, about=dict(about))
        else:
            append_jsonl(log, row)
        if on_tick is not None:
            on_tick(tick, row)
        if last:
            break
    return row


def _start(
    path: Path,
    options: GanOptions,
    *,
    seed: int,
    device: torch.device,
    about: Mapping[str, Any],
    resume: bool,
) -> TrainState:
    if not path.exists():
        return TrainState(options, seed=seed, device=device)
    if not resume:
        raise InputError(
            f"{path.parent}: holds a training already; add --resume (in Python: resume=True) to continue it or choose "
            "another --out"
        )
    check_continues(path, options, seed=seed, about=about)
    state = load_checkpoint(path, device)
    state.options = options
    return state


def check_continues(
    path: Path, options: GanOptions, *, seed: int, about: Mapping[str, Any]
) -> None:
    """Make sure that the checkpoint ``path`` is of this very training; InputError says what differs."""
    header = read_header(path)
    now, then = (
        options.with_(epochs=1).to_json(),
        GanOptions.from_json(header["options"]).with_(epochs=1).to_json(),
    )
    changed = [name for name in now if now[name] != then[name]]
    changed += [
        name for name in ("rows_sha256", "label") if header["about"].get(name) != about.get(name)
    ]
    if header["seed"] != seed:
        changed.append("seed")
    if changed:
        raise InputError(
            f"{path.parent}: was trained with other {', '.join(changed)}; use the same, or another --out"
        )
    if header["epoch"] > options.epochs:
        raise InputError(
            f"{path.parent}: has {header['epoch']} epochs, more than --epochs {options.epochs}"
        )


def _check_extractor(folder: Path, rows: list[dict[str, Any]], probe: Probe | None) -> None:
    """Refuse a probe with another extractor than that of the figures in the log: one column would hold both."""
    name = getattr(probe, "extractor_name", None)
    before = {row["extractor"] for row in rows if row.get("extractor")}
    if name is not None and before - {name}:
        raise InputError(
            f"{folder}: its figures so far are of the extractor {', '.join(sorted(before))}, not {name}; use the same "
            "--extractor, or --quality-every 0"
        )


def _probe_seeds(seed: int, count: int) -> list[int]:
    return [child_seed(seed, "probe", index) for index in range(count)]


def _save_grid(folder: Path, state: TrainState, epoch: int) -> None:
    seeds = [child_seed(state.seed, "grid", index) for index in range(GRID_IMAGES)]
    save_png(
        grid(sample(state.sampler, state.options, seeds), 8), folder / f"fakes-{epoch:06d}.png"
    )


def _rewrite(log: Path, rows: list[dict[str, Any]]) -> None:
    import json

    write_bytes(log, "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows).encode())


def _failed_row(tick: Tick, seconds: float) -> dict[str, Any]:
    """Return the row of an epoch that stops the training; JSON has no NaN, so that figures without a value are null."""
    figures = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in tick.to_json().items()
    }
    return {**figures, "finite": False, "seconds": round(seconds, 3)}


def _weights_finite(state: TrainState) -> bool:
    """Whether no parameter of G or D is infinite or NaN (one sum a network: NaN and infinity survive it)."""
    total = sum(
        p.detach().abs().sum() for network in (state.G, state.D) for p in network.parameters()
    )
    return math.isfinite(float(total))


def _kept(path: Path) -> str:
    return (
        f"the checkpoint of epoch {read_header(path)['epoch']} is kept"
        if path.exists()
        else "no checkpoint yet"
    )
