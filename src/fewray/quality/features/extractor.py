"""Feature extractors: grey images to the vectors that every metric compares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from fewray.imaging.arrays import check_images
from fewray.quality.metrics.feature_matrix import as_tensor

BATCH = 32
CPU = torch.device("cpu")
EXTRACTORS = (
    *("lite0", "lite1", "lite2", "lite0@<pixels>", "texture", "pixels", "inception"),
    *("onnx:<file>", "study:<folder>"),
)


@dataclass(frozen=True)
class Features:
    """``features`` float32 (n, d) and, if the network classifies, ``probabilities`` (n, classes).

    ``groups`` (n,) are the patients; None: one per image. Metrics are computed on ``device``.
    """

    features: np.ndarray
    probabilities: np.ndarray | None
    groups: np.ndarray | None = None
    device: torch.device = CPU

    @property
    def matrix(self) -> Tensor:
        """The feature matrix (n, d) on the device."""
        return as_tensor(self.features).to(self.device)


def metrics_device(device: torch.device) -> torch.device:
    """Return where metrics are computed: on CUDA if the features are; Apple's GPUs lack float64."""
    return device if device.type == "cuda" else CPU


@dataclass(frozen=True)
class Figure:
    """A feature with a name, and what is said of images that have ``more`` or ``less`` of it."""

    name: str
    more: str
    less: str


class Extractor(Protocol):
    """Turns uint8 images (n, 1, H, W) into features; ``name`` goes into every result.

    ``figures`` are named features of different units, which have to be standardised before images
    are compared (:func:`fewray.quality.features.standardise.standardised`); networks have none.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def dim(self) -> int: ...  # noqa: D102
    @property
    def figures(self) -> tuple[Figure, ...]: ...  # noqa: D102
    def __call__(self, images: np.ndarray) -> Features: ...  # noqa: D102


@dataclass(frozen=True)
class NetworkExtractor:
    """A network fed with the resized grey image in every one of its ``channels``."""

    name: str
    dim: int
    size: int
    network: Callable[[Tensor], tuple[Tensor, Tensor]]
    mean: float
    scale: float
    device: torch.device
    channels: int = 3
    figures: tuple[Figure, ...] = ()

    @torch.inference_mode()
    def __call__(self, images: np.ndarray) -> Features:
        """Return features and class probabilities, computed in batches in fp32."""
        check_images(images)
        features, probabilities = [np.zeros((0, self.dim), np.float32)], []
        for start in range(0, len(images), BATCH):
            batch = resized(images[start : start + BATCH], (self.size, self.size), self.device)
            batch = ((batch - self.mean) / self.scale).expand(-1, self.channels, -1, -1)
            found, logits = self.network(batch.contiguous(memory_format=torch.channels_last))
            features.append(found.float().cpu().numpy())
            probabilities.append(logits.float().softmax(1).cpu().numpy())
        return Features(
            np.concatenate(features),
            np.concatenate(probabilities) if probabilities else None,
            device=metrics_device(self.device),
        )


def resized(
    images: np.ndarray, size: tuple[int, int], device: torch.device | None = None
) -> Tensor:
    """Return ``images`` (n, 1, H, W) as float32 in 0 to 255 of ``size``.

    Bilinear, antialiased when made smaller.
    """
    batch = torch.from_numpy(np.array(images)).to(device).float()
    if batch.shape[2:] == size:
        return batch
    smaller = batch.shape[2] > size[0] or batch.shape[3] > size[1]
    return functional.interpolate(batch, size, mode="bilinear", antialias=smaller)


@dataclass(frozen=True)
class PixelExtractor:
    """The pixels themselves, reduced to ``size`` x ``size`` and scaled to 0 to 1."""

    size: int = 32
    figures: tuple[Figure, ...] = ()

    @property
    def name(self) -> str:
        """``pixels@<size>``."""
        return f"pixels@{self.size}"

    @property
    def dim(self) -> int:
        """Number of pixels."""
        return self.size**2

    def __call__(self, images: np.ndarray) -> Features:
        """Return the pixels, without probabilities."""
        x = torch.from_numpy(np.array(check_images(images))).float()
        x = functional.interpolate(x, (self.size, self.size), mode="bilinear", antialias=True)
        return Features((x / 255).flatten(1).numpy(), None)
