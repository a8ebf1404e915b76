"""What the machine can do at most: large matrix products, bytes copied."""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks.pairs import RunContext, Side, alternate
from fewray.compute.process import cores

SIDE = 2048
"""Rows and columns of the matrices."""
COPIED = 256 * 2**20
"""Bytes of the array that is copied: beyond every cache."""


def ceilings(rounds: int = 5) -> dict[str, float]:
    """Return ``gflops_fp32`` and ``gflops_bf16`` of large products, ``copied_gb_s`` (read and written), on all cores.

    One process a core, all at the same time: what independent trainings side by side can have.
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


def products(part: int, *, kind: str) -> RunContext:
    """Prepare one product of two matrices of ``SIDE`` x ``SIDE``."""
    import torch

    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[kind]
    a, b = (
        torch.randn(SIDE, SIDE, generator=torch.Generator().manual_seed(seed)).to(dtype)
        for seed in (0, 1)
    )

    def work() -> None:
        torch.mm(a, b)

    return work


def copies(part: int) -> RunContext:
    """Prepare one copy of ``COPIED`` bytes."""
    import numpy as np

    source = np.ones(COPIED, np.uint8)
    target = np.empty_like(source)

    def work() -> Any:
        np.copyto(target, source)

    return work
