"""A small diffusion model of one class or of several together (Karras et al. 2022)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from fewray.compute.cuda_graph import StepGraph
from fewray.compute.device import autocast, choose_precision
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
from fewray.generators.models.augmentation import PARAMETERS, augment
from fewray.generators.models.edm import denoising_loss, noise_levels, solve
from fewray.generators.models.layout import FACTOR, Layout, fit_layout, noisy_layout
from fewray.generators.models.unet import UNet, haar, initialise, inverse_haar
from fewray.generators.muon import Muon
from fewray.generators.optimiser_state import below, load_optimiser, optimiser_tensors
from fewray.generators.sampling import between
from fewray.imaging.arrays import to_float, to_uint8

CONDITIONS = MOST_POOLED_CLASSES + PARAMETERS
"""Length of the vector that describes class and augmentation."""
LOWEST, HIGHEST = 0.01, 80.0
"""Noise levels between which images are generated, times ``noise_scale``."""
RECOGNISED_AT = (0.1, 0.2, 0.4, 0.8, 1.6)
"""Noise levels at which images are compared with training images, times ``noise_scale``."""
BATCH = 50


def new_network(options: GanOptions) -> UNet:
    """Return the denoising network with PyTorch's initial weights."""
    own = options.diffusion
    return UNet(
        own.channels,
        blocks=own.blocks,
        conditions=CONDITIONS,
        bands=4**own.haar_levels,
        dropout=own.dropout,
    )


class Diffusion:
    """A denoising network, its average over training, and its optimisers.

    Implements :class:`fewray.generators.family.Family`.
    """

    def __init__(self, options: GanOptions, *, seed: int, device: torch.device) -> None:
        size, own = options.image_size, options.diffusion
        if size % (factor := max(FACTOR, 2 ** (own.haar_levels + len(own.channels) - 1))):
            message = f"image_size {size}: expected a multiple of {factor}."
            raise InputError("image_size_unsupported", message, value=size)
        self._shape = haar(torch.zeros(1, 1, size, size), own.haar_levels).shape[1:]
        self.options, self.seed, self.device = options, seed, device
        self.epoch = self.class_index = 0
        self.layouts: list[Layout] = []
        with seeded(0):  # layers draw from the global random state, which must not change
            self.network, self.average = (new_network(options) for _ in range(2))
        draws = torch.Generator().manual_seed(child_seed(seed, "init"))
        initialise(self.network, draws, self.network.last_of_shortcuts())
        for network in (self.network, self.average):
            network.to(device=device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.average.load_state_dict(self.network.state_dict())
        self.average.eval()
        self.optimisers = self._optimisers()

    @staticmethod
    def batches_per_epoch(count: int, options: GanOptions) -> int:
        """Return the same for every ``count``."""
        return batches_per_epoch(options)

    def _optimisers(self) -> dict[str, torch.optim.Optimizer]:
        """Return Adam, and Muon if it trains the weights inside the network."""
        options, on_gpu = self.options, self.device.type == "cuda"
        inner = self.network.inner_weights() if options.diffusion.muon_rate else []
        known = set(inner)
        rates = [
            torch.zeros((), device=self.device) if on_gpu else rate
            for rate in (options.learning_rate, options.diffusion.muon_rate)
        ]
        adam = torch.optim.Adam(
            [p for p in self.network.parameters() if p not in known],
            rates[0],
            (0.9, 0.99),
            fused=self.device.type != "mps",
            capturable=on_gpu,
        )
        return {"adam": adam, "muon": Muon(inner, rates[1])} if inner else {"adam": adam}

    @torch.inference_mode()
    def sample(self, seeds: Sequence[int]) -> np.ndarray:
        """Return uint8 images (n, 1, S, S) of the class, one per seed, from the averaged network.

        The network runs in bfloat16 where the device is fast at it. The batch size and the device
        do not matter beyond rounding: images differ by a few grey levels at most.
        """
        size = self.options.image_size
        made = [np.zeros((0, 1, size, size), np.uint8)]
        for start in range(0, len(seeds), BATCH):
            noise = torch.stack([self._noise(seed) for seed in seeds[start : start + BATCH]])
            made.append(self._denoised(noise))
        return np.concatenate(made)

    @torch.inference_mode()
    def walk(self, first: int, second: int, at: Sequence[float]) -> np.ndarray:
        """Return uint8 images (n, 1, S, S) between those of two seeds (0 and 1 in ``at``).

        The starting noise is interpolated; the solver adds none, so images change smoothly.
        """
        ends = torch.stack([self._noise(first), self._noise(second)])
        noise = between(ends.flatten(1), at).reshape(-1, *ends.shape[1:])
        return self._denoised(noise)

    def _denoised(self, noise: Tensor) -> np.ndarray:
        """Return the uint8 images (n, 1, S, S) of the class that ``noise`` leads to."""
        options, precision = self.options.diffusion, choose_precision(self.device, "auto")
        highest = options.noise_scale * (options.layout_sigma if self.layouts else HIGHEST)
        lowest = options.noise_scale * LOWEST
        levels = noise_levels(options.sampling_steps, lowest, highest)
        described = self._conditions(torch.full((len(noise),), self.class_index))

        def network(x: Tensor, level: Tensor) -> Tensor:
            with autocast(self.device, precision):
                return self.average(x, level, described)

        noisy = noise * highest
        if self.layouts:
            noisy = noisy_layout(self.layouts[self.class_index], noise, highest)
        clean = solve(network, noisy.to(self.device), levels)
        return to_uint8(inverse_haar(clean).clamp(-1, 1))

    def _noise(self, seed: int) -> Tensor:
        """Return the noise (c, H, W) of an image, in the shape of its Haar coefficients.

        It depends on the class: images of two classes with one seed would resemble each other.
        """
        drawn = torch.Generator().manual_seed(child_seed(seed, "latent", self.class_index))
        return torch.randn(self._shape, generator=drawn)

    def _conditions(self, labels: Tensor, parameters: Tensor | None = None) -> Tensor:
        one_hot = functional.one_hot(labels.to(self.device), MOST_POOLED_CLASSES).float()
        if parameters is None:
            parameters = one_hot.new_zeros(len(one_hot), PARAMETERS)
        return torch.cat([2 * one_hot, parameters], 1)

    @torch.inference_mode()
    def recognition(self, images: np.ndarray) -> np.ndarray:
        """Return minus the denoising loss float32 (n,) of uint8 ``images`` (n, 1, S, S), in fp32.

        It is the mean over ``RECOGNISED_AT`` with noise that is the same for all images: the attack
        of Matsumoto et al. 2023 (arXiv 2302.03262).
        """
        options, noise, found = self.options.diffusion, self._noise(0), []
        for part in to_float(images).split(BATCH):
            clean = haar(part.to(self.device), options.haar_levels)
            described = self._conditions(torch.full((len(clean),), self.class_index))
            losses = [
                denoising_loss(
                    lambda x, level: self.average(x, level, described),  # noqa: B023 (called here)
                    clean,
                    clean.new_full((len(clean),), options.noise_scale * sigma),
                    noise.to(self.device).expand_as(clean),
                )
                for sigma in RECOGNISED_AT
            ]
            found.append(-torch.stack(losses).mean(0).cpu().numpy())
        return np.concatenate(found)

    def is_finite(self) -> bool:
        """Return whether every weight is finite."""
        return math.isfinite(float(sum(p.detach().abs().sum() for p in self.network.parameters())))

    def tensors(self) -> dict[str, Tensor]:
        """Return the weights, their average, the states of the optimisers and the layouts."""
        found = {f"network.{name}": t for name, t in self.network.state_dict().items()}
        found |= {f"average.{name}": t for name, t in self.average.state_dict().items()}
        for index, layout in enumerate(self.layouts):
            found |= {f"layout.{index}.mean": layout.mean, f"layout.{index}.axes": layout.axes}
        for name, optimiser in self.optimisers.items():
            found |= optimiser_tensors(name, optimiser)
        return found

    def load_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore the weights, their average, the states of the optimisers and the layouts."""
        for name, network in (("network", self.network), ("average", self.average)):
            network.load_state_dict(below(tensors, name))
        for name, optimiser in self.optimisers.items():
            load_optimiser(name, optimiser, tensors)
        found = below(tensors, "layout")
        self.layouts = [
            Layout(found[f"{index}.mean"], found[f"{index}.axes"])
            for index in range(len(found) // 2)
        ]

    def fit(
        self,
        images: np.ndarray,
        labels: np.ndarray | None = None,
        *,
        precision: str = "fp32",
        on_batch: OnBatch = ignore_batch,
    ) -> Iterator[Tick]:
        """Train on uint8 ``images`` (n, 1, S, S) of classes ``labels`` int (n,); yield Ticks.

        The loss is that of Karras et al. 2022, with log-normal noise levels.
        :func:`fewray.generators.epochs.drawn_epochs` describes an epoch.
        """
        options, device = self.options, self.device
        check_training_images(images, options.image_size)
        data = torch.from_numpy(images).to(device)
        given = check_labels(labels, len(images))
        if options.diffusion.layout_sigma:
            self.layouts = [fit_layout(images[given == index]) for index in range(given.max() + 1)]
        classes = torch.from_numpy(given).to(device)
        kept = self._kept_noise(len(images)) if options.diffusion.ambient_sigma else None
        draws = torch.Generator(device)
        if isinstance(muon := self.optimisers.get("muon"), Muon):
            muon.dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        self.network.draw_from(draws)
        self.network.train()

        def step(chosen: Tensor) -> Tensor:
            noise = None if kept is None else kept[chosen]
            batch = data[chosen].float() / 127.5 - 1
            return self._step(batch, classes[chosen], noise, draws, precision)

        stepped = StepGraph(step, device, generators=[draws])
        yield from drawn_epochs(
            self, len(images), stepped, draws, names=("loss",), on_batch=on_batch
        )

    def _kept_noise(self, count: int) -> Tensor:
        """Return the noise (count, c, H, W) that images keep at high noise levels."""
        drawn = torch.Generator().manual_seed(child_seed(self.seed, "kept noise"))
        return torch.randn(count, *self._shape, generator=drawn).to(self.device)

    def _step(
        self,
        images: Tensor,
        labels: Tensor,
        kept_noise: Tensor | None,
        draws: torch.Generator,
        precision: str,
    ) -> Tensor:
        """Update the weights on one batch; return its loss, still on the device."""
        options = self.options.diffusion
        placed, parameters = augment(images, draws) if options.augmented else (images, None)
        clean = haar(placed, options.haar_levels)
        described = self._conditions(labels, parameters)
        drawn = torch.randn(len(clean), generator=draws, device=self.device)
        sigma = options.noise_scale * torch.exp(options.noise_mean + options.noise_sd * drawn)
        noise = torch.randn(clean.shape, generator=draws, device=self.device)

        def network(x: Tensor, level: Tensor) -> Tensor:
            with autocast(self.device, precision):
                return self.network(x, level, described)

        ambient = options.noise_scale * options.ambient_sigma
        losses = denoising_loss(
            network, clean, sigma, noise, kept_noise=kept_noise, ambient_sigma=ambient
        )
        for optimiser in self.optimisers.values():
            optimiser.zero_grad()
        loss = losses.mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        for optimiser in self.optimisers.values():
            optimiser.step()
        return loss.detach()[None]

    def set_rate(self, rate: float) -> None:
        """Set the learning rate of Adam, and that of Muon in proportion."""
        set_rate(self.optimisers["adam"], rate)
        if muon := self.optimisers.get("muon"):
            set_rate(muon, rate * self.options.diffusion.muon_rate / self.options.learning_rate)

    def follow(self, step: int) -> None:
        """Move the average towards the weights."""
        follow(self.average, self.network, self.options, step)
