"""Images from a network, each a function of its own seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from fewray.compute.seeds import child_seed
from fewray.config import GanOptions
from fewray.generators.models.dcgan import Generator
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


def sample(generator: Generator, options: GanOptions, seeds: Sequence[int]) -> np.ndarray:
    """Return uint8 images (n, 1, S, S), one per seed, in evaluation mode and fp32.

    The batch size does not matter beyond rounding: images differ by at most one grey level.
    """
    made = [np.zeros((0, 1, options.image_size, options.image_size), np.uint8)]
    for start in range(0, len(seeds), BATCH):
        made.append(images_of(generator, latents(seeds[start : start + BATCH], options)))
    return np.concatenate(made)


@torch.inference_mode()
def images_of(generator: Generator, z: Tensor) -> np.ndarray:
    """Return uint8 images (n, 1, S, S) of the latents z (n, latent_dim), in evaluation mode."""
    was_training = generator.training
    generator.eval()
    made = to_uint8(generator(z.to(next(generator.parameters()).device)).float())
    generator.train(was_training)
    return made


def between(ends: Tensor, at: Sequence[float], latent: str = "normal") -> Tensor:
    """Return points on the great circle from ``ends[0]`` (0) to ``ends[1]`` (1), one per ``at``.

    Spherical interpolation keeps the length that random normal latents have; the middle of a
    straight line would be shorter than any of them (White 2016, arXiv 1609.04468). Uniform latents
    are mapped to normal ones by their quantiles and back.
    """
    uniform = latent != "normal"
    x = ends.double()
    if uniform:
        x = torch.special.ndtri(((x + 1) / 2).clamp(1e-9, 1 - 1e-9))
    a, b = x[0], x[1]
    cosine = (a * b).sum() / (a.norm() * b.norm()).clamp(min=1e-12)
    angle = torch.acos(cosine.clamp(-1, 1))
    rows = []
    for t in at:
        if t in (0, 1) or angle < 1e-6:
            rows.append(torch.lerp(a, b, t))
        else:
            rows.append((torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / angle.sin())
    found = torch.stack(rows)
    return (2 * torch.special.ndtr(found) - 1 if uniform else found).to(ends.dtype)
