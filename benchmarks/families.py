"""Time a training step of each family on the CPU against its peak, and how fast it generates."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from benchmarks.pairs import Side, Task, Timed, alternate
from benchmarks.table import TableRow
from fewray.compute.device import choose_precision
from fewray.compute.process import cores
from fewray.generators.checkpoint import new_generator
from fewray.generators.family import Family
from fewray.presets import RECIPES

TRAINED, GENERATING = ("diffusion", "gan"), ("diffusion", "gan", "patches")
"""Recipes whose training steps are timed (`gan.py` times ``paper``), and whose generation is."""
CLASSES, PER_CLASS, STEPS, MADE = 4, 60, 8, 1000
PEAK_TARGET, SECONDS_TARGET = 0.7, 60


class _Enough(Exception):
    """As many steps as asked for are done."""


class Counter(TorchDispatchMode):
    """Counts with PyTorch's formulas; its FlopCounterMode fails on gradients of inputs."""

    flops = 0.0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        found = func(*args, **(kwargs or {}))
        if formula := flop_registry.get(func._overloadpacket):
            self.flops += formula(*args, **(kwargs or {}), out_val=found)
        return found


def measure(peak: dict[str, float], *, rounds: int) -> list[TableRow]:
    """Return a row per recipe: one training run per core, then 1,000 images on all cores."""
    return [
        *(_steps_row(recipe, peak, rounds) for recipe in TRAINED),
        *(_images_row(recipe) for recipe in GENERATING),
    ]


def _steps_row(recipe: str, peak: dict[str, float], rounds: int) -> TableRow:
    precision = choose_precision(torch.device("cpu"))
    options = {"recipe": recipe, "precision": precision}
    (timed,) = alternate(
        [Side(name=recipe, make=steps, options=options, processes=cores())], rounds
    )
    done = cores() * STEPS
    rate = done * step_flops(recipe) / 1e9 / timed.median
    best = max(peak["gflops_fp32"], peak["gflops_bf16"])
    return TableRow(
        subject="families",
        what=f"training of {recipe}, {cores()} runs side by side, cpu, {precision}",
        unit="images/s",
        ours=done * RECIPES[recipe].batch_size / timed.median,
        rounds=len(timed.seconds),
        memory_mib=timed.peak_mib,
        peak_share=rate / best,
        peak_of="the faster products",
        target=f"{PEAK_TARGET:.0%} of peak",
        reached=rate / best >= PEAK_TARGET and _all_finite(timed),
        note=f"{rate:.0f} of {best:.0f} GFLOP/s, counting every product that is made",
    )


def _images_row(recipe: str) -> TableRow:
    """Return the row of one round from a cold start: it takes up to minutes."""
    side = Side(name=recipe, make=images, options={"recipe": recipe}, threads=cores())
    (timed,) = alternate([side], 1, warm_up=False)
    return TableRow(
        subject="families",
        what=f"{MADE:,} images of {recipe}, {cores()} threads, cpu",
        unit="s",
        ours=timed.median,
        rounds=len(timed.seconds),
        memory_mib=timed.peak_mib,
        target=f"{SECONDS_TARGET} s",
        reached=timed.median <= SECONDS_TARGET and _all_finite(timed),
    )


def steps(part: int, *, recipe: str, precision: str, count: int = STEPS) -> Task:
    """Prepare a generator; the task is ``count`` training steps."""
    generator, (pixels, labels) = _new(recipe, part), _data()

    def stop(epoch: int, done: int, batches: int) -> None:
        if done == count:
            raise _Enough

    def work() -> bool:
        with suppress(_Enough):
            next(iter(generator.fit(pixels, labels, precision=precision, on_batch=stop)))
        return generator.is_finite()

    return work


def images(part: int, *, recipe: str, count: int = MADE) -> Task:
    """Prepare a generator, untrained where that makes no difference; the task is its images."""
    generator = _new(recipe, part)
    if recipe not in TRAINED:
        pixels, labels = _data()
        for _ in generator.fit(pixels[labels == 0]):
            pass

    def work() -> bool:
        return len(generator.sample(range(count))) == count

    return work


def step_flops(recipe: str) -> float:
    """Return the floating-point operations of the products in one training step."""
    with Counter() as counter:
        steps(0, recipe=recipe, precision="fp32", count=1)()
    return counter.flops


def _new(recipe: str, seed: int) -> Family:
    return new_generator(RECIPES[recipe], seed=seed, device=torch.device("cpu"))


def _data() -> tuple[np.ndarray, np.ndarray]:
    drawn = np.random.default_rng(0)
    size = (CLASSES * PER_CLASS, 1, 64, 64)
    pixels = drawn.integers(0, 256, size, dtype=np.uint8)
    return pixels, np.repeat(np.arange(CLASSES), PER_CLASS)


def _all_finite(timed: Timed) -> bool:
    return all(result is True for result in timed.results)
