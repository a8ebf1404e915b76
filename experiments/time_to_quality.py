"""How soon the diffusion model is as good as `paper` at the end: core-seconds until its KID.

Run `python -m experiments.time_to_quality FOLDER [SEED]`. The recipe is trained for a few epochs,
each run with a learning rate that falls to 0, and is measured on patients that it did not see. It
is compared with a plain training loop of the paper's DCGAN (benchmarks/textbook.py): STEPS steps
of that are timed before each run, times the steps of `paper`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import torch

from benchmarks.gan import CLASSES, one_by_one
from benchmarks.gan import STEPS as ROUND
from experiments.generator_ablation import HOLD_OUT, shortened
from experiments.generator_scores import RESULTS, mean_kids, real_images
from fewray.compute.machine import Machine
from fewray.data.hold_out import training_rows
from fewray.data.loading import load_dataset
from fewray.generators.checkpoint import batches_per_epoch, load_checkpoint
from fewray.generators.generate import run_classes
from fewray.pipelines.extractors import open_extractor
from fewray.pipelines.train_generators import train_generators
from fewray.presets import RECIPES
from fewray.storage.files import read_json

DATA, EPOCHS, IMAGES, STEPS = "covid4", (3, 6, 12, 25), 200, 48
"""Data set, epochs of the runs, synthetic images per class, timed steps of the plain loop."""
EXTRACTORS = ("lite0", "lite2")
SIDES = {"training images": "kid", "unseen patients": "kid_held_out"}


def scores_of_paper() -> tuple[dict[str, list[float]], int]:
    """Return the KIDs of `paper` by extractor, as (training, unseen), and the steps that it takes.

    Means over classes and over the runs measured by generator_scores.
    """
    found = [read_json(path) for path in sorted(RESULTS.glob("paper-seed*.json"))]
    scores = {
        name: [
            float(np.mean([s[key] for run in found for s in run["scores"][name].values()]))
            for key in SIDES.values()
        ]
        for name in EXTRACTORS
    }
    options = RECIPES["paper"]
    counts = [n + options.classic_images for n in found[0]["training_images"].values()]
    return scores, options.epochs * sum(batches_per_epoch(n, options) for n in counts)


def scores_of(run: Path) -> dict[str, list[float]]:
    """Return the KIDs of a run by extractor, as (training, unseen), means over classes."""
    real = real_images(run)
    fake = {
        label: load_checkpoint(path, torch.device("cpu"), label).sample(range(IMAGES))
        for label, path in run_classes(run).items()
    }
    return {name: mean_kids(real, fake, open_extractor(name)) for name in EXTRACTORS}


def spent() -> float:
    """Return the processor seconds of this process and of those that it has waited for."""
    return sum(os.times()[:4])


def seconds_per_step() -> float:
    """Return the processor seconds of a step of the plain loop, on one thread."""
    work = one_by_one(0, device="cpu")
    work()
    began = spent()
    for _ in range(STEPS // (ROUND * CLASSES)):
        work()
    return (spent() - began) / STEPS


def main(folder: Path, seed: int) -> None:
    """Train, measure and print a Markdown table."""
    rows, (goal, steps) = training_rows(load_dataset(DATA)), scores_of_paper()
    timed, lines = [], []
    for epochs in EPOCHS:
        timed.append(seconds_per_step())
        run = folder / f"{epochs}-epochs-seed{seed}"
        began = spent()
        train_generators(
            rows,
            shortened(epochs),
            run,
            seed=seed,
            machine=Machine(processes=1, threads=1),
            probe_every=0,
            hold_out=HOLD_OUT,
        )
        lines.append((epochs, spent() - began, scores_of(run)))
    whole = steps * float(np.median(timed))
    head = " | ".join(f"{name}, {side}" for name in EXTRACTORS for side in SIDES)
    print(f"| | core-seconds | KID, {head} |\n{'| --- ' * 6}|")
    row = "| {} | {:,.0f} | {:.2f} | {:.2f} | {:.2f} | {:.2f} |"
    print(row.format("paper, plain loop", whole, *(x for name in EXTRACTORS for x in goal[name])))
    for epochs, seconds, found in lines:
        values = [x for name in EXTRACTORS for x in found[name]]
        print(row.format(f"diffusion, {epochs} epochs", seconds, *values))
    spread = ", ".join(f"{1000 * each:.0f}" for each in timed)
    print(f"{steps:,} steps of the plain loop; ms per step: {spread}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]), int((*sys.argv, "0")[2]))
