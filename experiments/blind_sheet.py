"""A sheet of unlabelled real and synthetic images, to sort without knowing which is which.

Run `python -m experiments.blind_sheet RUN OUT [SEED]` for a folder made by `fewray train --hold-out
0.2`. OUT/sheet.png shows EACH real images of unseen patients and EACH synthetic ones of every class
(seeds FIRST_SEED on), numbered from 1 in random order. OUT/key.txt has the numbers of the real
ones: whoever sorts must not see it. `python -m experiments.blind_sheet OUT 1,5,8` counts how many
images are sorted right if these are called real.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

from experiments.generator_scores import real_images
from fewray.generators.checkpoint import load_checkpoint
from fewray.generators.generate import run_classes

EACH, FIRST_SEED, COLUMNS = 5, 1000, 8
SIDE, MARGIN, HEADING = 256, 8, 16
"""Size of an image on the sheet, and of the space around it, in pixels."""


def drawn_images(run: Path, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return uint8 images (n, S, S) in random order, and whether each is real (n,)."""
    _, held_out = real_images(run)
    real, made = [], []
    for label, path in run_classes(run).items():
        known = held_out[label].images
        real += list(known[rng.choice(len(known), EACH, replace=False)])
        generator = load_checkpoint(path, torch.device("cpu"), label)
        made += list(generator.sample(range(FIRST_SEED, FIRST_SEED + EACH)))
    order = rng.permutation(len(real) + len(made))
    return np.stack([*real, *made])[order, 0], order < len(real)


def sheet(images: np.ndarray) -> Image.Image:
    """Return the sheet of uint8 ``images`` (n, S, S)."""
    width, height = SIDE + MARGIN, SIDE + HEADING + MARGIN
    page = Image.new("L", (COLUMNS * width, -(-len(images) // COLUMNS) * height), 255)
    for index, image in enumerate(images):
        x, y = index % COLUMNS * width, index // COLUMNS * height
        enlarged = Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.NEAREST)
        page.paste(enlarged, (x, y + HEADING))
        ImageDraw.Draw(page).text((x + 4, y + 2), f"{index + 1}", fill=0)
    return page


def make(run: Path, out: Path, seed: int) -> None:
    """Write the sheet and its key into ``out``."""
    images, real = drawn_images(run, np.random.default_rng(seed))
    out.mkdir(parents=True, exist_ok=True)
    sheet(images).save(out / "sheet.png")
    numbers = np.flatnonzero(real) + 1
    (out / "key.txt").write_text(f"{len(images)} {','.join(map(str, numbers))}\n")


def right(out: Path, called_real: str) -> tuple[int, int]:
    """Return how many images are sorted right, and how many there are.

    ``called_real`` lists numbers of images, with commas between; ValueError for other numbers.
    """
    count, numbers = (out / "key.txt").read_text().split()
    real, called = ({int(number) for number in text.split(",")} for text in (numbers, called_real))
    if others := sorted(called - set(range(1, int(count) + 1))):
        raise ValueError(f"expected numbers from 1 to {count}, got {others}")
    return int(count) - len(real ^ called), int(count)


if __name__ == "__main__":
    first, second = sys.argv[1:3]
    if (Path(first) / "key.txt").exists():
        print("{} of {} right".format(*right(Path(first), second)))
    else:
        make(Path(first), Path(second), int((*sys.argv, "0")[3]))
