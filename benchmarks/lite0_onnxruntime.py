"""Compare lite0 at 224 px in onnxruntime with our network, one thread each.

Prints the relative difference of the features and the median CPU seconds per batch of 32; the two
take turns.
"""

from __future__ import annotations

import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from fewray.compute.process import keep_freed_memory
from fewray.quality.features.lite import EfficientNetLite, load_lite, weight_file

BATCH, SIZE, ROUNDS = 32, 224, 9


def session() -> onnxruntime.InferenceSession:
    """Export the unmodified network and let onnxruntime fuse its layers."""
    network = EfficientNetLite()
    network.load_state_dict(torch.load(weight_file("lite0"), map_location="cpu", weights_only=True))
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        file = Path(folder) / "lite0.onnx"
        warnings.simplefilter("ignore")  # the exporter without further dependencies is deprecated
        torch.onnx.export(
            network.eval(),
            (torch.zeros(BATCH, 3, SIZE, SIZE),),
            file,
            dynamo=False,
            input_names=["x"],
        )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def seconds(work: Callable[[], object]) -> float:
    """Return the CPU seconds of one call."""
    started = time.process_time()
    work()
    return time.process_time() - started


def main() -> None:
    """Compare."""
    keep_freed_memory()
    torch.set_num_threads(1)
    x = torch.randn(BATCH, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    arranged, rows = x.contiguous(memory_format=torch.channels_last), {"x": x.numpy()}
    theirs, ours = session(), load_lite()
    ours = ours.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    with torch.inference_mode():
        expected, found = ours(arranged)[0].numpy(), np.asarray(theirs.run(None, rows)[0])
        times = [
            (seconds(lambda: ours(arranged)), seconds(lambda: theirs.run(None, rows)))
            for _ in range(ROUNDS)
        ]
    own, other = map(statistics.median, zip(*times, strict=True))
    print(f"relative difference {np.linalg.norm(found - expected) / np.linalg.norm(expected):.1e}")
    print(
        f"fewray {own:.3f} s, onnxruntime {onnxruntime.__version__} {other:.3f} s per batch of "
        f"{BATCH}: "
        f"ratio {other / own:.2f}"
    )


if __name__ == "__main__":
    main()
