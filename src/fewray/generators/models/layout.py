"""The first part of sampling in closed form: the coarse layout of a class as a Gaussian.

At high noise levels the best estimate of an image hardly differs from that for a Gaussian with the
mean and covariance of the training images, and the path of sampling is known (Wang & Vastola 2024,
arXiv 2412.09726). Only means of 4 x 4 pixels matter there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from fewray.generators.models.pca_gaussian import principal_axes
from fewray.generators.models.unet import haar, inverse_haar
from fewray.imaging.arrays import to_float

FACTOR = 4
"""Width of the squares that the layout averages, in pixels."""


@dataclass(frozen=True)
class Layout:
    """A Gaussian of coarse images, scaled so that white noise of SD 1 keeps its SD."""

    mean: Tensor
    """float32 (d,), d = (S / 4)^2."""
    axes: Tensor
    """float32 (c, d): principal axes, each as long as the standard deviation along it."""


def coarse(images: Tensor) -> Tensor:
    """Return (n, d): means of 4 x 4 pixels of ``images`` (n, 1, S, S), times 4."""
    return FACTOR * functional.avg_pool2d(images, FACTOR).flatten(1)


def fit_layout(images: np.ndarray) -> Layout:
    """Return the layout of uint8 ``images`` (n, 1, S, S)."""
    mean, axes = principal_axes(coarse(to_float(images)).numpy(), 1.0)
    return Layout(torch.from_numpy(mean).float(), torch.from_numpy(axes).float())


def noisy_layout(layout: Layout, noise: Tensor, sigma: float) -> Tensor:
    """Return Haar coefficients (n, c, H, W) at noise level ``sigma`` for white ``noise`` like them.

    They are where the exact path of the Gaussian arrives that begins with this noise.
    """
    white = inverse_haar(noise)
    spread = layout.axes.norm(dim=1)
    directions = layout.axes / spread[:, None]
    along = coarse(white) @ directions.T
    moved = layout.mean + (along * ((spread**2 + sigma**2).sqrt() - sigma)) @ directions
    side = white.shape[-1] // FACTOR
    fine = functional.interpolate(
        moved.view(-1, 1, side, side) / FACTOR, scale_factor=float(FACTOR), mode="nearest"
    )
    levels = (white.shape[-1] // noise.shape[-1]).bit_length() - 1
    return haar(sigma * white + fine, levels)
