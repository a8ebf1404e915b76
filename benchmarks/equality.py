"""Whether the fast path trains what the textbook trains: losses and KID of both, and of bf16 beside fp32 from one start."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.pairs import RunContext, Side, alternate
from fewray.compute.device import choose_precision
from fewray.presets import RECIPES

STEPS, FILMS, IMAGES = 60, 96, 200
FIGURES = ("loss of D", "loss of G", "KID to unseen films")


def equality(
    seeds: Sequence[int] = (0, 1, 2),
    *,
    steps: int = STEPS,
    films: int = FILMS,
    base_channels: int = 64,
) -> dict[str, Any]:
    """Train the fast path and the textbook on the same films, once a seed (2 or more), and set figures beside figures.

    Losses are means over the last quarter of the steps; KID is that of 200 images to films neither has seen. The
    textbook draws other weights, batches and masks from the same seed, so that the interval of the difference is Welch's
    (1947). The fast path in bf16 and in fp32 draws the same: there the interval is that of the pairs (Student 1908).
    Three seeds at full width see gross differences only; two dozen see a sixth of a loss. Where the fast path is fp32
    itself there are no pairs.
    """
    import torch

    fast = choose_precision(torch.device("cpu"))
    ways = (fast, "fp32", "textbook") if fast != "fp32" else (fast, "textbook")
    options = {
        "ways": ways,
        "seeds": tuple(seeds),
        "steps": steps,
        "films": films,
        "base_channels": base_channels,
    }
    side = Side(name="gan, every way", make=trained, options=options, processes=len(ways))
    (found,) = alternate([side], 1, warm_up=False)  # at the same time: nothing is timed here
    figures = [np.array(rows).T for rows in found.results]  # (figures, seeds) of each way
    named = [*(f"fewray, {way}" for way in ways[:-1]), "textbook, fp32"]
    columns = [*named, "mean within the textbook's spread", f"{named[0]} - textbook (95 %, Welch)"]
    if len(ways) == 3:
        columns.append("bf16 - fp32, same draws (95 %, pairs)")
    return {
        "design": f"phantom films, one class, recipe paper, {base_channels} base channels, {steps} steps, {len(seeds)} seeds "
        f"from {seeds[0]}: mean (least to most)",
        "columns": columns,
        "rows": {
            name: compared([way[index] for way in figures]) for index, name in enumerate(FIGURES)
        },
    }


def compared(ways: Sequence[np.ndarray]) -> list[str]:
    """Return the cells of one figure: the values (seeds,) of each way, the textbook last, and their differences."""
    from scipy import stats

    fast, textbook = ways[0], ways[-1]
    cells = [f"{values.mean():.3f} ({values.min():.3f} to {values.max():.3f})" for values in ways]
    cells.append("yes" if textbook.min() <= fast.mean() <= textbook.max() else "no")
    tests = [(textbook, stats.ttest_ind(fast, textbook, equal_var=False))]
    if len(ways) == 3:
        tests.append((ways[1], stats.ttest_rel(fast, ways[1])))
    for other, test in tests:
        low, high = test.confidence_interval()
        cells.append(f"{fast.mean() - other.mean():+.3f} ({low:+.3f} to {high:+.3f})")
    return cells


def trained(
    part: int,
    *,
    ways: Sequence[str],
    seeds: Sequence[int],
    steps: int,
    films: int,
    base_channels: int,
) -> RunContext:
    """Prepare the trainings of one way; the work returns (seeds, figures)."""
    from fewray.quality.features.extractor import load_extractor
    from fewray.quality.metrics.kid import mmd2

    seen, unseen = _films(films)
    extractor = load_extractor("lite0", device="cpu")
    real = extractor(unseen).rows

    def work() -> list[list[float]]:
        made = []
        for seed in seeds:
            losses, images = train(ways[part], seen, steps, seed, base_channels)
            last = np.array(losses[-max(1, len(losses) // 4) :]).mean(0)
            made.append([*map(float, last), mmd2(real, extractor(images).rows)])
        return made

    return work


def train(
    way: str, films: np.ndarray, steps: int, seed: int, base_channels: int
) -> tuple[list[tuple[float, float]], np.ndarray]:
    """Train one generator for ``steps`` steps; return the losses of D and G, of each step or epoch, and its images."""
    import torch

    if way == "textbook":
        from benchmarks.textbook import TextbookGan

        gan = TextbookGan(films, seed, base_channels=base_channels)
        return list(itertools.islice(gan.steps(), steps)), gan.sample(IMAGES)
    from fewray.generators.sampling import sample
    from fewray.generators.training import TrainState, batches_per_epoch, train_gan

    recipe = RECIPES["paper"]
    options = recipe.with_(
        epochs=steps // batches_per_epoch(len(films), recipe), base_channels=base_channels
    )
    state = TrainState(options, seed=seed, device=torch.device("cpu"))
    losses = [(tick.loss_d, tick.loss_g) for tick in train_gan(films, state, precision=way)]
    return losses, sample(state.sampler, options, range(IMAGES))


def _films(count: int) -> tuple[np.ndarray, np.ndarray]:
    from fewray.data.loading import load_dataset
    from fewray.imaging.arrays import load_images

    rows = load_dataset(f"phantom:train={count},test={count},seed=3").where(label="normal")
    seen, unseen = (
        load_images(rows.where(split=split).paths(), 64)[:count] for split in ("train", "test")
    )
    return seen, unseen
