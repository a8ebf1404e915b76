"""Time parallel training runs of classifiers against the textbook loop, which is serial."""

from __future__ import annotations

from functools import partial

import numpy as np

from benchmarks.pairs import Side, Task, alternate
from benchmarks.table import TableRow, paired
from fewray.compute.device import choose_device, choose_precision
from fewray.compute.process import cores
from fewray.config import ClassifierOptions

RUNS, STEPS, BATCH, IMAGES, CLASSES = 4, 8, 256, 1080, 4
TARGET = 3.0


def measure(
    peak: dict[str, float], *, rounds: int, device: str = "auto", steps: int = STEPS
) -> list[TableRow]:
    """Return the row of ``RUNS`` training runs of ``steps`` steps each."""
    where = choose_device(device)
    precision = choose_precision(where)
    n = min(cores(), RUNS) if where.type == "cpu" else 1
    options = {"device": str(where), "steps": steps}
    ours = Side(
        name="classifier",
        make=side_by_side,
        options={**options, "processes": n, "precision": precision},
        processes=n,
        threads=max(1, cores() // n),
    )
    book = Side(name="textbook classifier", make=one_by_one, options=options, threads=cores())
    fast, slow = alternate([ours, book], rounds)
    what = f"the paper's classifier, {RUNS} training runs, {where.type}, {precision}"
    work = RUNS * steps * BATCH
    return [paired("classifier", what, fast, slow, work=work, unit="images/s", target=TARGET)]


def side_by_side(
    part: int, *, processes: int, device: str, precision: str, steps: int = STEPS
) -> Task:
    """Prepare this process's share of the training runs."""
    from fewray.classify.training import train_classifier

    images, labels = _data()
    train = partial(
        train_classifier,
        images,
        labels,
        ClassifierOptions(batch_size=BATCH, steps=steps),
        n_classes=CLASSES,
        device=device,
        precision=precision,
    )

    def work() -> list[float]:
        return [float(train(seed=seed).losses[-1]) for seed in range(part, RUNS, processes)]

    return work


def one_by_one(part: int, *, device: str, steps: int = STEPS) -> Task:
    """Prepare all training runs of the textbook."""
    from benchmarks.textbook import textbook_classifier

    images, labels = _data()
    train = partial(
        textbook_classifier,
        images,
        labels,
        classes=CLASSES,
        steps=steps,
        batch=BATCH,
        device=device,
    )

    def work() -> list[float]:
        return [train(seed=seed)[-1] for seed in range(RUNS)]

    return work


def _data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (IMAGES, 1, 64, 64), dtype=np.uint8)
    return images, rng.integers(0, CLASSES, IMAGES)
