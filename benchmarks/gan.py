"""Recipe ``paper`` for four classes against the textbook DCGAN, one class after another."""

from __future__ import annotations

import itertools

import numpy as np

from benchmarks.pairs import RunContext, Side, alternate
from benchmarks.rows import Row, paired
from fewray.compute.device import choose_device, choose_precision
from fewray.compute.process import cores
from fewray.presets import RECIPES

CLASSES, STEPS, BATCH = 4, 4, 32
TARGET, CEILING_TARGET = 2.5, 0.8


def measure(limits: dict[str, float], *, rounds: int, device: str = "auto") -> list[Row]:
    """Return the row of four classes for a few steps each, with the share of the ceiling its arithmetic reaches."""
    where = choose_device(device)
    precision = choose_precision(where)
    n = min(cores(), CLASSES) if where.type == "cpu" else 1
    ours = Side(
        name="gan",
        make=side_by_side,
        options={"processes": n, "device": str(where), "precision": precision},
        processes=n,
        threads=max(1, cores() // n),
    )
    reference = Side(
        name="textbook gan", make=one_after_another, options={"device": str(where)}, threads=cores()
    )
    fast, slow = alternate([ours, reference], rounds)
    images = CLASSES * STEPS * BATCH
    done = CLASSES * STEPS * step_flops() / 1e9 / fast.median
    best = max(limits["gflops_fp32"], limits["gflops_bf16"])
    on_cpu = where.type == "cpu"
    return [
        paired(
            "gan",
            f"paper's DCGAN, four classes, {where.type}, {precision}",
            fast,
            slow,
            work=images,
            unit="images/s",
            target=TARGET,
            ceiling=done / best if on_cpu else None,
            of="the faster products" if on_cpu else "",
            note=f"{done:.0f} GFLOP/s done, {best:.0f} possible; {100 * CEILING_TARGET:.0f} % wanted"
            if on_cpu
            else "",
        )
    ]


def side_by_side(part: int, *, processes: int, device: str, precision: str) -> RunContext:
    """Prepare this process's share of the classes; the work is ``STEPS`` steps of each."""
    import torch

    from fewray.generators.training import TrainState, train_gan

    options = RECIPES["paper"].with_(epochs=10**6)
    runs = [
        train_gan(
            _noise(label),
            TrainState(options, seed=label, device=torch.device(device)),
            precision=precision,
        )  # an epoch of so many images is STEPS steps
        for label in range(part, CLASSES, processes)
    ]

    def work() -> list[float]:
        return [next(run).loss_d for run in runs]

    return work


def one_after_another(part: int, *, device: str) -> RunContext:
    """Prepare the textbook loop; the work is ``STEPS`` steps of each class."""
    from benchmarks.textbook import TextbookGan

    runs = [TextbookGan(_noise(label), label, device).steps() for label in range(CLASSES)]

    def work() -> list[float]:
        return [loss for run in runs for loss, _ in itertools.islice(run, STEPS)]

    return work


def step_flops() -> float:
    """Return the floating-point operations of one textbook step, without the gradients nobody uses.

    Counted by PyTorch in a step whose pass of the fakes stops at D's parameters, as ours does.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from benchmarks.textbook import Discriminator, Generator

    G, D = Generator(), Discriminator()
    with FlopCounterMode(display=False) as counter:
        fake = G(torch.zeros(BATCH, 100, 1, 1))
        D(torch.zeros(BATCH, 1, 64, 64)).sum().backward()
        D(fake.detach()).sum().backward()
        D.requires_grad_(False)
        D(fake).sum().backward()
    return float(counter.get_total_flops())


def _noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (STEPS * BATCH, 1, 64, 64), dtype=np.uint8)
