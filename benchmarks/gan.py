"""Time recipe ``paper`` for four classes against the textbook DCGAN, one class at a time."""

from __future__ import annotations

import itertools

import numpy as np

from benchmarks.pairs import Side, Task, alternate
from benchmarks.table import TableRow, paired
from fewray.compute.device import choose_device, choose_precision
from fewray.compute.process import cores
from fewray.presets import RECIPES

CLASSES, STEPS, BATCH = 4, 4, 32
TARGET, PEAK_TARGET = 2.5, 0.8


def measure(peak: dict[str, float], *, rounds: int, device: str = "auto") -> list[TableRow]:
    """Return the row of four classes, a few steps each, with the share of the machine's peak."""
    where = choose_device(device)
    precision = choose_precision(where)
    on_cpu = where.type == "cpu"
    n = min(cores(), CLASSES) if on_cpu else 1
    options = {"processes": n, "device": str(where), "precision": precision}
    threads = max(1, cores() // n)
    ours = Side(name="gan", make=side_by_side, options=options, processes=n, threads=threads)
    options = {"device": str(where)}
    book = Side(name="textbook gan", make=one_by_one, options=options, threads=cores())
    fast, slow = alternate([ours, book], rounds)
    row = paired(
        "gan",
        f"the paper's DCGAN, four classes, {where.type}, {precision}",
        fast,
        slow,
        work=CLASSES * STEPS * BATCH,
        unit="images/s",
        target=TARGET,
        **(_share_of_peak(fast.median, peak) if on_cpu else {}),
    )
    return [row]


def _share_of_peak(seconds: float, peak: dict[str, float]) -> dict[str, float | str]:
    done = CLASSES * STEPS * step_flops() / 1e9 / seconds
    best = max(peak["gflops_fp32"], peak["gflops_bf16"])
    return {
        "peak_share": done / best,
        "peak_of": "the faster products",
        "note": f"{done:.0f} of {best:.0f} GFLOP/s; target {100 * PEAK_TARGET:.0f}%",
    }


def side_by_side(part: int, *, processes: int, device: str, precision: str) -> Task:
    """Prepare this process's share of the classes; the task is ``STEPS`` steps of each."""
    import torch

    from fewray.generators.families.dcgan import Dcgan

    options = RECIPES["paper"].with_(epochs=10**6)
    runs = []
    for label in range(part, CLASSES, processes):
        state = Dcgan(options, seed=label, device=torch.device(device))
        # With so many images, one epoch is STEPS steps.
        runs.append(state.fit(_noise(label), precision=precision))

    def work() -> list[float]:
        return [next(run).values["loss_d"] for run in runs]

    return work


def one_by_one(part: int, *, device: str) -> Task:
    """Prepare the textbook loop; the task is ``STEPS`` steps of each class."""
    from benchmarks.textbook import TextbookGan

    runs = [TextbookGan(_noise(label), label, device).steps() for label in range(CLASSES)]

    def work() -> list[float]:
        return [loss for run in runs for loss, _ in itertools.islice(run, STEPS)]

    return work


def step_flops() -> float:
    """Return the floating-point operations of one training step without unused gradients.

    PyTorch counts them in a step whose pass of the fakes stops at D's parameters, as in our loop.
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
