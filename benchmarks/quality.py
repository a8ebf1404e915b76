"""Time the quality metrics for 5,000 images per side, and the search for copies."""

from __future__ import annotations

import numpy as np

from benchmarks.pairs import Side, Task, alternate
from benchmarks.table import TableRow
from fewray.compute.device import choose_device
from fewray.compute.process import cores

ROWS, DIM = 5000, 1280
SECONDS, GIB = 10.0, 2.0
AGREE = 1e-6
"""Relative difference from which two results count as different."""
ALL_SECONDS, ALL_GIB = 30.0, 4.0
SYNTHETIC, REAL = 1000, 60


def measure(peak: dict[str, float], *, rounds: int, device: str = "cpu") -> list[TableRow]:
    """Return the rows of three metrics, of all metrics of a class, and of the copy search."""
    return [metrics_row(device=device), all_metrics_row(), copies_row(peak, rounds=rounds)]


def metrics_row(*, device: str = "cpu", rows: int = ROWS, dim: int = DIM) -> TableRow:
    """Return the row of FID, KID and PRDC against their definitions with whole matrices."""
    where = str(choose_device(device))
    options = {"rows": rows, "dim": dim, "device": where}
    on_gpu = where != "cpu"
    sides = [
        Side(name="quality", make=blocks, options=options, threads=cores()),
        Side(name="plain quality", make=whole, options=options, threads=cores()),
    ]
    # On a GPU the first call loads libraries and compiles kernels; on a CPU a warm-up is a minute.
    ours, reference = alternate(sides, 1, warm_up=on_gpu)
    ratio = reference.median / ours.median
    error = np.abs(np.array(ours.results[0]) / np.array(reference.results[0]) - 1).max()
    in_limits = ours.median <= SECONDS and ours.peak_mib <= 1024 * GIB
    return TableRow(
        subject="quality",
        what=f"FID, KID and PRDC, {rows:,} x {rows:,} x {dim}" + (f", {where}" if on_gpu else ""),
        unit="s",
        ours=ours.median,
        reference=reference.median,
        ratio=ratio,
        low=ratio,
        high=ratio,
        rounds=1,
        memory_mib=ours.peak_mib,
        reference_memory_mib=reference.peak_mib,
        target=f"{SECONDS:g} s, {GIB:g} GiB",
        reached=bool(in_limits and error < AGREE),
        note=f"one round; the results agree to {error:.0e} (relative)",
    )


def all_metrics_row() -> TableRow:
    """Return the row of all metrics of one class."""
    side = Side(
        name="every metric", make=class_metrics, options={"rows": ROWS, "dim": DIM}, threads=cores()
    )
    (timed,) = alternate([side], 1, warm_up=False)
    return TableRow(
        subject="quality",
        what=f"all metrics of a class with baselines and intervals, {ROWS:,} x {ROWS:,} x {DIM}",
        unit="s",
        ours=timed.median,
        rounds=1,
        memory_mib=timed.peak_mib,
        target=f"{ALL_SECONDS:g} s, {ALL_GIB:g} GiB",
        reached=timed.median <= ALL_SECONDS and timed.peak_mib <= 1024 * ALL_GIB,
    )


def copies_row(peak: dict[str, float], *, rounds: int) -> TableRow:
    """Return the row of the search for copies of training images, with its share of the peak."""
    (timed,) = alternate([Side(name="copies", make=copies, threads=cores())], rounds)
    rate = search_flops() / 1e9 / timed.median
    return TableRow(
        subject="quality",
        what=f"search for copies of {REAL} training images among {SYNTHETIC:,} images",
        unit="images/s",
        ours=SYNTHETIC / timed.median,
        rounds=rounds,
        peak_share=rate / peak["gflops_fp32"],
        peak_of="fp32 products",
        memory_mib=timed.peak_mib,
        note=f"{rate:.0f} GFLOP/s, counting only the products of queries and windows",
    )


def blocks(part: int, *, rows: int, dim: int, device: str = "cpu") -> Task:
    """Prepare fewray's metrics."""
    import torch

    from fewray.quality.metrics.fid import frechet_distance
    from fewray.quality.metrics.kid import mmd2
    from fewray.quality.metrics.prdc import neighbour_metrics

    x, y = (torch.from_numpy(side).to(device) for side in _features(rows, dim))

    def work() -> list[float]:
        n = neighbour_metrics(x, y)
        return [frechet_distance(x, y), mmd2(x, y), n.precision, n.recall, n.density, n.coverage]

    return work


def class_metrics(part: int, *, rows: int, dim: int) -> Task:
    """Prepare what ``fewray quality`` measures for one class, given features and images."""
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
        class_quality(*sides)

    return work


def copies(part: int) -> Task:
    """Prepare the search, by pixels, for the training image nearest to each synthetic one."""
    from fewray.quality.copies.alignment import nearest_aligned

    rng = np.random.default_rng(0)
    images, real = (
        rng.integers(0, 256, (count, 1, 64, 64), dtype=np.uint8) for count in (SYNTHETIC, REAL)
    )
    return lambda: nearest_aligned(images, real).index.sum()


def search_flops() -> float:
    """Return the operations of the products of queries and windows, in both stages."""
    from fewray.quality.copies.alignment import CANDIDATES, COARSE, FINE

    total = 0
    for stage, pairs in ((COARSE, REAL), (FINE, min(CANDIDATES, REAL))):
        shifts = (2 * stage.margin + 1) ** 2
        pixels = (stage.size - 2 * stage.margin) ** 2
        total += pairs * 2 * 2 * len(stage.placements) * shifts * pixels
    return SYNTHETIC * total


def whole(part: int, *, rows: int, dim: int, device: str = "cpu") -> Task:
    """Prepare the metrics by their definitions: SciPy on a CPU, PyTorch on a GPU."""
    x, y = (side.astype(np.float64) for side in _features(rows, dim))
    return _whole_on_gpu(x, y, device) if device != "cpu" else _whole_on_cpu(x, y)


K = 5


def _whole_on_cpu(x: np.ndarray, y: np.ndarray) -> Task:
    from scipy.linalg import sqrtm
    from scipy.spatial.distance import cdist

    def work() -> list[float]:
        s1, s2 = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
        root = np.real(np.asarray(sqrtm(s1 @ s2)))
        fid = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(s1 + s2 - 2 * root)
        kxx, kyy, kxy = ((a @ b.T / x.shape[1] + 1) ** 3 for a, b in ((x, x), (y, y), (x, y)))
        pairs = len(x) * (len(x) - 1)
        kid = (kxx.sum() - np.trace(kxx) + kyy.sum() - np.trace(kyy)) / pairs - 2 * kxy.mean()
        between = cdist(x, y)
        reach_x, reach_y = (np.sort(cdist(a, a), axis=1)[:, K] for a in (x, y))
        inside = between <= reach_x[:, None]
        return [
            float(fid),
            float(kid),
            float(inside.any(0).mean()),
            float((between <= reach_y).any(1).mean()),
            float(inside.sum(0).mean() / K),
            float((between.min(1) <= reach_x).mean()),
        ]

    return work


def _whole_on_gpu(real: np.ndarray, fake: np.ndarray, device: str) -> Task:
    import torch

    x, y = (torch.from_numpy(side).to(device) for side in (real, fake))

    def distances(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")

    def work() -> list[float]:
        s1, s2 = torch.cov(x.T), torch.cov(y.T)
        root = torch.linalg.eigvals(s1 @ s2).sqrt().real.sum()
        fid = ((x.mean(0) - y.mean(0)) ** 2).sum() + torch.trace(s1 + s2) - 2 * root
        kxx, kyy, kxy = ((a @ b.T / x.shape[1] + 1) ** 3 for a, b in ((x, x), (y, y), (x, y)))
        pairs = len(x) * (len(x) - 1)
        kid = (kxx.sum() - kxx.trace() + kyy.sum() - kyy.trace()) / pairs - 2 * kxy.mean()
        between = distances(x, y)
        reach_x, reach_y = (distances(a, a).sort(1).values[:, K] for a in (x, y))
        inside = between <= reach_x[:, None]
        return [
            float(fid),
            float(kid),
            float(inside.any(0).double().mean()),
            float((between <= reach_y).any(1).double().mean()),
            float(inside.sum(0).double().mean() / K),
            float((between.amin(1) <= reach_x).double().mean()),
        ]

    return work


def _features(rows: int, dim: int) -> tuple[np.ndarray, np.ndarray]:
    mix = np.random.default_rng(0).normal(0, 1 / np.sqrt(dim), (dim, dim))
    made = []
    for seed, shift in ((1, 0.4), (2, 0.5)):
        drawn = np.random.default_rng(seed).standard_normal((rows, dim)) @ mix + shift
        made.append(np.maximum(drawn, 0).astype(np.float32))
    return made[0], made[1]
