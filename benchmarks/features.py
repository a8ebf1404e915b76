"""Time lite0 features at 224 px against the unmodified network, and compare the values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.pairs import Side, Task, alternate
from benchmarks.table import TableRow, paired
from fewray.compute.device import choose_device
from fewray.compute.process import cores

IMAGES, SIZE, BATCH = 96, 224, 32
TARGET = 4.0
TOLERANCE = 1e-5
"""Relative error from which the features count as different."""


def measure(
    peak: dict[str, float], *, rounds: int, device: str = "cpu", images: int = IMAGES
) -> list[TableRow]:
    """Return the row; its note states the relative error of the features."""
    options = {"device": str(choose_device(device)), "images": images}
    ours = Side(name="features", make=fast, options=options, threads=cores())
    reference = Side(name="plain features", make=plain, options=options, threads=cores())
    quick, slow = alternate([ours, reference], rounds)
    found, expected = np.asarray(quick.results[0]), np.asarray(slow.results[0])
    error = float(np.linalg.norm(found - expected) / np.linalg.norm(expected))
    row = paired(
        "features",
        f"lite0 features at {SIZE} px" + ("" if device == "cpu" else f", {options['device']}"),
        quick,
        slow,
        work=images,
        unit="images/s",
        target=TARGET,
        note=f"relative error {error:.1e}, limit {TOLERANCE:.0e}",
    )
    return [replace(row, reached=bool(row.reached) and error < TOLERANCE)]


def fast(part: int, *, device: str = "cpu", images: int = IMAGES) -> Task:
    """Prepare the extractor that all commands use."""
    from fewray.quality.features.load import load_extractor

    batch, extractor = _images(images), load_extractor(f"lite0@{SIZE}", device=device)
    return lambda: extractor(batch).features


def plain(part: int, *, device: str = "cpu", images: int = IMAGES) -> Task:
    """Prepare the network as published: fp32, NCHW, BatchNorm as separate layers."""
    import torch

    from fewray.quality.features.extractor import resized
    from fewray.quality.features.lite import EfficientNetLite, weight_file

    all_images, network = _images(images), EfficientNetLite()
    network.load_state_dict(torch.load(weight_file("lite0"), map_location="cpu", weights_only=True))
    network.eval().to(device)

    @torch.no_grad()
    def work() -> np.ndarray:
        made = []
        for start in range(0, len(all_images), BATCH):
            batch = resized(all_images[start : start + BATCH], (SIZE, SIZE), torch.device(device))
            made.append(network(((batch - 127) / 128).repeat(1, 3, 1, 1))[0].cpu().numpy())
        return np.concatenate(made)

    return work


def _images(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 1, 64, 64), dtype=np.uint8)
