"""An untrained generator that assembles images from patches of the training images of a class."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from fewray.compute.seeds import child_seed
from fewray.config import GanOptions
from fewray.errors import InputError
from fewray.generators.family import OnBatch, Tick, check_training_images, ignore_batch
from fewray.generators.models.patch_collage import amplify, assemble, detail_gains, pyramid
from fewray.generators.models.pca_gaussian import principal_axes

BATCH = 100
"""Images assembled at a time."""
CALIBRATION = 48
"""Images from which the gains of details are estimated,"""
PART = 16
"""and how many of them are assembled at a time."""


class Patches:
    """The training images, a Gaussian of their coarse layouts, and the gains of their details.

    Implements :class:`fewray.generators.family.Family`. An image is a function of its seed alone,
    to the last bit. Its layout is drawn from the principal components of the training images at 16
    pixels; from a single training image, all draws are copies.
    """

    def __init__(self, options: GanOptions, *, seed: int, device: torch.device) -> None:
        if options.image_size % 4:
            message = f"image_size {options.image_size}: expected a multiple of 4."
            raise InputError("image_size_unsupported", message, value=options.image_size)
        self.options, self.seed, self.device = options, seed, device
        self.epoch = self.class_index = 0
        size = options.image_size
        self._learn(torch.zeros(0, size, size, dtype=torch.uint8), np.zeros(1), np.zeros((0, 1)))

    @staticmethod
    def batches_per_epoch(count: int, options: GanOptions) -> int:
        """Return the batches in which images are assembled to estimate the gains of details."""
        return math.ceil(CALIBRATION / PART)

    def fit(
        self,
        images: np.ndarray,
        labels: np.ndarray | None = None,
        *,
        precision: str = "fp32",
        on_batch: OnBatch = ignore_batch,
    ) -> Iterator[Tick]:
        """Store uint8 ``images`` (n, 1, S, S), their layouts and gains; yield a Tick per epoch.

        A second epoch would do the same again. A Tick has no values: there is no loss.
        """
        options = self.options
        check_training_images(images, options.image_size)
        batches = self.batches_per_epoch(len(images), options)
        while self.epoch < options.epochs:
            known = torch.from_numpy(images[:, 0].copy())
            coarse = pyramid(known.float())[0].flatten(1).numpy()
            mean, axes = principal_axes(coarse, options.patches.layout_variance)
            self._learn(known, mean, axes)
            made = []
            for batch in range(batches):
                numbers = range(batch * PART, (batch + 1) * PART)
                made.append(self._assembled([self._calibration_seed(i) for i in numbers]))
                on_batch(self.epoch + 1, batch + 1, batches)
            self.gains = detail_gains(self.images.float(), torch.cat(made))
            self.epoch += 1
            yield Tick(
                epoch=self.epoch,
                epochs=options.epochs,
                batches=batches,
                step=self.epoch * batches,
                images_seen=self.epoch * len(images),
                values={},
            )

    def _calibration_seed(self, index: int) -> int:
        return child_seed(self.seed, "calibration", index)

    def _learn(self, images: Tensor, mean: np.ndarray, axes: np.ndarray) -> None:
        self.images, self.mean, self.axes = images.to(self.device), mean, axes
        self.gains = torch.ones(4, *images.shape[1:], device=self.device)

    def sample(self, seeds: Sequence[int]) -> np.ndarray:
        """Return uint8 images (n, 1, S, S); image i is a function of ``seeds[i]`` alone.

        InputError before :meth:`fit`.
        """
        size = self.options.image_size
        if not len(self.images):
            raise InputError("generator_not_trained", "patches: no training images yet.")
        made = [np.zeros((0, 1, size, size), np.uint8)]
        for start in range(0, len(seeds), BATCH):
            images = amplify(self._assembled(seeds[start : start + BATCH]), self.gains)
            made.append(images[:, None].byte().cpu().numpy())
        return np.concatenate(made)

    def walk(self, first: int, second: int, at: Sequence[float]) -> np.ndarray:
        """Raise InputError: a collage is a choice of pieces, and there is none between two."""
        raise InputError(
            "no_interpolation",
            "patches: images are assembled from pieces of training images; there is nothing "
            "between two such images.",
        )

    def recognition(self, images: np.ndarray) -> np.ndarray:
        """Raise InputError: the training images are stored, and nothing else could know them."""
        message = "patches: the generator is made of its training images; there is nothing to test."
        raise InputError("no_recognition", message)

    @torch.inference_mode()
    def _assembled(self, seeds: Sequence[int]) -> Tensor:
        """Return float (n, S, S), before details are amplified."""
        levels = pyramid(self.images.float())
        coarse = levels[0].shape[1]
        layouts = np.stack([self._layout(seed) for seed in seeds]).reshape(-1, coarse, coarse)
        search = self.options.patches
        return assemble(
            torch.from_numpy(layouts).to(self.device),
            levels,
            patch=search.patch,
            stride=search.stride,
            window=search.window,
            passes=search.passes,
        )

    def _layout(self, seed: int) -> np.ndarray:
        """Draw whole grey values float32 (L * L,). One product per image: batches round."""
        rng = np.random.default_rng(child_seed(seed, "layout"))
        drawn = self.mean + rng.standard_normal(len(self.axes)) @ self.axes
        return np.rint(drawn).clip(0, 255).astype(np.float32)

    def is_finite(self) -> bool:
        """Return whether the gains and the layout are finite."""
        found = (self.gains.cpu().numpy(), self.mean, self.axes)
        return all(bool(np.isfinite(each).all()) for each in found)

    def tensors(self) -> dict[str, Tensor]:
        """Return the training images, the mean and axes of their layouts, and the gains."""
        layout = {"mean": torch.from_numpy(self.mean), "axes": torch.from_numpy(self.axes)}
        return {"images": self.images, "gains": self.gains, **layout}

    def load_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore what :meth:`tensors` returned."""
        mean, axes = (tensors[name].cpu().numpy() for name in ("mean", "axes"))
        self._learn(tensors["images"], mean, axes)
        self.gains = tensors["gains"].to(self.device)
