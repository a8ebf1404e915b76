"""Make docs/synthetic.png: the first images of each class of a run, by seed, not chosen. ``picture.py RUN``."""

import sys
from pathlib import Path

import numpy as np
import torch

from fewray.gan.checkpoint import load_generator
from fewray.gan.generate import run_classes
from fewray.gan.sampling import sample
from fewray.images import grid, save_png

COLUMNS = 12

if __name__ == "__main__":
    rows = []
    for path in run_classes(Path(sys.argv[1])).values():
        network, options = load_generator(path, torch.device("cpu"))
        rows.append(sample(network, options, range(COLUMNS)))
    sheet = grid(np.concatenate(rows), COLUMNS)
    save_png(sheet.repeat(2, axis=0).repeat(2, axis=1), Path(__file__).parent / "synthetic.png")
