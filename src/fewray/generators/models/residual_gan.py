"""Residual networks of a GAN of grey images; both work on Haar coefficients.

The generator is the decoding half of the diffusion model's U-Net: nearest-neighbour upsampling and
3x3 convolutions, which leave no checkerboards (Odena et al. 2016). The discriminator has no
normalisation, as in R3GAN (Huang et al. 2024, arXiv 2501.05441), and meets the class by projection
(Miyato & Koyama 2018, arXiv 1802.05637).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from fewray.generators.models.fused_silu import NormSilu
from fewray.generators.models.unet import GROUPS, Block


class Generator(nn.Module):
    """Map latents (n, latent) and classes (n, classes) to Haar coefficients (n, 4, S/2, S/2).

    ``channels`` are those of each level, finest first; ``side`` is S/2.
    """

    def __init__(self, channels: Sequence[int], *, latent: int, classes: int, side: int) -> None:
        super().__init__()
        widths = list(reversed(channels))
        self.base = side // 2 ** (len(channels) - 1)
        embedding = 192
        self.embed = nn.Sequential(
            nn.Linear(latent + classes, embedding),
            nn.SiLU(),
            nn.Linear(embedding, embedding),
            nn.SiLU(),
        )
        self.first = nn.Linear(embedding, widths[0] * self.base**2)
        self.blocks = nn.ModuleList(Block(width, embedding, 0.0) for width in widths)
        self.widen = nn.ModuleList(nn.Conv2d(coarse, fine, 1) for coarse, fine in pairwise(widths))
        self.norm = NormSilu(GROUPS, widths[-1])
        self.last = nn.Conv2d(widths[-1], 4, 3, padding=1)

    def forward(self, z: Tensor, classes: Tensor) -> Tensor:
        """Return (n, 4, S/2, S/2)."""
        embedding = self.embed(torch.cat([z, classes], 1))
        x = self.first(embedding).view(len(z), -1, self.base, self.base)
        x = x.contiguous(memory_format=torch.channels_last)
        for index, block in enumerate(self.blocks):
            if index:
                x = functional.interpolate(
                    self.widen[index - 1](x), scale_factor=2.0, mode="nearest"
                )
            x = block(x, embedding)
        return self.last(self.norm(x))


class PlainBlock(nn.Module):
    """Two 3x3 convolutions with a shortcut and leaky ReLUs, which can be differentiated twice."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, channels, H, W)."""
        y = self.first(functional.leaky_relu(x, 0.2))
        return x + self.second(functional.leaky_relu(y, 0.2))


class Discriminator(nn.Module):
    """Map Haar coefficients (n, 4, S/2, S/2) and classes (n, classes) to logits (n,)."""

    def __init__(self, channels: Sequence[int], *, classes: int, side: int) -> None:
        super().__init__()
        base = side // 2 ** (len(channels) - 1)
        self.first = nn.Conv2d(4, channels[0], 3, padding=1)
        self.blocks = nn.ModuleList(PlainBlock(width) for width in channels)
        self.narrow = nn.ModuleList(
            nn.Conv2d(fine, coarse, 1) for fine, coarse in pairwise(channels)
        )
        features = 2 * channels[-1]
        self.features = nn.Linear(channels[-1] * base**2, features)
        self.project = nn.Linear(classes, features, bias=False)
        self.judge = nn.Linear(features, 1)

    def forward(self, x: Tensor, classes: Tensor) -> Tensor:
        """Return (n,)."""
        x = self.first(x)
        for index, block in enumerate(self.blocks):
            if index:
                x = self.narrow[index - 1](functional.avg_pool2d(x, 2))
            x = block(x)
        x = functional.leaky_relu(x, 0.2).contiguous().flatten(1)
        found = functional.leaky_relu(self.features(x), 0.2)
        return (self.judge(found) + (found * self.project(classes)).sum(1, keepdim=True))[:, 0]
