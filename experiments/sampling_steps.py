"""How many evaluations of the network a diffusion model needs per image.

Run `python -m experiments.sampling_steps RUN [IMAGES]` for a folder made by `fewray train --recipe
diffusion --hold-out 0.2 --quality-every 0`. Prints, for each number of evaluations, the KID to the
training images and to those of the held-out patients, means over the classes.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import torch

from experiments.generator_scores import EXTRACTORS, real_images
from fewray.compute.device import choose_device
from fewray.generators.checkpoint import load_checkpoint
from fewray.generators.generate import run_classes
from fewray.pipelines.extractors import open_extractor
from fewray.quality.features.standardise import standardised
from fewray.quality.metrics.kid import mmd2

STEPS = (6, 8, 10, 12, 18, 25)


def main(run: Path, count: int) -> None:
    """Print the table."""
    training, held_out = real_images(run)
    images = [each.images for each in training.values()]
    extractors = [standardised(open_extractor(name), images) for name in EXTRACTORS]
    head = " | ".join(f"{name}, training | unseen" for name in EXTRACTORS)
    print(f"| evaluations | CPU ms per image | {head} |")
    print("| --- " * (2 + 2 * len(EXTRACTORS)) + "|")
    for steps in STEPS:
        fake: dict[str, np.ndarray] = {}
        started = time.process_time()
        for label, path in run_classes(run).items():
            generator = load_checkpoint(path, choose_device("auto"), label)
            network = generator.options.diffusion.with_(sampling_steps=steps)
            generator.options = generator.options.with_(diffusion=network)
            fake[label] = generator.sample(range(count))
        spent = 1000 * (time.process_time() - started) / (count * len(fake))
        cells = []
        for extractor in extractors:
            for side in (training, held_out):
                found = [
                    mmd2(
                        extractor(real.images).matrix,
                        extractor(fake[label]).matrix,
                        groups=np.array(real.groups),
                    )
                    for label, real in side.items()
                ]
                cells.append(f"{np.mean(found):.2f}")
        print(f"| {steps} | {spent:.0f} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]), int((*sys.argv, "100")[2]))
