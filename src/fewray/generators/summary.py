"""Tables of the networks' layers, counted as in Tables 1 and 2 of the paper.

The paper counts the weights of a convolution times its output positions, plus every parameter once.
For transposed convolutions that is about four times the true number, since most of the positions
meet inserted zeros; ``true_mult_adds`` is the true number.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from fewray.config import MOST_POOLED_CLASSES, GanOptions
from fewray.generators.families.diffusion import CONDITIONS, new_network
from fewray.generators.families.gan import new_networks
from fewray.generators.models.dcgan import BitDropout, Discriminator, Generator
from fewray.generators.models.unet import haar

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


def summarise(network: nn.Module, *inputs: Tensor) -> NetworkSummary:
    """Run ``inputs``, one sample of each, through ``network`` and count its layers as they run."""
    layers: list[Layer] = []
    stored = 0

    def count(module: nn.Module, given: tuple[Tensor, ...], x: Tensor) -> None:
        nonlocal stored
        params = sum(p.numel() for p in module.parameters())
        channels, height, width = (*x.shape[1:], 1, 1)[:3]
        positions = height * width
        is_conv = isinstance(module, nn.Conv2d | nn.ConvTranspose2d)
        transposed = isinstance(module, nn.ConvTranspose2d)
        true = params * (given[0][0, 0].numel() if transposed else positions) if is_conv else 0
        stored += 2 * x.numel() if params else 0  # the output and its gradient
        layers.append(
            Layer(
                name=f"{_name(module)}: 2-{len(layers) + 1}",
                output=(channels, height, width),
                params=params,
                mult_adds=params + (params * positions if is_conv else 0),
                true_mult_adds=true or params * isinstance(module, nn.Linear),
            )
        )

    leaves = [module for module in network.modules() if not list(module.children())]
    hooks = [module.register_forward_hook(count) for module in leaves]
    network.eval()
    with torch.inference_mode():
        network(*inputs)
    for hook in hooks:
        hook.remove()
    params = sum(layer.params for layer in layers)
    size = sum(each.numel() for each in inputs)
    return NetworkSummary(
        layers=tuple(layers),
        params=params,
        mult_adds=sum(layer.mult_adds for layer in layers) / 1e6,
        true_mult_adds=sum(layer.true_mult_adds for layer in layers) / 1e6,
        input_mb=4 * size / MEGABYTE,
        forward_backward_mb=4 * stored / MEGABYTE,
        params_mb=4 * params / MEGABYTE,
        total_mb=4 * (size + stored + params) / MEGABYTE,
    )


def summarise_recipe(options: GanOptions) -> dict[str, NetworkSummary]:
    """Return a recipe's networks by name: ``generator`` and ``discriminator``, or ``network``.

    Those of the paper's recipe are its Tables 1 and 2. Attention itself is not counted. Family
    ``patches`` has no networks.
    """
    size = options.image_size
    if options.family == "patches":
        return {}
    if options.family == "diffusion":
        network = new_network(options)
        conditions = torch.zeros(1, CONDITIONS)
        noisy = haar(torch.zeros(1, 1, size, size), options.diffusion.haar_levels)
        return {"network": summarise(network, noisy, torch.zeros(1), conditions)}
    if options.family == "gan":
        G, D = new_networks(options)
        made, classes = torch.zeros(1, 4, size // 2, size // 2), torch.zeros(1, MOST_POOLED_CLASSES)
        return {
            "generator": summarise(G, torch.zeros(1, options.latent_dim), classes),
            "discriminator": summarise(D, made, classes),
        }
    generator = Generator(options.latent_dim, options.base_channels)
    discriminator = Discriminator(options.base_channels, options.dropout)
    return {
        "generator": summarise(generator.main, torch.zeros(1, options.latent_dim, 1, 1)),
        "discriminator": summarise(discriminator.main, torch.zeros(1, 1, size, size)),
    }


def _name(module: nn.Module) -> str:
    """Return PyTorch's name of the layer."""
    if isinstance(module, BitDropout):
        return "Dropout"
    return next(
        kind.__name__ for kind in type(module).__mro__ if kind.__module__.startswith("torch.nn")
    )
