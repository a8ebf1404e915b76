"""Ablation of the recipe `diffusion`: it is trained with one ingredient changed at a time.

Run `python -m experiments.generator_ablation DATA FOLDER [SEED ...]`; run it again to continue.
Every run trains for EPOCHS epochs on 80% of the training patients and is measured as in
generator_scores, whose results in docs/results/ablation/ become a table of docs/generators.md.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from experiments.generator_scores import measure
from experiments.generator_tables import with_range
from fewray.compute.machine import Machine
from fewray.config import GanOptions
from fewray.data.hold_out import training_rows
from fewray.data.loading import load_dataset
from fewray.pipelines.train_generators import train_generators
from fewray.presets import RECIPES
from fewray.storage.files import read_json, write_json

RESULTS = Path(__file__).parents[1] / "docs" / "results" / "ablation"
EPOCHS, HOLD_OUT, IMAGES = 50, 0.2, 200
"""Epochs of a run (a quarter of the recipe's), share held out, synthetic images per class."""
RECIPE = RECIPES["diffusion"]


def shortened(epochs: int) -> GanOptions:
    """Return the recipe with fewer epochs, averaged over the same share of them."""
    half_life = RECIPE.ema_half_life * epochs / RECIPE.epochs
    return RECIPE.with_(epochs=epochs, ema_half_life=half_life)


WHOLE = shortened(EPOCHS)


def network(**changes: object) -> GanOptions:
    """Return the recipe with other options of the network or the noise."""
    return WHOLE.with_(diffusion=WHOLE.diffusion.with_(**changes))


LAST_WEIGHTS = "no averaged network"
"""Nothing is trained for it: it samples from the last weights of the recipe."""
VARIANTS: dict[str, GanOptions] = {
    "the recipe": WHOLE,
    LAST_WEIGHTS: WHOLE,
    "Adam for all weights": network(muon_rate=0.0),
    "Adam at four times its rate": network(muon_rate=0.0).with_(learning_rate=4e-3),
    "no augmentation": network(augmented=False),
    "one generator per class": shortened(EPOCHS // 4).with_(pooled=False),
    "no dropout": network(dropout=0.0),
    "half the channels": network(channels=(32, 48, 64)),
    "ambient training": network(ambient_sigma=0.7),
}
COLUMNS = {
    "KID, unseen patients (lite0)": ("lite0", "kid_held_out"),
    "(lite2)": ("lite2", "kid_held_out"),
    "(texture)": ("texture", "kid_held_out"),
    "KID, training images (lite0)": ("lite0", "kid"),
    "coverage (lite0)": ("lite0", "coverage"),
    "copies (%)": ("lite0", "copies"),
    "copied windows (%)": ("lite0", "windows"),
}
"""Heads of the table's columns: an extractor and a score, means over the classes."""


def value(run: Mapping[str, Any], extractor: str, key: str) -> float:
    """Return a score of a run, as the mean over its classes."""
    found = [scores[key] for scores in run["scores"][extractor].values()]
    if key == "copies":
        found = [100 * copies / run["synthetic"] for copies in found]
    if key == "windows":
        found = [100 * synthetic for synthetic, _ in found]
    return float(np.mean(found))


def main(data: str, folder: Path, seeds: list[int]) -> None:
    """Train and measure what is missing."""
    rows = training_rows(load_dataset(data))
    machine = Machine(processes=1, threads=1)
    for seed in seeds:
        for name, options in VARIANTS.items():
            slug = f"{name.replace(' ', '-')}-seed{seed}"
            if (RESULTS / f"{slug}.json").exists():
                continue
            averaged = name != LAST_WEIGHTS
            run = folder / (slug if averaged else f"the-recipe-seed{seed}")
            train_generators(
                rows,
                options,
                run,
                seed=seed,
                machine=machine,
                resume=True,
                probe_every=0,
                hold_out=HOLD_OUT,
            )
            found = {"variant": name, **measure(run, IMAGES, averaged=averaged, real=False)}
            RESULTS.mkdir(parents=True, exist_ok=True)
            write_json(RESULTS / f"{slug}.json", found)
            print(slug, flush=True)


def render() -> str:
    """Return a Markdown table: means over classes, and over seeds with their range."""
    rows = []
    for name in VARIANTS:
        slug = name.replace(" ", "-")
        found = [read_json(path) for path in sorted(RESULTS.glob(f"{slug}-seed*.json"))]
        if not found:
            continue
        measured = [[value(run, *column) for run in found] for column in COLUMNS.values()]
        measured.append([float(np.mean(run["accuracy_from_synthetic"])) for run in found])
        minutes = with_range([run["core_minutes"] for run in found], 0)
        cells = [minutes, *map(with_range, measured)]
        rows.append(f"| {name} | {len(found)} | {' | '.join(cells)} |")
    if not rows:
        return "No run has been measured yet.\n"
    head = f"| | seeds | core-minutes | {' | '.join(COLUMNS)} | accuracy |\n"
    return head + "| --- " * (4 + len(COLUMNS)) + "|\n" + "\n".join(rows) + "\n"


if __name__ == "__main__":
    torch.set_num_threads(1)
    chosen = [int(value) for value in sys.argv[3:]] or [0]
    main(sys.argv[1], Path(sys.argv[2]), chosen)
