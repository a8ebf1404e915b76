"""Metrics of 5,000 against 5,000 rows of features: FID, KID and the neighbours', then everything; and the search for copies."""

from __future__ import annotations

import numpy as np

from benchmarks.pairs import RunContext, Side, alternate
from benchmarks.rows import Row
from fewray.compute.process import cores

ROWS, DIM = 5000, 1280
SECONDS, GIB = 10.0, 2.0
AGREE = 1e-6
"""Relative difference of both ways' figures from which they are not the same."""
ALL_SECONDS, ALL_GIB = 30.0, 4.0
SYNTHETIC, FILMS = 1000, 60


def measure(limits: dict[str, float], *, rounds: int, device: str = "auto") -> list[Row]:
    """Return the rows: seconds and memory of one pass, against whole matrices in memory; and of every metric."""
    options = {"rows": ROWS, "dim": DIM}
    sides = [
        Side(name="quality", make=blocks, options=options, threads=cores()),
        Side(name="plain quality", make=whole, options=options, threads=cores()),
    ]
    ours, reference = alternate(sides, 1, warm_up=False)
    (everything,) = alternate(
        [Side(name="every metric", make=class_metrics, options=options, threads=cores())],
        1,
        warm_up=False,
    )
    (search,) = alternate([Side(name="copies", make=copies, threads=cores())], rounds)
    searched = search_flops() / 1e9 / search.median
    ratio = reference.median / ours.median
    agree = np.abs(np.array(ours.results[0]) / np.array(reference.results[0]) - 1).max()
    return [
        Row(
            subject="quality",
            what=f"FID, KID, PRDC, {ROWS:,} x {ROWS:,} x {DIM}",
            unit="s",
            ours=ours.median,
            reference=reference.median,
            ratio=ratio,
            low=ratio,
            high=ratio,
            rounds=1,
            peak_mib=ours.peak_mib,
            reference_peak_mib=reference.peak_mib,
            target=f"{SECONDS:g} s, {GIB:g} GiB",
            reached=ours.median <= SECONDS and ours.peak_mib <= 1024 * GIB and bool(agree < AGREE),
            note=f"one round; the figures of both agree to {agree:.0e} relative",
        ),
        Row(
            subject="quality",
            what=f"every metric of a class, floors and intervals, {ROWS:,} x {ROWS:,} x {DIM}",
            unit="s",
            ours=everything.median,
            rounds=1,
            peak_mib=everything.peak_mib,
            target=f"{ALL_SECONDS:g} s, {ALL_GIB:g} GiB",
            reached=everything.median <= ALL_SECONDS and everything.peak_mib <= 1024 * ALL_GIB,
        ),
        Row(
            subject="quality",
            what=f"copies of {FILMS} films looked for among {SYNTHETIC:,} images",
            unit="images/s",
            ours=SYNTHETIC / search.median,
            rounds=rounds,
            ceiling=searched / limits["gflops_fp32"],
            of="fp32 products",
            peak_mib=search.peak_mib,
            note=f"{searched:.0f} GFLOP/s done in the product of queries and windows alone",
        ),
    ]


def blocks(part: int, *, rows: int, dim: int) -> RunContext:
    """Prepare fewray's metrics."""
    from fewray.quality.metrics.fid import frechet_distance
    from fewray.quality.metrics.kid import mmd2
    from fewray.quality.metrics.prdc import neighbour_metrics

    x, y = _features(rows, dim)

    def work() -> list[float]:
        n = neighbour_metrics(x, y)
        return [frechet_distance(x, y), mmd2(x, y), n.precision, n.recall, n.density, n.coverage]

    return work


def class_metrics(part: int, *, rows: int, dim: int) -> RunContext:
    """Prepare what ``fewray quality`` measures of one class, features and images given."""
    from fewray.quality.evaluate import class_quality
    from fewray.quality.features.extractor import Features
    from fewray.quality.image_set import MeasuredSet

    sides = []
    for seed, features in enumerate(_features(rows, dim)):
        rng = np.random.default_rng(seed)
        names = tuple(map(str, range(rows)))
        images = rng.integers(0, 256, (rows, 1, 64, 64), dtype=np.uint8)
        classes = rng.dirichlet(np.ones(1000), rows).astype(np.float32)
        sides.append(MeasuredSet(images, names, names, Features(features, classes)))

    def work() -> None:
        class_quality(*sides, extractor="planted")

    return work


def copies(part: int) -> RunContext:
    """Prepare the search for the film that each image may be a copy of, by pixels."""
    from fewray.quality.copies.alignment import nearest_aligned

    rng = np.random.default_rng(0)
    images, films = (
        rng.integers(0, 256, (count, 1, 64, 64), dtype=np.uint8) for count in (SYNTHETIC, FILMS)
    )
    return lambda: nearest_aligned(images, films).index.sum()


def search_flops() -> float:
    """Return the floating-point operations of the products of queries and windows: every pair, then the candidates."""
    from fewray.quality.copies.alignment import CANDIDATES, COARSE, FINE

    return SYNTHETIC * sum(
        pairs
        * 2
        * 2
        * len(stage.placements)
        * (2 * stage.margin + 1) ** 2
        * (stage.size - 2 * stage.margin) ** 2
        for stage, pairs in ((COARSE, FILMS), (FINE, min(CANDIDATES, FILMS)))
    )


def whole(part: int, *, rows: int, dim: int) -> RunContext:
    """Prepare the metrics as their definitions read: all distances and kernels at once, a root of a matrix."""
    from scipy.linalg import sqrtm
    from scipy.spatial.distance import cdist

    x, y = (side.astype(np.float64) for side in _features(rows, dim))
    k = 5

    def work() -> list[float]:
        s1, s2 = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
        root = np.real(np.asarray(sqrtm(s1 @ s2)))
        fid = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(s1 + s2 - 2 * root)
        kxx, kyy, kxy = ((a @ b.T / dim + 1) ** 3 for a, b in ((x, x), (y, y), (x, y)))
        pairs = rows * (rows - 1)
        kid = (kxx.sum() - np.trace(kxx) + kyy.sum() - np.trace(kyy)) / pairs - 2 * kxy.mean()
        between = cdist(x, y)
        reach_x, reach_y = (np.sort(cdist(a, a), axis=1)[:, k] for a in (x, y))
        inside = between <= reach_x[:, None]
        return [
            float(fid),
            float(kid),
            float(inside.any(0).mean()),
            float((between <= reach_y).any(1).mean()),
            float(inside.sum(0).mean() / k),
            float((between.min(1) <= reach_x).mean()),
        ]

    return work


def _features(rows: int, dim: int) -> tuple[np.ndarray, np.ndarray]:
    mix = np.random.default_rng(0).normal(0, 1 / np.sqrt(dim), (dim, dim))
    made = [
        np.maximum(
            np.random.default_rng(seed).standard_normal((rows, dim)) @ mix + shift, 0
        ).astype(np.float32)
        for seed, shift in ((1, 0.4), (2, 0.5))
    ]
    return made[0], made[1]
