"""Compare losses and KID of the fast path with the textbook, and of bf16 with fp32."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.pairs import Side, Task, alternate
from fewray.compute.device import choose_precision
from fewray.presets import RECIPES

STEPS, REAL, IMAGES = 60, 96, 200
FIGURES = ("loss of D", "loss of G", "KID to unseen images")


def equality(
    seeds: Sequence[int] = (0, 1, 2),
    *,
    steps: int = STEPS,
    real: int = REAL,
    base_channels: int = 64,
) -> dict[str, Any]:
    """Train the fast path and the textbook on the same images, once per seed (2 or more).

    Losses are means over the last quarter of the steps. KID compares 200 generated images with
    images that neither has seen. The textbook draws other weights, batches and masks from the same
    seed, so the interval of the difference is Welch's (1947). The fast path draws the same numbers
    in bf16 and in fp32, so that interval is the paired one (Student 1908); where the fast path is
    fp32 itself there are no pairs. Three seeds at full width detect gross differences only; two
    dozen detect a sixth of a loss.
    """
    import torch

    fast = choose_precision(torch.device("cpu"))
    ways = (fast, "fp32", "textbook") if fast != "fp32" else (fast, "textbook")
    options = {
        "ways": ways,
        "seeds": tuple(seeds),
        "steps": steps,
        "real": real,
        "base_channels": base_channels,
    }
    side = Side(name="gan, every way", make=trained, options=options, processes=len(ways))
    (found,) = alternate([side], 1, warm_up=False)  # in parallel: nothing is timed here
    figures = [np.array(rows).T for rows in found.results]  # (figures, seeds) of each way
    named = [*(f"fewray, {way}" for way in ways[:-1]), "textbook, fp32"]
    columns = [*named, "mean within the textbook's range", f"{named[0]} - textbook (95% CI, Welch)"]
    if len(ways) == 3:
        columns.append("bf16 - fp32, same draws (95% CI, paired)")
    return {
        "design": f"phantom images, one class, recipe paper, {base_channels} base channels, "
        f"{steps} steps, "
        f"{len(seeds)} seeds from {seeds[0]}: mean (min to max)",
        "columns": columns,
        "rows": {
            name: compared([way[index] for way in figures]) for index, name in enumerate(FIGURES)
        },
    }


def compared(ways: Sequence[np.ndarray]) -> list[str]:
    """Return the texts of one table row from the values (seeds,) of each way, textbook last."""
    from scipy import stats

    fast, textbook = ways[0], ways[-1]
    texts = [f"{values.mean():.3f} ({values.min():.3f} to {values.max():.3f})" for values in ways]
    texts.append("yes" if textbook.min() <= fast.mean() <= textbook.max() else "no")
    tests = [(textbook, stats.ttest_ind(fast, textbook, equal_var=False))]
    if len(ways) == 3:
        tests.append((ways[1], stats.ttest_rel(fast, ways[1])))
    for other, test in tests:
        low, high = test.confidence_interval()
        texts.append(f"{fast.mean() - other.mean():+.3f} ({low:+.3f} to {high:+.3f})")
    return texts


def trained(
    part: int,
    *,
    ways: Sequence[str],
    seeds: Sequence[int],
    steps: int,
    real: int,
    base_channels: int,
) -> Task:
    """Prepare the training runs of one way; the task returns (seeds, figures)."""
    from fewray.quality.features.load import load_extractor
    from fewray.quality.metrics.kid import mmd2

    seen, unseen = _images(real)
    extractor = load_extractor("lite0", device="cpu")
    unseen_features = extractor(unseen).matrix

    def work() -> list[list[float]]:
        made = []
        for seed in seeds:
            losses, images = train(ways[part], seen, steps, seed, base_channels)
            last = np.array(losses[-max(1, len(losses) // 4) :]).mean(0)
            made.append([*map(float, last), mmd2(unseen_features, extractor(images).matrix)])
        return made

    return work


def train(
    way: str, images: np.ndarray, steps: int, seed: int, base_channels: int
) -> tuple[list[tuple[float, float]], np.ndarray]:
    """Train one generator; return its losses of D and G per step or epoch, and its images."""
    import torch

    if way == "textbook":
        from benchmarks.textbook import TextbookGan

        gan = TextbookGan(images, seed, base_channels=base_channels)
        return list(itertools.islice(gan.steps(), steps)), gan.sample(IMAGES)
    from fewray.generators.families.dcgan import Dcgan

    recipe = RECIPES["paper"]
    options = recipe.with_(
        epochs=steps // Dcgan.batches_per_epoch(len(images), recipe), base_channels=base_channels
    )
    state = Dcgan(options, seed=seed, device=torch.device("cpu"))
    ticks = [tick.values for tick in state.fit(images, precision=way)]
    losses = [(values["loss_d"], values["loss_g"]) for values in ticks]
    return losses, state.sample(range(IMAGES))


def _images(count: int) -> tuple[np.ndarray, np.ndarray]:
    from fewray.data.loading import load_dataset
    from fewray.imaging.arrays import load_images

    rows = load_dataset(f"phantom:train={count},test={count},seed=3").where(label="normal")
    seen, unseen = (
        load_images(rows.where(split=split).paths(), 64)[:count] for split in ("train", "test")
    )
    return seen, unseen
