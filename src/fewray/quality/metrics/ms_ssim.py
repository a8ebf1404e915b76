"""Diversity within a class: mean MS-SSIM of pairs (Odena et al. 2017, arXiv 1610.09585)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from fewray.errors import InputError
from fewray.imaging.arrays import check_images

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""By scale, from fine to coarse (Wang, Simoncelli & Bovik 2003)."""
WINDOW, SIGMA = 11, 1.5
PAIRS = 500
BATCH = 64


@dataclass(frozen=True, kw_only=True)
class Diversity:
    """Mean MS-SSIM over ``pairs`` pairs of images, on ``scales`` scales. Near 1: all look the same.

    The mean does not depend on n. Its ``standard_error`` over pairs of n images is 2 s / sqrt(n),
    with s the standard deviation of the images' own means.
    """

    mean: float
    standard_error: float
    pairs: int
    scales: int


def scales_for(size: int) -> int:
    """Return how many of the five scales fit: the coarsest must hold the 11-pixel window.

    3 at 64 px, 5 from 176 px, 0 below 11 px.
    """
    return min(len(WEIGHTS), max(0, size // WINDOW).bit_length())


def ms_ssim(first: Tensor, second: Tensor, *, scales: int | None = None) -> Tensor:
    """Return (n,) the similarity of pairs of images (n, 1, H, W), float in 0 to 255.

    With fewer than five scales the published weights are rescaled to a sum of 1. Negative contrast
    terms count as 0. InputError for images smaller than the window.
    """
    used = scales_for(min(first.shape[2:])) if scales is None else scales
    if not 1 <= used <= scales_for(min(first.shape[2:])):
        shape = tuple(first.shape[2:])
        message = f"MS-SSIM: {used} scales for images of {shape}, expected at least 11 pixels."
        raise InputError("ms_ssim_size", message, shape=shape, scales=used)
    weights = np.array(WEIGHTS[:used]) / sum(WEIGHTS[:used])
    product = torch.ones(len(first), dtype=first.dtype, device=first.device)
    for scale, weight in enumerate(weights):
        luminance, contrast = _ssim_terms(first, second)
        term = (luminance * contrast if scale == used - 1 else contrast).mean((1, 2, 3))
        product = product * term.clamp(min=0) ** float(weight)
        first, second = functional.avg_pool2d(first, 2), functional.avg_pool2d(second, 2)
    return product


@torch.inference_mode()
def diversity(
    images: np.ndarray, *, seed: int, pairs: int = PAIRS, device: torch.device | str = "cpu"
) -> Diversity | None:
    """Return the mean similarity of random pairs of uint8 ``images`` (n, 1, H, W), or of all pairs.

    None for fewer than 2 images, or images smaller than 11 pixels.
    """
    n, scales = len(check_images(images)), scales_for(min(images.shape[2:]))
    if n < 2 or scales < 1:
        return None
    first, second = choose_pairs(n, pairs, seed)
    values = []
    for start in range(0, len(first), BATCH):
        part = slice(start, start + BATCH)
        a, b = (
            torch.from_numpy(images[index[part]]).to(device).double() for index in (first, second)
        )
        values.append(ms_ssim(a, b, scales=scales).cpu().numpy())
    found = np.concatenate(values)
    index = np.concatenate([first, second])
    counts = np.bincount(index, minlength=n)
    means = np.bincount(index, np.tile(found, 2), minlength=n)[counts > 0] / counts[counts > 0]
    # With few pairs per image the scatter of single pairs makes this too large, never too small.
    error = 2 * means.std() / np.sqrt(len(means))
    return Diversity(
        mean=float(found.mean()), standard_error=float(error), pairs=len(found), scales=scales
    )


def choose_pairs(n: int, pairs: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the members of ``pairs`` different unordered pairs out of n (n - 1) / 2, or of all."""
    total = n * (n - 1) // 2
    chosen = np.random.default_rng(seed).choice(total, min(pairs, total), replace=False)
    # The pair i < j has number j (j - 1) / 2 + i.
    second = ((1 + np.sqrt(1 + 8 * chosen.astype(np.float64))) / 2).astype(np.int64)
    first = chosen - second * (second - 1) // 2
    return first, second


def _ssim_terms(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return the luminance and contrast-structure terms per window (Wang et al. 2004)."""
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean_x, mean_y, xx, yy, xy = (_blur(part) for part in (x, y, x * x, y * y, x * y))
    product, squares = mean_x * mean_y, mean_x**2 + mean_y**2
    luminance = (2 * product + c1) / (squares + c1)
    contrast = (2 * (xy - product) + c2) / (xx + yy - squares + c2)
    return luminance, contrast


def _blur(x: Tensor) -> Tensor:
    """Return the mean under a Gaussian window wherever the window fits."""
    positions = torch.arange(WINDOW, dtype=x.dtype, device=x.device) - WINDOW // 2
    line = torch.exp(-(positions**2) / (2 * SIGMA**2))
    line = line / line.sum()
    return functional.conv2d(functional.conv2d(x, line.view(1, 1, -1, 1)), line.view(1, 1, 1, -1))
