"""Classifiers of arms and seeds side by side against the textbook loop, one after another."""

from __future__ import annotations

from functools import partial

import numpy as np

from benchmarks.pairs import RunContext, Side, alternate
from benchmarks.rows import Row, paired
from fewray.compute.device import choose_device, choose_precision
from fewray.compute.process import cores
from fewray.config import ClassifierOptions

TRAININGS, STEPS, BATCH, IMAGES, CLASSES = 4, 8, 256, 1080, 4
TARGET = 3.0


def measure(limits: dict[str, float], *, rounds: int, device: str = "auto") -> list[Row]:
    """Return the row of a few trainings of a few steps each."""
    where = choose_device(device)
    precision = choose_precision(where)
    n = min(cores(), TRAININGS) if where.type == "cpu" else 1
    ours = Side(
        name="classifier",
        make=side_by_side,
        options={"processes": n, "device": str(where), "precision": precision},
        processes=n,
        threads=max(1, cores() // n),
    )
    reference = Side(
        name="textbook classifier",
        make=one_after_another,
        options={"device": str(where)},
        threads=cores(),
    )
    fast, slow = alternate([ours, reference], rounds)
    work = TRAININGS * STEPS * BATCH
    what = f"paper's classifier, {TRAININGS} trainings, {where.type}, {precision}"
    return [paired("classifier", what, fast, slow, work=work, unit="images/s", target=TARGET)]


def side_by_side(part: int, *, processes: int, device: str, precision: str) -> RunContext:
    """Prepare this process's share of the trainings."""
    from fewray.classify.training import train_classifier

    images, labels = _data()
    options = ClassifierOptions(batch_size=BATCH, steps=STEPS)
    train = partial(
        train_classifier,
        images,
        labels,
        options,
        n_classes=CLASSES,
        device=device,
        precision=precision,
    )

    def work() -> list[float]:
        return [float(train(seed=seed).losses[-1]) for seed in range(part, TRAININGS, processes)]

    return work


def one_after_another(part: int, *, device: str) -> RunContext:
    """Prepare all trainings of the textbook."""
    from benchmarks.textbook import textbook_classifier

    images, labels = _data()
    train = partial(
        textbook_classifier,
        images,
        labels,
        classes=CLASSES,
        steps=STEPS,
        batch=BATCH,
        device=device,
    )

    def work() -> list[float]:
        return [train(seed=seed)[-1] for seed in range(TRAININGS)]

    return work


def _data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (IMAGES, 1, 64, 64), dtype=np.uint8), rng.integers(
        0, CLASSES, IMAGES
    )
