"""The jobs of a run and the time they would take on this machine, without running them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from fewray.compute.cuda_graph import WARM_UP
from fewray.compute.device import choose_device
from fewray.compute.machine import Machine
from fewray.compute.process import fixed_threads
from fewray.config import ClassifierOptions, GanOptions
from fewray.data.manifest import Manifest
from fewray.results.training import generator_names

TIMED_STEPS = 3
TIMING = "timing a few training steps"
"""Text of the stage that is reported before steps are timed."""
OnProgress = Callable[[str, Mapping[str, Any]], None]
"""Called with ``stage`` and its ``text`` before steps are timed."""


class _EnoughError(Exception):
    """Ends a training run that is only timed."""


def plan_training(
    rows: Manifest,
    options: GanOptions,
    classes: Sequence[str],
    machine: Machine | None = None,
    *,
    on_progress: OnProgress = lambda kind, event: None,
) -> list[dict[str, Any]]:
    """Return a row per generator: images, steps, and minutes estimated from a few timed steps."""
    from fewray.generators.checkpoint import batches_per_epoch

    settled = (machine or Machine()).settled()
    on_progress("stage", {"text": TIMING})
    per_step = gan_step_seconds(options, settled)
    planned = []
    for name, learnt in generator_names(classes, options).items():
        images = sum(len(rows.where(label=label)) + options.classic_images for label in learnt)
        steps = options.epochs * batches_per_epoch(images, options)
        planned.append(
            {
                "job": f"generator {name}",
                "images": images,
                "steps": steps,
                "seconds": per_step * steps,
            }
        )
    return with_total(planned, settled, len(planned))


def with_total(planned: list[dict[str, Any]], machine: Machine, tasks: int) -> list[dict[str, Any]]:
    """Return the rows with ``seconds`` as ``minutes``, and a last row for all ``tasks``.

    Rows whose ``seconds`` are None keep that: how long they take was not estimated, and the last
    row leaves them out. What training runs that share a GPU gain by it is not known before: the
    last row says how long they take at most.
    """
    timed = [row for row in planned if row["seconds"] is not None]
    processes = min(machine.processes, tasks)
    beside, at_most = (1, ", at most") if machine.device.startswith("cuda") else (processes, "")
    total = {
        "job": f"all{'' if len(timed) == len(planned) else ' with minutes'}, {processes} in "
        f"parallel{at_most}",
        "images": sum(row["images"] for row in timed),
        "steps": sum(row["steps"] for row in timed),
        "seconds": sum(row["seconds"] for row in timed) / beside,
    }
    rows = [*planned, total]
    for row in rows:
        seconds = row.pop("seconds")
        row["minutes"] = None if seconds is None else round(seconds / 60, 1)
    return rows


def gan_step_seconds(options: GanOptions, machine: Machine) -> float:
    """Return the seconds of a generator's training step, from a few steps on noise."""
    import torch

    from fewray.generators.checkpoint import new_generator

    count, size = options.batch_size * TIMED_STEPS, options.image_size
    images = np.random.default_rng(0).integers(0, 256, (count, 1, size, size), np.uint8)
    device = choose_device(machine.device)
    on_gpu = device.type == "cuda"
    first = WARM_UP + 2 if on_gpu else TIMED_STEPS  # on a GPU the step is recorded meanwhile
    times: list[float] = []

    def on_batch(epoch: int, batch: int, batches: int) -> None:
        if on_gpu:
            torch.cuda.synchronize(device)
        times.append(time.perf_counter())
        if len(times) > first + TIMED_STEPS:
            raise _EnoughError

    epochs = first + TIMED_STEPS + 1  # enough whatever an epoch is
    generator = new_generator(options.with_(epochs=epochs), seed=0, device=device)
    with fixed_threads(machine.threads), suppress(_EnoughError):
        for _ in generator.fit(images, precision=machine.precision, on_batch=on_batch):
            pass
    return (times[-1] - times[first]) / TIMED_STEPS


def classifier_step_seconds(options: ClassifierOptions, classes: int, machine: Machine) -> float:
    """Return the seconds of a classifier's training step, from a few steps on noise."""
    from fewray.classify.training import train_classifier

    count, size = options.batch_size, options.image_size
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, 1, size, size), np.uint8)
    labels = np.arange(count) % classes
    spent = []
    # On a GPU the step is recorded after a few ordinary ones; only what follows is timed.
    first, more = (
        (WARM_UP + 2, 20 * TIMED_STEPS) if machine.device.startswith("cuda") else (1, TIMED_STEPS)
    )
    with fixed_threads(machine.threads):
        # The first call is not used: it selects kernels and allocates memory. The difference of a
        # long and a short call leaves out fixed costs; the faster of two is less disturbed.
        for steps in (first + more, *(first, first + more) * 2):
            started = time.perf_counter()
            train_classifier(
                images,
                labels,
                options.with_(steps=steps),
                n_classes=classes,
                seed=0,
                device=machine.device,
                precision=machine.precision,
            )
            spent.append(time.perf_counter() - started)
    short, long = min(spent[1::2]), min(spent[2::2])
    return (long - short) / more if long > short else long / (first + more)
