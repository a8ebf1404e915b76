"""Measure the machine's peak: large matrix products and memory copies on all cores."""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks.pairs import Side, Task, alternate
from fewray.compute.process import cores

SIDE = 2048
"""Rows and columns of the matrices."""
COPIED = 256 * 2**20
"""Bytes of the copied array: larger than every cache."""


def measure_peak(rounds: int = 5) -> dict[str, float]:
    """Return ``cores``, ``gflops_fp32``, ``gflops_bf16`` and ``copied_gb_s`` (read and written).

    One process per core, all at the same time: what independent training runs side by side can
    reach.
    """
    n = cores()
    sides = [
        Side(name=f"products {kind}", make=products, options={"kind": kind}, processes=n)
        for kind in ("fp32", "bf16")
    ]
    fp32, bf16, copied = alternate([*sides, Side(name="copy", make=copies, processes=n)], rounds)
    work = n * 2 * SIDE**3 / 1e9
    return {
        "cores": n,
        "gflops_fp32": round(work / statistics.median(fp32.seconds), 1),
        "gflops_bf16": round(work / statistics.median(bf16.seconds), 1),
        "copied_gb_s": round(n * 2 * COPIED / 1e9 / statistics.median(copied.seconds), 2),
    }


def products(part: int, *, kind: str) -> Task:
    """Prepare one product of two ``SIDE`` x ``SIDE`` matrices."""
    import torch

    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[kind]
    a, b = (
        torch.randn(SIDE, SIDE, generator=torch.Generator().manual_seed(seed)).to(dtype)
        for seed in (0, 1)
    )

    def work() -> None:
        torch.mm(a, b)

    return work


def copies(part: int) -> Task:
    """Prepare one copy of ``COPIED`` bytes."""
    import numpy as np

    source = np.ones(COPIED, np.uint8)
    target = np.empty_like(source)

    def work() -> Any:
        np.copyto(target, source)

    return work
