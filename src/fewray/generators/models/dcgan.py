"""The paper's DCGAN for grey images of 64x64 pixels (Radford et al. 2015, arXiv 1511.06434).

Sizes, block order and initialisation are those of Davoodi & Lo Giudice, *Synthetic of Chest X-ray
Images*, Tables 1 and 2. ``base_channels`` 64 gives the paper's networks: 3,574,656 and 2,763,520
parameters.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fewray.generators.models.fast_conv import DownConv2d, FromGrid, ToGrid, UpConv2d


class BitDropout(nn.Module):
    """Dropout with masks made of random bits, as many per value as the keep rate has binary digits.

    Rates are multiples of 1/256: a rate of 0.5 needs one bit per value, 0.25 two. ``nn.Dropout``
    draws a Bernoulli number per value, which takes thirteen times as long on a CPU and would be a
    fifth of a training step. Other devices draw Bernoulli numbers: the rates are the same, the
    masks are not.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.keep = 256 - round(256 * rate)
        self.generator: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Zero each value with the given rate and scale up the rest, in training mode only."""
        if not self.training or self.keep == 256:
            return x
        mask = (self._bits if x.device.type == "cpu" else self._numbers)(x.numel(), x.device).to(
            x.dtype
        )
        if self.keep != 128:
            mask = mask.mul_(128 / self.keep)
        # The mask has the memory layout of x, so that the product is one pass.
        if x.is_contiguous(memory_format=torch.channels_last):
            n, c, h, w = x.shape
            return x * mask.view(n, h, w, c).permute(0, 3, 1, 2)
        return x * mask.view(x.shape)

    def _numbers(self, count: int, device: torch.device) -> Tensor:
        """Return the same as :meth:`_bits` from Bernoulli numbers."""
        mask = torch.empty(count, dtype=torch.bfloat16, device=device)
        return mask.bernoulli_(self.keep / 256, generator=self.generator).mul_(2)

    def _bits(self, count: int, device: torch.device) -> Tensor:
        """Return bfloat16 (count,): 2 with probability keep/256, else 0.

        Bernoulli(0.b1b2...b8) is b1 ? bit | rest : bit & rest, where rest is Bernoulli(0.b2...b8);
        trailing zeros need no bit (Knuth & Yao 1976). Each of the four bfloat16 in an int64 has its
        bit where 2.0 has its only one.
        """
        digits = f"{self.keep:08b}".rstrip("0")
        streams = torch.full((), 0x4000400040004000, dtype=torch.int64, device=device)
        words = -(-count // (4 * _PLANES))
        mask = torch.empty(_PLANES, words, dtype=torch.int64, device=device)
        for place, digit in enumerate(reversed(digits)):
            drawn = torch.empty(words, dtype=torch.int64, device=device).random_(
                -(2**63), None, generator=self.generator
            )
            for plane in range(_PLANES):
                bits = drawn << plane
                if place == 0:
                    torch.bitwise_and(bits, streams, out=mask[plane])
                elif digit == "1":
                    mask[plane] |= bits & streams
                else:
                    mask[plane] &= bits
        return mask.view(torch.bfloat16).flatten()[:count]

    def extra_repr(self) -> str:
        """Show the rate."""
        return f"p={1 - self.keep / 256:g}"


_PLANES = 15
"""Bits taken from each 16-bit value: those that a shift can move to the place of the 15th."""


class Generator(nn.Module):
    """Map latents float32 (n, latent_dim) to images (n, 1, 64, 64) in [-1, 1]."""

    def __init__(self, latent_dim: int = 100, base_channels: int = 64) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        c = base_channels
        layers: list[nn.Module] = [ToGrid(latent_dim, 8 * c)]
        for wide, narrow in ((8 * c, 4 * c), (4 * c, 2 * c), (2 * c, c)):
            layers += [nn.BatchNorm2d(wide), nn.ReLU(inplace=True), UpConv2d(wide, narrow)]
        layers += [nn.BatchNorm2d(c), nn.ReLU(inplace=True), UpConv2d(c, 1), nn.Tanh()]
        self.main = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        """Map ``z`` (n, latent_dim) to images."""
        return self.main(z[:, :, None, None])


class Discriminator(nn.Module):
    """Map images (n, 1, 64, 64) in [-1, 1] to logits (n,) of the paper's probability.

    The sigmoid is part of ``main`` so that the table of layers equals the paper's. Training uses
    the cross-entropy of logits instead, which is the same number without overflow.
    """

    def __init__(
        self, base_channels: int = 64, dropout: tuple[float, float, float] = (0.5, 0.5, 0.25)
    ) -> None:
        super().__init__()
        c = base_channels
        first, third, fourth = (BitDropout(rate) for rate in dropout)

        def leaky() -> nn.LeakyReLU:
            return nn.LeakyReLU(0.2, inplace=True)

        self.main = nn.Sequential(
            *(DownConv2d(1, c), leaky(), first),
            *(DownConv2d(c, 2 * c), nn.BatchNorm2d(2 * c), leaky()),
            *(DownConv2d(2 * c, 4 * c), nn.BatchNorm2d(4 * c), leaky(), third),
            *(DownConv2d(4 * c, 8 * c), nn.BatchNorm2d(8 * c), fourth, leaky()),
            *(FromGrid(8 * c), nn.Sigmoid()),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n,), float32."""
        return self.main[:-1](x).flatten().float()

    def draw_from(self, generator: torch.Generator) -> None:
        """Draw dropout masks from ``generator`` instead of the global random state."""
        for module in self.modules():
            if isinstance(module, BitDropout):
                module.generator = generator


def initialise(network: nn.Module, std: float, generator: torch.Generator) -> None:
    """Draw weights from N(0, std), those of BatchNorm from N(1, std) with zero bias."""
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                module.weight.normal_(0.0, std, generator=generator)
            elif isinstance(module, nn.BatchNorm2d):
                module.weight.normal_(1.0, std, generator=generator)
                module.bias.zero_()
