"""The training loop of the DCGAN, as an iterator of epochs, without files or printing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from fewray.compute.cuda_graph import StepGraph
from fewray.compute.device import autocast
from fewray.compute.seeds import child_seed, seeded
from fewray.config import GanOptions
from fewray.errors import InputError
from fewray.generators.family import OnBatch, Tick, check_training_images, ignore_batch
from fewray.generators.models.dcgan import Discriminator, Generator, initialise
from fewray.generators.optimiser_state import below, load_optimiser, optimiser_tensors
from fewray.generators.sampling import between, draw_latents, images_of, latents, sample
from fewray.imaging.arrays import to_float

LOGGED = ("loss_d", "loss_g", "d_x", "d_g_z1", "d_g_z2", "diversity")
"""What a step returns: fields of :class:`fewray.results.training.EpochRow`."""


class Dcgan:
    """A DCGAN of one class: networks, optimisers and, optionally, the averaged generator.

    Implements :class:`fewray.generators.family.Family`.
    """

    def __init__(self, options: GanOptions, *, seed: int, device: torch.device) -> None:
        if options.image_size != 64:
            message = f"image_size {options.image_size}: the DCGAN makes 64 x 64 images only."
            raise InputError("image_size_unsupported", message, value=options.image_size)
        self.options, self.seed, self.device = options, seed, device
        self.epoch = self.class_index = 0
        draws = torch.Generator().manual_seed(child_seed(seed, "init"))
        with seeded(0):  # layers draw from the global random state, which must not change
            self.G = Generator(options.latent_dim, options.base_channels)
            self.D = Discriminator(options.base_channels, options.dropout)
            ema = Generator(options.latent_dim, options.base_channels)
        for network in (self.G, self.D):
            initialise(network, options.init_std, draws)
            network.to(device=device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.G_ema = ema.to(device) if options.ema_half_life else None
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

    @staticmethod
    def batches_per_epoch(count: int, options: GanOptions) -> int:
        """Return ceil(count / batch_size): 34 for 1,060 to 1,070 images in batches of 32."""
        return math.ceil(count / options.batch_size)

    def sample(self, seeds: Sequence[int]) -> np.ndarray:
        """Return uint8 images (n, 1, 64, 64), one per seed, averaged generator preferred."""
        return sample(self.G if self.G_ema is None else self.G_ema, self.options, seeds)

    def walk(self, first: int, second: int, at: Sequence[float]) -> np.ndarray:
        """Return uint8 images (n, 1, 64, 64) between those of two seeds (0 and 1 in ``at``)."""
        z = between(latents([first, second], self.options), at, self.options.latent)
        return images_of(self.G if self.G_ema is None else self.G_ema, z)

    @torch.inference_mode()
    def recognition(self, images: np.ndarray) -> np.ndarray:
        """Return D's logits float32 (n,) of uint8 ``images`` (n, 1, S, S), computed in fp32."""
        D = self.D.eval()
        parts = to_float(images).split(100)
        return np.concatenate([D(part.to(self.device)).cpu().numpy() for part in parts])

    def is_finite(self) -> bool:
        """Return whether every parameter of G and D is finite (their sum is not, if one is not)."""
        parameters = [*self.G.parameters(), *self.D.parameters()]
        return math.isfinite(float(sum(p.detach().abs().sum() for p in parameters)))

    def tensors(self) -> dict[str, Tensor]:
        """Return the weights and the moments of Adam."""
        found: dict[str, Tensor] = {}
        for name, network in self._networks().items():
            found |= {f"{name}.{key}": value for key, value in network.state_dict().items()}
        for name, optimiser in self._optimisers().items():
            found |= optimiser_tensors(name, optimiser)
        return found

    def load_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore the weights and the moments of Adam."""
        for name, network in self._networks().items():
            network.load_state_dict(below(tensors, name))
        for name, optimiser in self._optimisers().items():
            load_optimiser(name, optimiser, tensors)

    def _networks(self) -> dict[str, nn.Module]:
        networks: dict[str, nn.Module] = {"G": self.G, "D": self.D}
        return networks if self.G_ema is None else {**networks, "G_ema": self.G_ema}

    def _optimisers(self) -> dict[str, torch.optim.Adam]:
        return {"adam_g": self.optimiser_g, "adam_d": self.optimiser_d}

    def fit(
        self,
        images: np.ndarray,
        labels: np.ndarray | None = None,
        *,
        precision: str = "fp32",
        on_batch: OnBatch = ignore_batch,
    ) -> Iterator[Tick]:
        """Train on uint8 ``images`` (n, 1, 64, 64) of one class; yield a Tick per epoch.

        An epoch is a permutation of the images, repeated to fill the last batch; with fewer images
        than a batch some are drawn more than once. Each step updates D on a real and a fake batch
        (two passes, so that each has its own batch statistics), then G on the same fakes with the
        non-saturating loss (Goodfellow et al. 2014, arXiv 1406.2661). ``precision`` is ``bf16`` or
        ``fp32``; parameters and optimisers are always fp32. On a GPU the step is one CUDA graph,
        and the host waits for it once per epoch. InputError for ``images`` of the wrong form.
        """
        options, device = self.options, self.device
        check_training_images(images, options.image_size)
        data = torch.from_numpy(images).to(device)
        batch, batches = options.batch_size, self.batches_per_epoch(len(images), options)
        draws = torch.Generator(device)
        self.D.draw_from(draws)
        self.G.train()
        self.D.train()

        def step(chosen: Tensor) -> Tensor:
            real = (data[chosen].float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)
            return self._step(real, draw_latents(batch, options, draws, device), precision)

        stepped = StepGraph(step, device, generators=[draws])
        while self.epoch < options.epochs:
            seed = child_seed(self.seed, "epoch", self.epoch)
            draws.manual_seed(seed)
            order = np.resize(np.random.default_rng(seed).permutation(len(images)), batches * batch)
            totals = torch.zeros(6, device=device)
            for index, chosen in enumerate(
                torch.from_numpy(order).to(device).split(batch), start=1
            ):
                totals += stepped(chosen)
                self.average(batch)
                on_batch(self.epoch + 1, index, batches)
            self.epoch += 1
            yield Tick(
                epoch=self.epoch,
                epochs=options.epochs,
                batches=batches,
                step=self.epoch * batches,
                images_seen=self.epoch * batches * batch,
                values=dict(zip(LOGGED, (totals / batches).tolist(), strict=True)),
            )

    def _step(self, real: Tensor, z: Tensor, precision: str) -> Tensor:
        """Update D and G once; return the six numbers of a Tick, still on the device."""
        G, D = self.G, self.D
        with autocast(self.device, precision):
            fake = G(z)
            real_logits, fake_logits = D(real), D(fake.detach())
        # softplus(-t) = -log sigmoid(t): the binary cross-entropies with targets 1 and 0.
        loss_d = functional.softplus(-real_logits).mean() + functional.softplus(fake_logits).mean()
        self.optimiser_d.zero_grad()
        loss_d.backward()
        self.optimiser_d.step()

        D.requires_grad_(False)  # G needs D's input gradients only; saves a twelfth of the step
        with autocast(self.device, precision):
            updated = D(fake)
        loss_g = functional.softplus(-updated).mean()
        self.optimiser_g.zero_grad()
        loss_g.backward()
        self.optimiser_g.step()
        D.requires_grad_(True)
        with torch.no_grad():
            logits = (real_logits, fake_logits, updated)
            probabilities = [each.sigmoid().mean() for each in logits]
            spread = [images.float().std(0, correction=0).mean() for images in (fake, real)]
            diversity = spread[0] / spread[1].clamp(min=1e-6)
            return torch.stack([loss_d.detach(), loss_g.detach(), *probabilities, diversity])

    def average(self, images: int) -> None:
        """Move the averaged generator towards G after ``images`` more images; copy the buffers.

        The half-life grows by ``ema_ramp_up`` images per epoch until it reaches ``ema_half_life``,
        so that the average forgets the first, useless weights soon.
        """
        if self.G_ema is None:
            return
        ramp = 1 + self.options.ema_ramp_up * self.epoch
        weight = 1 - 0.5 ** (images / min(self.options.ema_half_life, ramp))
        with torch.no_grad():
            averaged: list[Tensor] = [*self.G_ema.parameters()]
            current: list[Tensor] = [*self.G.parameters()]
            torch._foreach_lerp_(averaged, current, weight)  # pyright: ignore[reportPrivateImportUsage]
            for kept, new in zip(self.G_ema.buffers(), self.G.buffers(), strict=True):
                kept.copy_(new)
