"""All metrics of 5,000 against 5,000 feature rows: seconds by metric and peak memory. `python benchmarks/quality.py [N] [D]`."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from fewray.quality.evaluate import class_quality
from fewray.quality.features import Features
from fewray.quality.frechet import fid_infinity, frechet_distance
from fewray.quality.image_set import MeasuredSet
from fewray.quality.kernel import kid, kid_interval, mmd2
from fewray.quality.neighbors import neighbour_metrics


def side(n: int, d: int, shift: float, seed: int) -> MeasuredSet:
    rng = np.random.default_rng(seed)
    mix = np.random.default_rng(0).normal(0, 1 / np.sqrt(d), (d, d))
    rows = np.maximum(rng.standard_normal((n, d)) @ mix + shift, 0).astype(np.float32)
    names = tuple(map(str, range(n)))
    images = rng.integers(0, 256, (n, 1, 64, 64), dtype=np.uint8)
    return MeasuredSet(images, names, names, Features(rows, rng.dirichlet(np.ones(1000), n).astype(np.float32)))


def timed(name: str, work: Callable[[], Any], seconds: dict[str, float]) -> None:
    start = time.perf_counter()
    work()
    seconds[name] = round(time.perf_counter() - start, 2)


def main() -> None:
    n, d = (int(value) for value in (*sys.argv[1:], "5000", "1280")[:2])
    real, fake = side(n, d, 0.4, 1), side(n, d, 0.5, 2)
    x, y = real.features.features, fake.features.features
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds: dict[str, float] = {}
    timed("FID", lambda: frechet_distance(x, y), seconds)
    timed("KID, all images", lambda: mmd2(x, y), seconds)
    timed("precision, recall, density, coverage, AuthPct", lambda: neighbour_metrics(x, y), seconds)
    timed("KID, 100 subsets", lambda: kid(x, y, seed=0), seconds)
    timed("KID interval, 1000 draws", lambda: kid_interval(x, y, seed=0), seconds)
    timed("FID extrapolated", lambda: fid_infinity(x, y, seed=0), seconds)
    timed("everything, with floors and MS-SSIM", lambda: class_quality(real, fake, extractor="planted"), seconds)
    print(
        json.dumps(
            {
                "rows": [n, n],
                "features": d,
                "threads": torch.get_num_threads(),
                "seconds": seconds,
                "peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
                "peak_before_gib": round(before / 2**20, 2),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
