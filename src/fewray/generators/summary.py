"""Layer tables of the networks, counted as in Tables 1 and 2 of the paper.

The paper counts the weights of a convolution times its output positions, plus every parameter once.
For transposed convolutions that is about four times the true number, since most of the positions
meet inserted zeros; ``true_mult_adds`` is the true number.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from fewray.config import GanOptions
from fewray.errors import InputError
from fewray.generators.families.dcgan import BitDropout, Discriminator, Generator

MEGABYTE = 2**20


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One row of the table. ``output`` is (channels, height, width)."""

    name: str
    output: tuple[int, int, int]
    params: int
    mult_adds: int
    true_mult_adds: int


@dataclass(frozen=True, kw_only=True)
class NetworkSummary:
    """Layers and totals of a network: mult-adds in millions, sizes in 2**20 bytes for one image."""

    layers: tuple[Layer, ...]
    params: int
    mult_adds: float
    true_mult_adds: float
    input_mb: float
    forward_backward_mb: float
    params_mb: float
    total_mb: float

    def to_json(self) -> dict[str, Any]:
        """Return the totals without the layers."""
        totals = asdict(self)
        del totals["layers"]
        return totals


def summarise(network: nn.Sequential, input_shape: tuple[int, ...]) -> NetworkSummary:
    """Run one input of ``input_shape`` (no batch axis) through ``network`` and count."""
    layers: list[Layer] = []
    network.eval()
    x = torch.zeros(1, *input_shape)
    stored = 0
    with torch.inference_mode():
        for index, module in enumerate(network, start=1):
            positions_in = x[0, 0].numel()
            x = module(x)
            params = sum(p.numel() for p in module.parameters())
            positions = x[0, 0].numel()
            is_conv = isinstance(module, nn.Conv2d | nn.ConvTranspose2d)
            true = (
                params * (positions_in if isinstance(module, nn.ConvTranspose2d) else positions)
                if is_conv
                else 0
            )
            stored += 2 * x.numel() if params else 0  # the output and its gradient
            channels, height, width = x.shape[1:]
            layers.append(
                Layer(
                    name=f"{_name(module)}: 2-{index}",
                    output=(channels, height, width),
                    params=params,
                    mult_adds=params + (params * positions if is_conv else 0),
                    true_mult_adds=true,
                )
            )
    params = sum(layer.params for layer in layers)
    inputs = torch.Size(input_shape).numel()
    return NetworkSummary(
        layers=tuple(layers),
        params=params,
        mult_adds=sum(layer.mult_adds for layer in layers) / 1e6,
        true_mult_adds=sum(layer.true_mult_adds for layer in layers) / 1e6,
        input_mb=4 * inputs / MEGABYTE,
        forward_backward_mb=4 * stored / MEGABYTE,
        params_mb=4 * params / MEGABYTE,
        total_mb=4 * (inputs + stored + params) / MEGABYTE,
    )


def summarise_recipe(options: GanOptions) -> dict[str, NetworkSummary]:
    """Return summaries of a recipe's ``generator`` (Table 1) and ``discriminator`` (Table 2)."""
    if options.family != "dcgan":
        message = f"recipe {options.recipe}: tables of layers exist for DCGANs only."
        raise InputError("no_layer_table", message, family=options.family)
    generator = Generator(options.latent_dim, options.base_channels)
    discriminator = Discriminator(options.base_channels, options.dropout)
    return {
        "generator": summarise(generator.main, (options.latent_dim, 1, 1)),
        "discriminator": summarise(discriminator.main, (1, options.image_size, options.image_size)),
    }


def _name(module: nn.Module) -> str:
    """Return PyTorch's name of the layer."""
    if isinstance(module, BitDropout):
        return "Dropout"
    return next(
        kind.__name__ for kind in type(module).__mro__ if kind.__module__.startswith("torch.nn")
    )
