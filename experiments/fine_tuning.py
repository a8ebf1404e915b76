"""Fine-tuning: a short training, on one class alone, of a diffusion model of all classes.

Run `python -m experiments.fine_tuning RUN [IMAGES] [EPOCHS] [SHARE]` for a folder made by `fewray
train --recipe diffusion --hold-out 0.2`. For every class, training resumes from the averaged
network for EPOCHS epochs (of as many images as before) with images of that class only, at SHARE of
the recipe's learning rates, which fall to 0. Prints the scores that generator_scores measures.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

from experiments.generator_scores import in_short, measure_images, real_images
from fewray.compute.seeds import child_seed
from fewray.generators.checkpoint import load_checkpoint
from fewray.generators.families.diffusion import Diffusion
from fewray.generators.generate import run_classes
from fewray.quality.image_set import ImageSet


def fine_tuned(whole: Diffusion, images: np.ndarray, epochs: int, share: float) -> Diffusion:
    """Return a copy of ``whole`` trained on uint8 ``images`` (n, 1, S, S) of its class."""
    options = whole.options
    changed = options.with_(
        epochs=epochs,
        learning_rate=share * options.learning_rate,
        ema_half_life=options.ema_half_life * epochs / options.epochs,
        diffusion=options.diffusion.with_(muon_rate=share * options.diffusion.muon_rate),
    )
    seed = child_seed(whole.seed, "fine-tuning", whole.class_index)
    own = Diffusion(changed, seed=seed, device=whole.device)
    for network in (own.network, own.average):
        network.load_state_dict(whole.average.state_dict())
    own.class_index = whole.class_index
    for _ in own.fit(images, np.full(len(images), own.class_index), precision="bf16"):
        pass
    return own


def main(run: Path, count: int, epochs: int, share: float) -> None:
    """Train, sample, measure and print."""
    training, held_out = real_images(run)
    fake = {}
    for label, path in run_classes(run).items():
        whole = load_checkpoint(path, torch.device("cpu"), label)
        assert isinstance(whole, Diffusion)
        own = fine_tuned(whole, training[label].images, epochs, share)
        fake[label] = ImageSet.of(own.sample(range(count)))
    print(in_short(measure_images(training, held_out, fake, real=False)))


if __name__ == "__main__":
    torch.set_num_threads(1)
    given = (*sys.argv[2:], *("200", "10", "0.3")[len(sys.argv) - 2 :])
    main(Path(sys.argv[1]), int(given[0]), int(given[1]), float(given[2]))
