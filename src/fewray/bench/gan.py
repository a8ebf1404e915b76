"""Recipe ``paper`` for four classes against the textbook DCGAN, one class after another; and whether they are equal."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from fewray.bench.pairs import Side, Work, alternate
from fewray.bench.rows import Row, paired
from fewray.device import choose_device, choose_precision, cores
from fewray.presets import RECIPES

CLASSES, STEPS, BATCH = 4, 4, 32
TARGET, CEILING_TARGET = 2.5, 0.8
EQUAL_STEPS, EQUAL_IMAGES = 60, 96


def measure(limits: dict[str, float], *, rounds: int, device: str = "auto") -> list[Row]:
    """Return the row of four classes for a few steps each, with the share of the ceiling its arithmetic reaches."""
    where = choose_device(device)
    precision = choose_precision(where)
    n = min(cores(), CLASSES) if where.type == "cpu" else 1
    ours = Side(
        name="gan",
        make=side_by_side,
        options={"processes": n, "device": str(where), "precision": precision},
        processes=n,
        threads=max(1, cores() // n),
    )
    reference = Side(name="textbook gan", make=one_after_another, options={"device": str(where)}, threads=cores())
    fast, slow = alternate([ours, reference], rounds)
    images = CLASSES * STEPS * BATCH
    done = CLASSES * STEPS * step_flops() / 1e9 / fast.median
    best = max(limits["gflops_fp32"], limits["gflops_bf16"])
    on_cpu = where.type == "cpu"
    return [
        paired(
            "gan",
            f"paper's DCGAN, four classes, {where.type}, {precision}",
            fast,
            slow,
            work=images,
            unit="images/s",
            target=TARGET,
            ceiling=done / best if on_cpu else None,
            of="the faster products" if on_cpu else "",
            note=f"{done:.0f} GFLOP/s done, {best:.0f} possible; {100 * CEILING_TARGET:.0f} % wanted" if on_cpu else "",
        )
    ]


def side_by_side(part: int, *, processes: int, device: str, precision: str) -> Work:
    """Prepare this process's share of the classes; the work is ``STEPS`` steps of each."""
    import torch

    from fewray.gan.training import TrainState, train_gan

    options = RECIPES["paper"].with_(epochs=10**6)
    runs = [
        train_gan(
            _noise(label), TrainState(options, seed=label, device=torch.device(device)), precision=precision
        )  # an epoch of so many images is STEPS steps
        for label in range(part, CLASSES, processes)
    ]

    def work() -> list[float]:
        return [next(run).loss_d for run in runs]

    return work


def one_after_another(part: int, *, device: str) -> Work:
    """Prepare the textbook loop; the work is ``STEPS`` steps of each class."""
    from fewray.bench.textbook import TextbookGan

    runs = [TextbookGan(_noise(label), label, device).steps() for label in range(CLASSES)]

    def work() -> list[float]:
        return [loss for run in runs for loss, _ in itertools.islice(run, STEPS)]

    return work


def step_flops() -> float:
    """Return the floating-point operations of one textbook step, without the gradients nobody uses.

    Counted by PyTorch in a step whose pass of the fakes stops at D's parameters, as ours does.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from fewray.bench.textbook import Discriminator, Generator

    G, D = Generator(), Discriminator()
    with FlopCounterMode(display=False) as counter:
        fake = G(torch.zeros(BATCH, 100, 1, 1))
        D(torch.zeros(BATCH, 1, 64, 64)).sum().backward()
        D(fake.detach()).sum().backward()
        D.requires_grad_(False)
        D(fake).sum().backward()
    return float(counter.get_total_flops())


def equality(
    *, seeds: int = 3, steps: int = EQUAL_STEPS, films: int = EQUAL_IMAGES, base_channels: int = 64
) -> dict[str, Any]:
    """Train the fast path and the textbook on the same films, ``seeds`` (2 or more) times each, and set figures beside figures.

    Losses are means over the last quarter of the steps; KID is that of 200 images to films neither has seen. The
    interval of the difference is Welch's (1947). Three seeds at full width see gross differences only; many at a
    quarter of it (``base_channels`` 16, the same code) see small ones.
    """
    from scipy import stats

    side = Side(
        name="gan, both ways",
        make=trained,
        options={"steps": steps, "seeds": seeds, "films": films, "base_channels": base_channels},
        processes=len(WAYS),
    )
    (both,) = alternate([side], 1, warm_up=False)  # at the same time: nothing is timed here
    found = dict(zip(WAYS, map(np.array, both.results), strict=True))
    rows = {}
    for index, figure in enumerate(("loss of D", "loss of G", "KID to unseen films")):
        columns = [found[name][:, index] for name in WAYS]
        inside = columns[1].min() <= columns[0].mean() <= columns[1].max()
        spread = [f"{values.mean():.3f} ({values.min():.3f} to {values.max():.3f})" for values in columns]
        low, high = stats.ttest_ind(*columns, equal_var=False).confidence_interval()
        difference = f"{columns[0].mean() - columns[1].mean():+.3f} ({low:+.3f} to {high:+.3f})"
        rows[figure] = [*spread, "yes" if inside else "no", difference]
    return {
        "design": f"phantom films, one class, recipe paper, {base_channels} base channels, {steps} steps, {seeds} seeds: "
        "mean (least to most)",
        "columns": [*WAYS, "mean within the textbook's spread", "difference (95 % interval, Welch)"],
        "rows": rows,
    }


WAYS = ("fewray", "textbook, fp32")


def trained(part: int, *, steps: int, seeds: int, films: int, base_channels: int) -> Work:
    """Prepare the trainings of one way; the work returns (seeds, 3) figures."""
    from fewray.quality.features import load_extractor
    from fewray.quality.kernel import mmd2

    seen, unseen = _films(films)
    extractor = load_extractor("lite0", device="cpu")
    real = extractor(unseen).features

    def work() -> list[list[float]]:
        made = []
        for seed in range(seeds):
            losses, images = (_ours, _textbook)[part](seen, steps, seed, base_channels)
            last = np.array(losses[-max(1, len(losses) // 4) :]).mean(0)
            made.append([*map(float, last), float(mmd2(real, extractor(images).features))])
        return made

    return work


def _ours(films: np.ndarray, steps: int, seed: int, base_channels: int) -> tuple[list[tuple[float, float]], np.ndarray]:
    import torch

    from fewray.gan.sampling import sample
    from fewray.gan.training import TrainState, batches_per_epoch, train_gan

    recipe = RECIPES["paper"]
    epochs = steps // batches_per_epoch(len(films), recipe)
    options = recipe.with_(epochs=epochs, base_channels=base_channels)
    state = TrainState(options, seed=seed, device=torch.device("cpu"))
    ticks = train_gan(films, state, precision=choose_precision(state.device))
    return [(tick.loss_d, tick.loss_g) for tick in ticks], sample(state.sampler, options, range(200))


def _textbook(
    films: np.ndarray, steps: int, seed: int, base_channels: int
) -> tuple[list[tuple[float, float]], np.ndarray]:
    from fewray.bench.textbook import TextbookGan

    gan = TextbookGan(films, seed, base_channels=base_channels)
    return list(itertools.islice(gan.steps(), steps)), gan.sample(200)


def _films(count: int) -> tuple[np.ndarray, np.ndarray]:
    from fewray.data import load_dataset
    from fewray.images import load_images

    rows = load_dataset(f"phantom:train={count},test={count},seed=3").where(label="normal")
    seen, unseen = (load_images(rows.where(split=split).paths(), 64)[:count] for split in ("train", "test"))
    return seen, unseen


def _noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (STEPS * BATCH, 1, 64, 64), dtype=np.uint8)
