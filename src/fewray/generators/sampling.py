"""Images from a trained generator, each a function of its own seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from fewray.compute.seeds import child_seed
from fewray.config import GanOptions
from fewray.generators.families.dcgan import Generator
from fewray.generators.training import draw_latents

BATCH = 100


def latents(seeds: Sequence[int], options: GanOptions) -> torch.Tensor:
    """Return z (n, latent_dim): row i is drawn from ``seeds[i]`` alone, so that neighbours and order do not matter."""
    rows = [
        draw_latents(
            1,
            options,
            torch.Generator().manual_seed(child_seed(seed, "latent")),
            torch.device("cpu"),
        )
        for seed in seeds
    ]
    return torch.cat(rows) if rows else torch.zeros(0, options.latent_dim)


@torch.inference_mode()
def sample(generator: Generator, options: GanOptions, seeds: Sequence[int]) -> np.ndarray:
    """Return uint8 images (n, 1, 64, 64), one a seed, from a generator in evaluation mode, in fp32.

    BatchNorm uses its stored statistics; batches of 1 and of 100 give images equal within one grey level.
    """
    was_training = generator.training
    generator.eval()
    device = next(generator.parameters()).device
    made = [
        ((generator(chunk.to(device)).float() + 1) * 127.5)
        .round()
        .clamp(0, 255)
        .to(torch.uint8)
        .cpu()
        .numpy()
        for chunk in latents(seeds, options).split(BATCH)
    ]
    generator.train(was_training)
    size = options.image_size
    return np.concatenate(made) if made else np.zeros((0, 1, size, size), np.uint8)
