"""The paper's generator and discriminator: DCGAN (Radford, Metz & Chintala 2015, arXiv 1511.06434) at 64x64, grey.

Sizes, block order and initialisation are those of Davoodi & Lo Giudice, *Synthetic of Chest X-ray Images*, Tables 1
and 2. ``base_channels`` 64 gives the paper's networks: 3,574,656 and 2,763,520 parameters.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ByteDropout(nn.Module):
    """Dropout whose mask is cut from random bytes: eight decisions from each 64-bit draw.

    Rates are multiples of 1/256 (0.5 and 0.25 are exact). On a CPU this takes a twentieth of ``nn.Dropout``'s time,
    which draws one Bernoulli a pixel and would be a fifth of a training step.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.keep = 256 - round(256 * rate)
        self.generator: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Zero each value with the given rate and scale the rest up, in training mode; else return ``x``."""
        if not self.training or self.keep == 256:
            return x
        words = torch.empty((x.numel() + 7) // 8, dtype=torch.int64, device=x.device)
        draws = words.random_(-(2**63), None, generator=self.generator).view(torch.uint8)[: x.numel()]
        mask = (draws < self.keep).to(x.dtype).mul_(256 / self.keep)
        # The mask takes the layout of x in memory, channels-last included, so that the product is one straight pass.
        if x.is_contiguous(memory_format=torch.channels_last):
            n, c, h, w = x.shape
            return x * mask.view(n, h, w, c).permute(0, 3, 1, 2)
        return x * mask.view(x.shape)

    def extra_repr(self) -> str:
        """Show the rate."""
        return f"p={1 - self.keep / 256:g}"


class Generator(nn.Module):
    """Latent ``z`` float32 (n, latent_dim) to images (n, 1, 64, 64) in [-1, 1]."""

    def __init__(self, latent_dim: int = 100, base_channels: int = 64) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        c = base_channels
        layers: list[nn.Module] = [nn.ConvTranspose2d(latent_dim, 8 * c, 4, 1, 0, bias=False)]
        for wide, narrow in ((8 * c, 4 * c), (4 * c, 2 * c), (2 * c, c)):
            layers += [nn.BatchNorm2d(wide), nn.ReLU(inplace=True)]
            layers += [nn.ConvTranspose2d(wide, narrow, 4, 2, 1, bias=False)]
        layers += [nn.BatchNorm2d(c), nn.ReLU(inplace=True), nn.ConvTranspose2d(c, 1, 4, 2, 1, bias=False), nn.Tanh()]
        self.main = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        """Map ``z`` (n, latent_dim) to images."""
        return self.main(z[:, :, None, None])


class Discriminator(nn.Module):
    """Images (n, 1, 64, 64) in [-1, 1] to logits (n,); the paper's probability is their sigmoid.

    The sigmoid stands in ``main`` so that the table of layers is the paper's; training stops before it and takes the
    cross-entropy of logits, which is the same number without overflow.
    """

    def __init__(self, base_channels: int = 64, dropout: tuple[float, float, float] = (0.5, 0.5, 0.25)) -> None:
        super().__init__()
        c = base_channels
        first, third, fourth = (ByteDropout(rate) for rate in dropout)

        def conv(i: int, o: int) -> nn.Conv2d:
            return nn.Conv2d(i, o, 4, 2, 1, bias=False)

        def leaky() -> nn.LeakyReLU:
            return nn.LeakyReLU(0.2, inplace=True)

        self.main = nn.Sequential(
            *(conv(1, c), leaky(), first),
            *(conv(c, 2 * c), nn.BatchNorm2d(2 * c), leaky()),
            *(conv(2 * c, 4 * c), nn.BatchNorm2d(4 * c), leaky(), third),
            *(conv(4 * c, 8 * c), nn.BatchNorm2d(8 * c), fourth, leaky()),
            *(nn.Conv2d(8 * c, 1, 4, 1, 0, bias=False), nn.Sigmoid()),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n,), float32."""
        return self.main[:-1](x).flatten().float()

    def draw_from(self, generator: torch.Generator) -> None:
        """Take dropout masks from ``generator`` instead of the global one."""
        for module in self.modules():
            if isinstance(module, ByteDropout):
                module.generator = generator


def initialise(network: nn.Module, std: float, generator: torch.Generator) -> None:
    """Draw weights from N(0, std), BatchNorm's from N(1, std) with zero bias (Radford et al. 2015)."""
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                module.weight.normal_(0.0, std, generator=generator)
            elif isinstance(module, nn.BatchNorm2d):
                module.weight.normal_(1.0, std, generator=generator)
                module.bias.zero_()
