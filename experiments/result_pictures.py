"""Make the pictures of docs/results/published.md and docs/generators.md.

Run `python -m experiments.result_pictures RUN [QUALITY]`: RUN is a folder of
`fewray train`, QUALITY one of `fewray quality`.
"""

import csv
import sys
from pathlib import Path

import numpy as np
import torch

from fewray.errors import InputError
from fewray.generators.checkpoint import load_checkpoint
from fewray.generators.generate import run_classes
from fewray.imaging.arrays import grid, save_png
from fewray.results.training import read_run_options
from fewray.storage.files import read_jsonl

COLUMNS = 12
DOCS = Path(__file__).parents[1] / "docs"


def first_seeds(run: Path) -> np.ndarray:
    """Return the images of seeds 0 to 11 of every class (classes x 12, 1, S, S)."""
    rows = []
    for label, path in run_classes(run).items():
        generator = load_checkpoint(path, torch.device("cpu"), label)
        rows.append(generator.sample(range(COLUMNS)))
    return np.concatenate(rows)


def closest(run: Path, quality: Path) -> np.ndarray:
    """Return the twelve images per class that are nearest to a training image (copies.csv)."""
    with (quality / "copies.csv").open() as stream:
        found = list(csv.DictReader(stream))
    rows = []
    for label, path in run_classes(run).items():
        generator = load_checkpoint(path, torch.device("cpu"), label)
        mine = sorted(
            (row for row in found if row["class"] == label), key=lambda row: float(row["distance"])
        )
        seeds = [int(Path(row["synthetic"]).stem.removeprefix("seed")) for row in mine[:COLUMNS]]
        rows.append(generator.sample(seeds))
    return np.concatenate(rows)


def curves(run: Path, path: Path) -> None:
    """Draw losses, discriminator outputs, FID and KID over epochs, one column per class."""
    from matplotlib.figure import Figure

    labels = list(run_classes(run))
    figure = Figure(figsize=(3 * len(labels), 7.5), layout="constrained")
    axes = figure.subplots(4, len(labels), sharex=True, sharey="row", squeeze=False)
    rows = (
        {"loss_d": "Loss_D", "loss_g": "Loss_G"},
        {"d_x": "D(x)", "d_g_z1": "D(G(z)) before", "d_g_z2": "after"},
        {"fid": "FID"},
        {"kid": "KID"},
    )
    for column, label in enumerate(labels):
        log = read_jsonl(run / label / "stats.jsonl")
        for row, names in enumerate(rows):
            for key, name in names.items():
                measured = [entry for entry in log if entry.get(key) is not None]
                marker = "o-" if len(measured) < 30 else "-"
                epochs, values = [e["epoch"] for e in measured], [e[key] for e in measured]
                axes[row, column].plot(
                    epochs, values, marker, label=name, linewidth=1, markersize=3
                )
            if column == 0:
                axes[row, column].legend(frameon=False, fontsize=7)
        axes[0, column].set_title(label, fontsize=10)
        axes[3, column].set_xlabel("epoch")
    figure.savefig(path, dpi=80)


def _save(images: np.ndarray, path: Path) -> None:
    times = max(1, 128 // images.shape[-1])
    save_png(grid(images, COLUMNS).repeat(times, axis=0).repeat(times, axis=1), path)


def main(run: Path, quality: Path | None) -> None:
    """Write the pictures into docs/; of a run with a hold-out only the first seeds."""
    options = read_run_options(run / "options.json")
    name = options.gan.recipe
    if options.hold_out:
        size = "" if options.gan.image_size == 64 else f"-{options.gan.image_size}"
        _save(first_seeds(run), DOCS / f"synthetic-{name}{size}.png")
        return
    _save(first_seeds(run), DOCS / "synthetic.png")
    curves(run, DOCS / "curves.png")
    if quality is not None:
        _save(closest(run, quality), DOCS / "closest.png")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
    except InputError as error:
        sys.exit(f"{error}")
