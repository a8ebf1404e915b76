"""Epochs of images drawn at random, for the families that train on few images.

Every image is drawn equally often on average. With sixty images, a pass over them would be too
short a unit: an epoch has ``EPOCH_IMAGES`` images, whatever the size of the data.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from fewray.compute.seeds import child_seed
from fewray.config import GanOptions
from fewray.generators.family import OnBatch, Tick

EPOCH_IMAGES = 1024
WARM_UP = 200
"""Steps over which the learning rate rises."""


class Drawing(Protocol):
    """What :func:`drawn_epochs` uses of a generator."""

    options: GanOptions
    seed: int
    device: torch.device
    epoch: int

    def set_rate(self, rate: float) -> None:
        """Set the learning rate."""
        ...

    def follow(self, step: int) -> None:
        """Move the averaged network towards the trained one after a step."""
        ...


def batches_per_epoch(options: GanOptions) -> int:
    """Return ceil(EPOCH_IMAGES / batch_size)."""
    return math.ceil(EPOCH_IMAGES / options.batch_size)


def drawn_epochs(
    generator: Drawing,
    count: int,
    step: Callable[[Tensor], Tensor],
    draws: torch.Generator,
    *,
    names: Sequence[str],
    on_batch: OnBatch,
) -> Iterator[Tick]:
    """Call ``step`` with indices int64 (batch_size,) below ``count``; yield a Tick per epoch.

    ``step`` returns the values (len(names),) of a Tick. ``draws`` is seeded again at every epoch.
    The learning rate rises over ``WARM_UP`` steps and falls to 0 with the last epoch along half a
    cosine.
    """
    options, device = generator.options, generator.device
    batch, batches = options.batch_size, batches_per_epoch(options)
    while generator.epoch < options.epochs:
        seed = child_seed(generator.seed, "epoch", generator.epoch)
        draws.manual_seed(seed)
        order = np.random.default_rng(seed).integers(count, size=batches * batch)
        totals = torch.zeros(len(names), device=device)
        for index, chosen in enumerate(torch.from_numpy(order).to(device).split(batch)):
            done = generator.epoch * batches + index
            generator.set_rate(_rate(options, done, options.epochs * batches))
            totals += step(chosen)
            generator.follow(done)
            on_batch(generator.epoch + 1, index + 1, batches)
        generator.epoch += 1
        yield Tick(
            epoch=generator.epoch,
            epochs=options.epochs,
            batches=batches,
            step=generator.epoch * batches,
            images_seen=generator.epoch * batches * batch,
            values=dict(zip(names, (totals / batches).tolist(), strict=True)),
        )


def _rate(options: GanOptions, step: int, steps: int) -> float:
    rising = min(1.0, (step + 1) / WARM_UP)
    falling = 0.5 * (1 + math.cos(math.pi * step / steps))
    return options.learning_rate * rising * falling


def follow(average: nn.Module, network: nn.Module, options: GanOptions, step: int) -> None:
    """Move ``average`` towards ``network``; its half-life grows to ``ema_half_life`` images."""
    half_life = min(options.ema_half_life, 0.05 * options.batch_size * step)
    weight = 1 - 0.5 ** (options.batch_size / half_life) if half_life else 1.0
    with torch.no_grad():
        averaged: list[Tensor] = [*average.parameters()]
        current: list[Tensor] = [*network.parameters()]
        torch._foreach_lerp_(averaged, current, weight)  # pyright: ignore[reportPrivateImportUsage]


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of an optimiser, in place where it is a tensor (CUDA graphs)."""
    group = optimiser.param_groups[0]
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(rate)
    else:
        group["lr"] = rate
