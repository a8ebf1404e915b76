"""Compare generator recipes for few images and little time.

Run `python -m experiments.recipe_comparison`. Each recipe trains on 52 phantoms, about as many as a
fold of covid4 has images per class. KID is measured against 200 other phantoms. Only phantoms are
used, so that no image that a study tests has influenced the choice of its generator.
"""

from __future__ import annotations

import time

import torch

from fewray.data.loading import load_dataset
from fewray.generators.families.dcgan import Dcgan
from fewray.imaging.arrays import load_images
from fewray.pipelines.train_one import training_images
from fewray.presets import RECIPES
from fewray.quality.features.load import load_extractor
from fewray.quality.metrics.kid import mmd2

SMALL = RECIPES["small"].with_(epochs=80)
CANDIDATES = {
    "the paper's network, averaged": SMALL.with_(
        base_channels=64, batch_size=32, learning_rate=2e-4, dropout=(0.5, 0.5, 0.25)
    ),
    "recipe small": SMALL,
    "recipe small at twice its learning rate": SMALL.with_(learning_rate=8e-4),
    "recipe small, batches of 32 at 8e-4": SMALL.with_(batch_size=32, learning_rate=8e-4),
}
DATA, LABEL, SEED = "phantom:train=52,test=200,seed=5", "covid", 1


def main() -> None:
    """Print one table row per measurement."""
    torch.set_num_threads(1)
    rows = load_dataset(DATA).where(label=LABEL)
    extractor = load_extractor("lite0", device="cpu")
    unseen = extractor(load_images(rows.where(split="test").paths(), 64, "pad")).features
    for name, options in CANDIDATES.items():
        state = Dcgan(options, seed=SEED, device=torch.device("cpu"))
        images = training_images(rows.where(split="train"), options, seed=7)
        started = time.thread_time()
        for tick in state.fit(images, precision="fp32"):
            if tick.epoch % 20 == 0:
                spent = time.thread_time() - started
                kid = mmd2(extractor(state.sample(range(500))).features, unseen)
                print(
                    f"| {name} | {tick.step:,} | {tick.images_seen:,} | {kid:.2f} | {spent:.0f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
