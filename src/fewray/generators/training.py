"""The training loop of one generator, as an iterator of epochs. No files, no printing, no global random state."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from fewray.compute.cuda_graph import StepGraph
from fewray.compute.device import autocast
from fewray.compute.seeds import child_seed, seeded
from fewray.config import GanOptions
from fewray.errors import InputError
from fewray.generators.families.dcgan import Discriminator, Generator, initialise


@dataclass(frozen=True, kw_only=True)
class Tick:
    """What one epoch did. Losses and probabilities are means over its batches."""

    epoch: int
    """Epochs done, from 1."""
    epochs: int
    batches: int
    step: int
    images_seen: int
    """Real images shown to the discriminator, repeats counted."""
    loss_d: float
    """-log D(x) - log(1 - D(G(z)))."""
    loss_g: float
    """-log D(G(z)), with the discriminator just updated."""
    d_x: float
    d_g_z1: float
    """Mean D(G(z)) before the discriminator's update."""
    d_g_z2: float
    """Mean D(G(z)) after it."""
    diversity: float
    """Within-batch spread of the synthetic images over that of the real ones: standard deviation, mean over pixels."""

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers."""
        return asdict(self)

    @property
    def finite(self) -> bool:
        """Whether every figure is finite."""
        return all(
            math.isfinite(v) for v in (self.loss_d, self.loss_g, self.d_x, self.d_g_z1, self.d_g_z2)
        )


class TrainState:
    """Both networks, their optimisers, the averaged generator and the number of epochs done.

    The random numbers of an epoch are drawn from a seed made of the run's seed and the epoch, so that a run continued
    from here needs no generator state and ends with the same bits as one never stopped.
    """

    def __init__(self, options: GanOptions, *, seed: int, device: torch.device) -> None:
        if options.image_size != 64:
            raise InputError(f"image_size: {options.image_size}; the DCGAN makes 64 x 64 images")
        self.options, self.seed, self.device = options, seed, device
        self.epoch = 0
        draws = torch.Generator().manual_seed(child_seed(seed, "init"))
        self.G, self.D = build_generator(options), _build_discriminator(options)
        for network in (self.G, self.D):
            initialise(network, options.init_std, draws)
            network.to(device=device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.G_ema = build_generator(options).to(device) if options.ema_half_life else None
        if self.G_ema is not None:
            self.G_ema.load_state_dict(self.G.state_dict())
        self.optimiser_g, self.optimiser_d = (
            torch.optim.Adam(
                network.parameters(),
                options.learning_rate,
                (options.beta1, options.beta2),
                fused=device.type != "mps",
                capturable=device.type == "cuda",
            )
            for network in (self.G, self.D)
        )

    @property
    def sampler(self) -> Generator:
        """The generator to sample from: the averaged one where the recipe has it."""
        return self.G if self.G_ema is None else self.G_ema

    def average(self, images: int) -> None:
        """Move the averaged generator towards the trained one after ``images`` more images; buffers are copied."""
        if self.G_ema is None:
            return
        weight = 1 - 0.5 ** (images / min(self.options.ema_half_life, 1 + 0.1 * self.epoch * 1000))
        with torch.no_grad():
            ours: list[Tensor] = [*self.G_ema.parameters()]
            theirs: list[Tensor] = [*self.G.parameters()]
            torch._foreach_lerp_(ours, theirs, weight)  # pyright: ignore[reportPrivateImportUsage]
            for averaged, current in zip(self.G_ema.buffers(), self.G.buffers(), strict=True):
                averaged.copy_(current)


def build_generator(options: GanOptions) -> Generator:
    """Return a generator of the options' size; the global random state, which layers draw from, is left as it was."""
    with seeded(0):
        return Generator(options.latent_dim, options.base_channels)


def _build_discriminator(options: GanOptions) -> Discriminator:
    with seeded(0):
        return Discriminator(options.base_channels, options.dropout)


def draw_latents(
    count: int, options: GanOptions, generator: torch.Generator, device: torch.device
) -> Tensor:
    """Draw z (count, latent_dim): U(-1, 1) as in the paper, or N(0, 1)."""
    shape = (count, options.latent_dim)
    if options.latent == "normal":
        return torch.randn(shape, generator=generator, device=device)
    return torch.rand(shape, generator=generator, device=device) * 2 - 1


def batches_per_epoch(count: int, options: GanOptions) -> int:
    """Return ceil(count / batch_size): 34 for 1,060 to 1,070 images in batches of 32."""
    return math.ceil(count / options.batch_size)


def train_gan(
    images: np.ndarray,
    state: TrainState,
    *,
    precision: str = "fp32",
    on_batch: Callable[[int, int, int], None] = lambda epoch, batch, batches: None,
) -> Iterator[Tick]:
    """Train ``state`` in place on ``images`` until its options' epochs are done; yield a Tick an epoch.

    Parameters
    ----------
    images
        uint8 (n, 1, 64, 64): originals and augmented images of one class. An epoch is a permutation of them, filled
        up from its own beginning to whole batches; fewer images than a batch are therefore drawn more than once.
    state
        Fresh, or loaded from a checkpoint: training goes on after ``state.epoch``.
    precision
        ``bf16`` or ``fp32``; parameters and optimisers are fp32 in both.
    on_batch
        Called with the epoch, the batches of it that are done, and how many it has.

    Each step updates D on a real and a fake batch (two passes, so each has its own batch statistics), then G on the
    same fakes (Goodfellow et al. 2014, the non-saturating loss). On a GPU the images lie there, the step is one CUDA
    graph, and the host waits for it once an epoch. InputError when ``images`` has the wrong form.

    """
    options, device = state.options, state.device
    if (
        images.dtype != np.uint8
        or images.ndim != 4
        or images.shape[1:] != (1, options.image_size, options.image_size)
    ):
        raise InputError(f"images: {images.dtype} {images.shape}; uint8 (n, 1, 64, 64) is wanted")
    if len(images) == 0:
        raise InputError("images: none; at least one image of the class is wanted")
    data = torch.from_numpy(images).to(device)
    batch, batches = options.batch_size, batches_per_epoch(len(images), options)
    draws = torch.Generator(device)
    state.D.draw_from(draws)
    state.G.train()
    state.D.train()

    def step(chosen: Tensor) -> Tensor:
        real = (data[chosen].float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)
        return _step(state, real, draw_latents(batch, options, draws, device), precision)

    stepped = StepGraph(step, device, generators=[draws])
    while state.epoch < options.epochs:
        seed = child_seed(state.seed, "epoch", state.epoch)
        draws.manual_seed(seed)
        order = np.resize(np.random.default_rng(seed).permutation(len(images)), batches * batch)
        totals = torch.zeros(6, device=device)
        for index, chosen in enumerate(torch.from_numpy(order).to(device).split(batch), start=1):
            totals += stepped(chosen)
            state.average(batch)
            on_batch(state.epoch + 1, index, batches)
        state.epoch += 1
        loss_d, loss_g, d_x, d_g_z1, d_g_z2, diversity = (totals / batches).tolist()
        yield Tick(
            epoch=state.epoch,
            epochs=options.epochs,
            batches=batches,
            step=state.epoch * batches,
            images_seen=state.epoch * batches * batch,
            loss_d=loss_d,
            loss_g=loss_g,
            d_x=d_x,
            d_g_z1=d_g_z1,
            d_g_z2=d_g_z2,
            diversity=diversity,
        )


def _step(state: TrainState, real: Tensor, z: Tensor, precision: str) -> Tensor:
    """Make one update of D and one of G; return the figures of the log line and the diversity, still on the device."""
    G, D = state.G, state.D
    with autocast(state.device, precision):
        fake = G(z)
        real_logits, fake_logits = D(real), D(fake.detach())
    # softplus(-t) = -log sigmoid(t): the binary cross-entropies with targets 1 and 0.
    loss_d = functional.softplus(-real_logits).mean() + functional.softplus(fake_logits).mean()
    state.optimiser_d.zero_grad()
    loss_d.backward()
    state.optimiser_d.step()

    D.requires_grad_(
        False
    )  # G's step needs D's input gradients only: a twelfth of the step's arithmetic saved
    with autocast(state.device, precision):
        judged = D(fake)
    loss_g = functional.softplus(-judged).mean()
    state.optimiser_g.zero_grad()
    loss_g.backward()
    state.optimiser_g.step()
    D.requires_grad_(True)
    with torch.no_grad():
        probabilities = [logits.sigmoid().mean() for logits in (real_logits, fake_logits, judged)]
        spread = [images.float().std(0, correction=0).mean() for images in (fake, real)]
        diversity = spread[0] / spread[1].clamp(min=1e-6)
        return torch.stack([loss_d.detach(), loss_g.detach(), *probabilities, diversity])
