"""The local score machine (Kamb & Ganguli 2024, arXiv 2412.20292): diffusion without a network.

Run `python -m experiments.local_score_machine RUN [IMAGES]` for a folder made by `fewray train
--hold-out 0.2`; its training images are used, its generator is not. Prints the scores that
generator_scores measures, means over classes.

A pixel is denoised as if only the patch around it were seen: its estimate is the mean of the
training images' pixels there, weighted by how likely each one's patch is under the noise. Patches
may be shifted by SHIFT pixels, so that images need not be aligned. The width of the patch at each
noise level is the one with the lowest error on training images whose patient is left out.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from experiments.generator_scores import in_short, measure_images, real_images
from fewray.compute.seeds import child_seed
from fewray.generators.models.edm import noise_levels
from fewray.imaging.arrays import to_float, to_uint8
from fewray.quality.image_set import ImageSet

WIDTHS, SHIFT = (3, 5, 9, 17, 33, 127), 1
"""Candidate widths of a patch (the last holds the whole image), largest shift, in pixels."""
STEPS, LOW, HIGH, TRIED = 30, 0.02, 40.0, 8
"""Noise levels, the lowest and highest, and images per class on which widths are compared."""


def shifted(images: Tensor) -> Tensor:
    """Return (n k, S, S): images (n, 1, S, S) under all k shifts, borders repeated."""
    size = images.shape[-1]
    wide = functional.pad(images, [SHIFT] * 4, mode="replicate")[:, 0]
    offsets = range(2 * SHIFT + 1)
    moved = [wide[:, y : y + size, x : x + size] for y in offsets for x in offsets]
    return torch.stack(moved, 1).flatten(0, 1)


def estimate(noisy: Tensor, known: Tensor, sigma: float, width: int) -> Tensor:
    """Return the estimate (S, S) of the clean image of ``noisy`` (S, S) at noise level ``sigma``.

    ``known`` (m, S, S) are training images.
    """
    squares = (noisy - known).square()[None]
    if width >= 2 * noisy.shape[-1] - 1:
        squares = squares.sum((2, 3), keepdim=True)
    else:
        for box, border in (((width, 1), (width // 2, 0)), ((1, width), (0, width // 2))):
            squares = functional.avg_pool2d(squares, box, 1, border, divisor_override=1)
    weight = (-squares[0] / (2 * sigma**2)).softmax(0)
    return (weight * known).sum(0)


def chosen_widths(real: ImageSet, levels: Sequence[float], generator: torch.Generator) -> list[int]:
    """Return a width per noise level, from ``TRIED`` of the images, their patients left out."""
    images, groups = to_float(real.images), np.array(real.groups)
    errors = np.zeros((len(levels), len(WIDTHS)))
    for index in np.linspace(0, len(images) - 1, min(TRIED, len(images))).astype(int):
        clean = images[index, 0]
        known = shifted(images[torch.from_numpy(groups != groups[index])])
        for i, sigma in enumerate(levels):
            noisy = clean + sigma * torch.randn(clean.shape, generator=generator)
            for j, width in enumerate(WIDTHS):
                found = estimate(noisy, known, sigma, width)
                errors[i, j] += float((found - clean).square().mean())
    return [WIDTHS[best] for best in errors.argmin(1)]


def sample(known: Tensor, levels: Sequence[float], widths: Sequence[int], seed: int) -> Tensor:
    """Return an image (1, S, S) in -1 to 1: first-order steps along the noise levels."""
    generator = torch.Generator().manual_seed(seed)
    x = levels[0] * torch.randn(known.shape[1:], generator=generator)
    for (sigma, lower), width in zip(pairwise((*levels, 0.0)), widths, strict=True):
        clean = estimate(x, known, sigma, width)
        x = clean + lower / sigma * (x - clean)
    return x[None]


def main(run: Path, count: int) -> None:
    """Sample, measure and print."""
    training, held_out = real_images(run)
    levels = noise_levels(STEPS, LOW, HIGH)[:-1].tolist()
    fake = {}
    for label, real in training.items():
        widths = chosen_widths(real, levels, torch.Generator().manual_seed(0))
        print(f"{label}: widths of {widths[0]} to {widths[-1]}: {widths}", flush=True)
        known = shifted(to_float(real.images))
        made = [
            sample(known, levels, widths, child_seed(0, f"{label}/{i}") % 2**63)
            for i in range(count)
        ]
        fake[label] = ImageSet.of(to_uint8(torch.stack(made)))
    print(in_short(measure_images(training, held_out, fake, real=False)))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]), int((*sys.argv, "50")[2]))
