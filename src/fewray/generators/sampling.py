"""Images from a network, each a function of its own seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from fewray.compute.seeds import child_seed
from fewray.config import GanOptions
from fewray.generators.families.dcgan import Generator
from fewray.imaging.arrays import to_uint8

BATCH = 100


def draw_latents(
    count: int, options: GanOptions, generator: torch.Generator, device: torch.device
) -> Tensor:
    """Draw z (count, latent_dim): U(-1, 1) as in the paper, or N(0, 1)."""
    shape = (count, options.latent_dim)
    if options.latent == "normal":
        return torch.randn(shape, generator=generator, device=device)
    return torch.rand(shape, generator=generator, device=device) * 2 - 1


def latents(seeds: Sequence[int], options: GanOptions) -> Tensor:
    """Return z (n, latent_dim) of at least one seed; row i depends on ``seeds[i]`` only."""
    cpu = torch.device("cpu")
    rows = [
        draw_latents(1, options, torch.Generator().manual_seed(child_seed(seed, "latent")), cpu)
        for seed in seeds
    ]
    return torch.cat(rows)


@torch.inference_mode()
def sample(generator: Generator, options: GanOptions, seeds: Sequence[int]) -> np.ndarray:
    """Return uint8 images (n, 1, S, S), one per seed, in evaluation mode and fp32.

    The batch size does not matter beyond rounding: images differ by at most one grey level.
    """
    was_training = generator.training
    generator.eval()
    device = next(generator.parameters()).device
    size = options.image_size
    made = [np.zeros((0, 1, size, size), np.uint8)]
    for start in range(0, len(seeds), BATCH):
        z = latents(seeds[start : start + BATCH], options)
        made.append(to_uint8(generator(z.to(device)).float()))
    generator.train(was_training)
    return np.concatenate(made)
