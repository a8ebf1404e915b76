"""A small relativistic GAN with gradient penalties and augmentation, of one class or several."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from fewray.compute.cuda_graph import StepGraph
from fewray.compute.device import autocast
from fewray.compute.seeds import child_seed, seeded
from fewray.config import MOST_POOLED_CLASSES, GanOptions
from fewray.errors import InputError
from fewray.generators.epochs import batches_per_epoch, drawn_epochs, follow, set_rate
from fewray.generators.family import (
    OnBatch,
    Tick,
    check_labels,
    check_training_images,
    ignore_batch,
)
from fewray.generators.models.augmentation import augment
from fewray.generators.models.residual_gan import Discriminator, Generator
from fewray.generators.models.unet import haar, initialise, inverse_haar
from fewray.generators.optimiser_state import below, load_optimiser, optimiser_tensors
from fewray.generators.sampling import between
from fewray.imaging.arrays import to_float, to_uint8

LOGGED = ("loss_d", "loss_g", "diversity")
SHIFTED, CHANGED = 0.8, 0.4
"""Shares of the images that are moved, and changed otherwise, before the discriminator."""
BATCH = 100


def new_networks(options: GanOptions) -> tuple[Generator, Discriminator]:
    """Return the generator and the discriminator with PyTorch's initial weights."""
    channels, side = options.adversarial.channels, options.image_size // 2
    G = Generator(channels, latent=options.latent_dim, classes=MOST_POOLED_CLASSES, side=side)
    return G, Discriminator(channels, classes=MOST_POOLED_CLASSES, side=side)


class RelativisticGan:
    """Generator, its average over training, discriminator, and Adam for both.

    Implements :class:`fewray.generators.family.Family`. The loss pairs real and synthetic images
    (Jolicoeur-Martineau 2018, arXiv 1807.00734) with gradient penalties on both (R1 and R2; Huang
    et al. 2024, arXiv 2501.05441). The discriminator sees augmented images only (Zhao et al. 2020,
    arXiv 2006.10738), with reflected borders.
    """

    def __init__(self, options: GanOptions, *, seed: int, device: torch.device) -> None:
        factor = 2 ** len(options.adversarial.channels)
        if options.image_size % factor:
            message = f"image_size {options.image_size}: expected a multiple of {factor}."
            raise InputError("image_size_unsupported", message, value=options.image_size)
        self.options, self.seed, self.device = options, seed, device
        self.epoch = self.class_index = 0
        draws = torch.Generator().manual_seed(child_seed(seed, "init"))
        with seeded(0):  # layers draw from the global random state, which must not change
            (self.G, self.D), (self.average, _) = new_networks(options), new_networks(options)
        for network in (self.G, self.D):
            initialise(network, draws, [block.second for block in network.blocks])  # pyright: ignore[reportArgumentType]
        self.average.load_state_dict(self.G.state_dict())
        self.average.eval()
        for network in (self.G, self.average, self.D):
            network.to(device=device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        on_gpu = device.type == "cuda"
        self.optimiser_g, self.optimiser_d = (
            torch.optim.Adam(
                network.parameters(),
                torch.zeros((), device=device) if on_gpu else options.learning_rate,
                (0.0, 0.99),
                fused=device.type != "mps",
                capturable=on_gpu,
            )
            for network in (self.G, self.D)
        )

    @staticmethod
    def batches_per_epoch(count: int, options: GanOptions) -> int:
        """Return the same for every ``count``."""
        return batches_per_epoch(options)

    def sample(self, seeds: Sequence[int]) -> np.ndarray:
        """Return uint8 images (n, 1, S, S) of the class, one per seed, in fp32.

        The batch size does not matter beyond rounding.
        """
        size = self.options.image_size
        made = [np.zeros((0, 1, size, size), np.uint8)]
        for start in range(0, len(seeds), BATCH):
            rows = [self._latent(seed) for seed in seeds[start : start + BATCH]]
            made.append(self._images(torch.stack(rows)))
        return np.concatenate(made)

    def walk(self, first: int, second: int, at: Sequence[float]) -> np.ndarray:
        """Return uint8 images (n, 1, S, S) between those of two seeds (0 and 1 in ``at``)."""
        return self._images(between(torch.stack([self._latent(first), self._latent(second)]), at))

    @torch.inference_mode()
    def _images(self, z: Tensor) -> np.ndarray:
        described = self._one_hot(torch.full((len(z),), self.class_index))
        return to_uint8(inverse_haar(self.average(z.to(self.device), described)).clamp(-1, 1))

    def _latent(self, seed: int) -> Tensor:
        """Return the latent (latent_dim,) of an image of the class."""
        drawn = torch.Generator().manual_seed(child_seed(seed, "latent", self.class_index))
        return torch.randn(self.options.latent_dim, generator=drawn)

    def _one_hot(self, labels: Tensor) -> Tensor:
        return functional.one_hot(labels.to(self.device), MOST_POOLED_CLASSES).float()

    @torch.inference_mode()
    def recognition(self, images: np.ndarray) -> np.ndarray:
        """Return D's logits float32 (n,) of uint8 ``images`` (n, 1, S, S) as those of the class."""
        found = []
        for part in to_float(images).split(BATCH):
            described = self._one_hot(torch.full((len(part),), self.class_index))
            found.append(self.D(haar(part.to(self.device)), described).cpu().numpy())
        return np.concatenate(found)

    def is_finite(self) -> bool:
        """Return whether every weight is finite."""
        weights = [*self.G.parameters(), *self.D.parameters()]
        return math.isfinite(float(sum(p.detach().abs().sum() for p in weights)))

    def tensors(self) -> dict[str, Tensor]:
        """Return the weights, the average and the moments of Adam."""
        networks = {"G": self.G, "average": self.average, "D": self.D}
        found = {
            f"{name}.{key}": value
            for name, network in networks.items()
            for key, value in network.state_dict().items()
        }
        return (
            found
            | optimiser_tensors("adam_g", self.optimiser_g)
            | optimiser_tensors("adam_d", self.optimiser_d)
        )

    def load_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore the weights, the average and the moments of Adam."""
        for name, network in (("G", self.G), ("average", self.average), ("D", self.D)):
            network.load_state_dict(below(tensors, name))
        load_optimiser("adam_g", self.optimiser_g, tensors)
        load_optimiser("adam_d", self.optimiser_d, tensors)

    def fit(
        self,
        images: np.ndarray,
        labels: np.ndarray | None = None,
        *,
        precision: str = "fp32",
        on_batch: OnBatch = ignore_batch,
    ) -> Iterator[Tick]:
        """Train on uint8 ``images`` (n, 1, S, S) of classes ``labels`` int (n,); yield Ticks.

        :func:`fewray.generators.epochs.drawn_epochs` describes an epoch.
        """
        device = self.device
        check_training_images(images, self.options.image_size)
        data = torch.from_numpy(images).to(device)
        classes = torch.from_numpy(check_labels(labels, len(images))).to(device)
        draws = torch.Generator(device)
        self.G.train()

        def step(chosen: Tensor) -> Tensor:
            return self._step(data[chosen].float() / 127.5 - 1, classes[chosen], draws, precision)

        stepped = StepGraph(step, device, generators=[draws])
        yield from drawn_epochs(self, len(images), stepped, draws, names=LOGGED, on_batch=on_batch)

    def _step(self, real: Tensor, labels: Tensor, draws: torch.Generator, precision: str) -> Tensor:
        """Update D and G once; return the values of a Tick (3,), still on the device."""
        D, described = self.D, self._one_hot(labels)
        z = torch.randn(len(real), self.options.latent_dim, generator=draws, device=self.device)
        with autocast(self.device, precision):
            made = self.G(z, described).float()
        fake = inverse_haar(made)
        seen_real, seen_fake = (haar(self._augmented(x, draws)) for x in (real, fake))
        inputs = [x.detach().requires_grad_() for x in (seen_real, seen_fake)]
        with autocast(self.device, precision):
            of_real, of_fake = (D(x, described).float() for x in inputs)
        slopes = torch.autograd.grad(of_real.sum() + of_fake.sum(), inputs, create_graph=True)
        penalty = sum(slope.float().square().sum((1, 2, 3)).mean() for slope in slopes)
        loss_d = functional.softplus(of_fake - of_real).mean()
        self.optimiser_d.zero_grad()
        whole = loss_d + 0.5 * self.options.adversarial.penalty * penalty
        whole.backward(inputs=list(D.parameters()))
        self.optimiser_d.step()

        D.requires_grad_(False)
        with autocast(self.device, precision):
            of_real, of_fake = (D(x, described).float() for x in (seen_real, seen_fake))
        loss_g = functional.softplus(of_real - of_fake).mean()
        self.optimiser_g.zero_grad()
        loss_g.backward()
        self.optimiser_g.step()
        D.requires_grad_(True)
        with torch.no_grad():
            spread = [images.std(0, correction=0).mean() for images in (fake, real)]
            diversity = spread[0] / spread[1].clamp(min=1e-6)
            return torch.stack([loss_d.detach(), loss_g.detach(), diversity])

    def _augmented(self, images: Tensor, draws: torch.Generator) -> Tensor:
        return augment(images, draws, shifted=SHIFTED, changed=CHANGED)[0]

    def set_rate(self, rate: float) -> None:
        """Set the learning rate of both networks."""
        for optimiser in (self.optimiser_g, self.optimiser_d):
            set_rate(optimiser, rate)

    def follow(self, step: int) -> None:
        """Move the averaged generator towards the trained one."""
        follow(self.average, self.G, self.options, step)
