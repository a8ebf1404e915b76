"""How many evaluations of the network a diffusion model needs per image, and from which start.

Run `python -m experiments.sampling_steps RUN [IMAGES]` for a folder made by `fewray train --recipe
diffusion --hold-out 0.2 --quality-every 0`. Prints, for each number of evaluations and each noise
level down to which a Gaussian replaces the network (0: nowhere), the KID to the training images and
to those of the held-out patients, the shares of copies and of copied windows (lite0), means over
the classes, and the accuracy of CLASSIFIERS classifiers trained on the synthetic images and tested
on the held-out patients. `python -m experiments.sampling_steps RUN IMAGES 12:0,10:2` measures these
pairs only.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import torch

from experiments.generator_scores import CLASSIFIER, CLASSIFIERS, EXTRACTORS, mean_kids, real_images
from fewray.compute.device import choose_device
from fewray.generators.checkpoint import load_checkpoint
from fewray.generators.families.diffusion import Diffusion
from fewray.generators.generate import run_classes
from fewray.generators.models.layout import fit_layout
from fewray.pipelines.extractors import open_extractor
from fewray.pipelines.tstr import accuracies
from fewray.quality.evaluate import measure_quality
from fewray.quality.features.standardise import standardised
from fewray.quality.image_set import ImageSet

PAIRS = "6:0,8:0,10:0,12:0,18:0,25:0,8:2,10:2,12:4"


def sampled(run: Path, training: dict[str, ImageSet], count: int, steps: int, sigma: float):
    """Return images (count, 1, S, S) by class; the layouts come from the training images."""
    fake: dict[str, np.ndarray] = {}
    for label, path in run_classes(run).items():
        generator = load_checkpoint(path, choose_device("auto"), label)
        assert isinstance(generator, Diffusion)
        network = generator.options.diffusion.with_(sampling_steps=steps, layout_sigma=sigma)
        generator.options = generator.options.with_(diffusion=network)
        generator.layouts = [fit_layout(each.images) for each in training.values()] if sigma else []
        fake[label] = generator.sample(range(count))
    return fake


def main(run: Path, count: int, pairs: str) -> None:
    """Print the table."""
    training, held_out = real_images(run)
    images = [each.images for each in training.values()]
    extractors = [standardised(open_extractor(name), images) for name in EXTRACTORS]
    head = " | ".join(f"{name}, training | unseen" for name in EXTRACTORS)
    print(
        f"| evaluations | Gaussian down to | CPU ms per image | {head} | copies | copied windows "
        "| accuracy |"
    )
    print("| --- " * (6 + 2 * len(EXTRACTORS)) + "|")
    for steps, sigma in (pair.split(":") for pair in pairs.split(",")):
        started = time.process_time()
        fake = sampled(run, training, count, int(steps), float(sigma))
        spent = 1000 * (time.process_time() - started) / (count * len(fake))
        cells = []
        for extractor in extractors:
            found = mean_kids((training, held_out), fake, extractor)
            cells += [f"{kid:.2f}" for kid in found]
        sets = {label: ImageSet.of(made) for label, made in fake.items()}
        report, *_ = measure_quality(training, sets, open_extractor("lite0"), held_out=held_out)
        found = report.classes.values()
        cells.append(f"{np.mean([len(each.copies) for each in found]) / count:.1%}")
        cells.append(f"{np.mean([each.areas.copied_windows for each in found if each.areas]):.2%}")
        accuracy = np.mean(
            [
                accuracies(sets, [held_out], tuple(training), CLASSIFIER, seed=seed)
                for seed in range(CLASSIFIERS)
            ]
        )
        print(
            f"| {steps} | {sigma} | {spent:.0f} | {' | '.join(cells)} | {accuracy:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    torch.set_num_threads(1)
    given = sys.argv[2:]
    main(Path(sys.argv[1]), int((*given, "100")[0]), given[1] if len(given) > 1 else PAIRS)
