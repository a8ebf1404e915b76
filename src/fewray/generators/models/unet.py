"""A small U-Net that denoises the Haar coefficients of grey images.

The layout follows the network of Karras et al. 2022 (EDM, arXiv 2206.00364), with one group
normalisation per block, attention at the coarsest level only, and a Haar transform before the first
and after the last layer: half the width and height at four times the channels, without loss. Larger
images are transformed more often: up to 256 pixels they cost little more, at 1024 three times as
much (compare Hoogeboom et al. 2023, arXiv 2301.11093).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from fewray.generators.models.fused_silu import NormSilu, affine_silu

FREQUENCIES = 32
"""Pairs of a sine and a cosine that encode the noise level."""
GROUPS = 8


def haar(x: Tensor, levels: int = 1) -> Tensor:
    """Return the orthonormal Haar coefficients (n, 4 c, H/2, W/2) of ``x`` (n, c, H, W).

    With more ``levels``, all coefficients are transformed again: (n, 4^levels c, H/2^levels, ...).
    """
    for _ in range(levels):
        a, b, c, d = x[..., ::2, ::2], x[..., ::2, 1::2], x[..., 1::2, ::2], x[..., 1::2, 1::2]
        x = torch.cat([a + b + c + d, a - b + c - d, a + b - c - d, a - b - c + d], 1) / 2
    return x


def inverse_haar(y: Tensor) -> Tensor:
    """Return the images (n, 1, H, W) whose :func:`haar` coefficients are ``y``, at any level."""
    while y.shape[1] > 1:
        s, p, q, r = y.chunk(4, 1)
        corners = [s + p + q + r, s - p + q - r, s + p - q - r, s - p - q + r]
        y = functional.pixel_shuffle(torch.stack(corners, 2).flatten(1, 2) / 2, 2)
    return y


class KeptConv2d(nn.Conv2d):
    """A 3x3 convolution of channels that training zeroed, without scaling the others up.

    The weights are scaled down by ``keep`` outside training instead, which costs nothing.
    """

    keep = 1.0

    def forward(self, input: Tensor) -> Tensor:
        """Return (n, channels, H, W)."""
        weight = self.weight if self.training or self.keep == 1 else self.weight * self.keep
        return self._conv_forward(input, weight, self.bias)


class Block(nn.Module):
    """Two 3x3 convolutions with a shortcut; the embedding scales and shifts between them.

    In training a share ``dropout`` of the channels between them is zeroed.
    """

    generator: torch.Generator | None = None
    """Source of the channels to drop; None: the global random state."""

    def __init__(self, channels: int, embedding: int, dropout: float) -> None:
        super().__init__()
        self.norm = NormSilu(GROUPS, channels)
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.modulate = nn.Linear(embedding, 2 * channels)
        self.second = KeptConv2d(channels, channels, 3, padding=1)
        self.second.keep = 1 - dropout

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Return (n, channels, H, W) for ``embedding`` (n, embedding)."""
        y = self.first(self.norm(x))
        scale, shift = self.modulate(embedding)[:, :, None, None].chunk(2, 1)
        scale = scale + 1
        if self.training and self.second.keep < 1:
            kept = torch.empty_like(scale).bernoulli_(self.second.keep, generator=self.generator)
            scale, shift = scale * kept, shift * kept  # silu(0) = 0
        return x + self.second(affine_silu(y, scale, shift))


class Attention(nn.Module):
    """Self-attention over the positions of a feature map, with two heads and a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, channels)
        self.qkv, self.out = nn.Conv2d(channels, 3 * channels, 1), nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, channels, H, W)."""
        n, c, h, w = x.shape
        qkv = self.qkv(self.norm(x)).flatten(2).view(n, 3, 2, c // 2, h * w).transpose(3, 4)
        q, k, v = qkv.unbind(1)
        # Few positions: this takes a third of the time of scaled_dot_product_attention.
        weights = (q @ k.transpose(2, 3) * (c // 2) ** -0.5).softmax(3)
        y = weights.to(v.dtype) @ v
        return x + self.out(y.transpose(2, 3).reshape(n, c, h, w))


class UNet(nn.Module):
    """Map noisy Haar coefficients (n, bands, H, W) to an estimate of the same shape.

    ``channels`` are those of each level, finest first; every level halves width and height.
    ``conditions`` is the length of the vector that describes class and augmentation.
    """

    frequencies: Tensor

    def __init__(
        self,
        channels: Sequence[int] = (64, 96, 128),
        *,
        blocks: int = 2,
        conditions: int,
        bands: int = 4,
        embedding: int = 192,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.embed = nn.Sequential(
            nn.Linear(2 * FREQUENCIES + conditions, embedding),
            nn.SiLU(),
            nn.Linear(embedding, embedding),
            nn.SiLU(),
        )
        frequencies = torch.exp(torch.linspace(0, math.log(1000), FREQUENCIES))
        self.register_buffer("frequencies", frequencies, persistent=False)
        pairs = list(pairwise(channels))

        def level(width: int) -> nn.ModuleList:
            return nn.ModuleList(Block(width, embedding, dropout) for _ in range(blocks))

        self.first = nn.Conv2d(bands, channels[0], 3, padding=1)
        self.down = nn.ModuleList(level(width) for width in channels)
        self.narrow = nn.ModuleList(nn.Conv2d(fine, coarse, 1) for fine, coarse in pairs)
        self.attention = Attention(channels[-1])
        self.middle = Block(channels[-1], embedding, dropout)
        self.widen = nn.ModuleList(nn.Conv2d(coarse, fine, 1) for fine, coarse in pairs)
        self.merge = nn.ModuleList(
            nn.ModuleList(nn.Conv2d(2 * fine, fine, 1) for _ in range(blocks)) for fine, _ in pairs
        )
        self.up = nn.ModuleList(level(fine) for fine, _ in pairs)
        self.norm = NormSilu(GROUPS, channels[0])
        self.last = nn.Conv2d(channels[0], bands, 3, padding=1)

    def forward(self, x: Tensor, level: Tensor, conditions: Tensor) -> Tensor:
        """Return the estimate for noise ``level`` (n,) and ``conditions`` (n, conditions)."""
        angles = level[:, None] * self.frequencies
        embedding = self.embed(torch.cat([angles.cos(), angles.sin(), conditions], 1))
        h, kept = self.first(x), []
        for index, blocks in enumerate(self.down):
            if index:
                h = self.narrow[index - 1](functional.avg_pool2d(h, 2))
            for block in blocks:  # pyright: ignore[reportGeneralTypeIssues]
                h = block(h, embedding)
                kept.append(h)
        h = self.middle(self.attention(h), embedding)
        kept = kept[: -len(self.down[-1])]  # pyright: ignore[reportArgumentType]
        for index in reversed(range(len(self.up))):
            h = functional.interpolate(self.widen[index](h), scale_factor=2.0, mode="nearest")
            for merge, block in zip(self.merge[index], self.up[index], strict=True):  # pyright: ignore[reportArgumentType]
                h = block(merge(torch.cat([h, kept.pop()], 1)), embedding)
        return self.last(self.norm(h))

    def last_of_shortcuts(self) -> list[nn.Conv2d]:
        """Return the layers that begin at zero, so that every shortcut begins as the identity."""
        blocks = [module.second for module in self.modules() if isinstance(module, Block)]
        return [*blocks, self.attention.out, self.last]

    def inner_weights(self) -> list[nn.Parameter]:
        """Return the weights of all layers but those at the network's inputs and output."""
        ends = {self.first.weight, self.embed[0].weight, self.last.weight}
        return [p for p in self.parameters() if p.ndim > 1 and p not in ends]

    def draw_from(self, generator: torch.Generator) -> None:
        """Draw dropout masks from ``generator`` instead of the global random state."""
        for module in self.modules():
            if isinstance(module, Block):
                module.generator = generator


def initialise(
    network: nn.Module, generator: torch.Generator, zeroed: Sequence[nn.Conv2d] = ()
) -> None:
    """Draw weights from N(0, 1 / fan-in), with zero biases; those of ``zeroed`` are 0."""
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                fan_in = module.weight[0].numel()
                module.weight.normal_(0.0, fan_in**-0.5, generator=generator)
                if module.bias is not None:
                    module.bias.zero_()
        for module in zeroed:
            module.weight.zero_()
