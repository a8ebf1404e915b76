"""The protocol of a generator family: fit as an iterator of ticks, sample by seeds, save and load.

The loop with files (``run``), checkpoints and sampling use this protocol only. A further family is
one file with a class like :class:`fewray.generators.families.dcgan.Dcgan`, and an entry in
:data:`fewray.generators.checkpoint.FAMILIES`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from fewray.config import MOST_POOLED_CLASSES, GanOptions
from fewray.errors import InputError

OnBatch = Callable[[int, int, int], None]
"""Called with the epoch, its batches done, and its batches in all."""


def check_training_images(images: np.ndarray, size: int) -> None:
    """Raise InputError unless ``images`` are uint8 (n, 1, size, size), at least one."""
    if images.dtype != np.uint8 or images.shape[1:] != (1, size, size) or len(images) == 0:
        message = f"images: {images.dtype} {images.shape}, expected uint8 (n, 1, {size}, {size})."
        raise InputError("images_shape", message, shape=images.shape, dtype=str(images.dtype))


def check_labels(labels: np.ndarray | None, count: int) -> np.ndarray:
    """Return the classes int64 (count,) of training images: zeros for one class (None).

    InputError ``too_many_classes`` for more than a pooled generator can learn.
    """
    given = np.zeros(count, np.int64) if labels is None else labels
    if (classes := int(given.max()) + 1) > MOST_POOLED_CLASSES:
        limit = f"one generator learns at most {MOST_POOLED_CLASSES}"
        message = f"{classes} classes: {limit}. Use --recipe auto, or choose some with --classes."
        raise InputError("too_many_classes", message, found=classes, expected=MOST_POOLED_CLASSES)
    return given


def ignore_batch(epoch: int, batch: int, batches: int) -> None:
    """Do nothing after a batch."""


@dataclass(frozen=True, kw_only=True)
class Tick:
    """What one epoch did. Values are means over its batches."""

    epoch: int
    """Epochs done, from 1."""
    epochs: int
    batches: int
    step: int
    images_seen: int
    """Real images shown to the network, repeats counted."""
    values: Mapping[str, float]
    """Losses and the like: fields of :class:`fewray.results.training.EpochRow`."""

    @property
    def finite(self) -> bool:
        """Whether all values are finite; ``diversity`` need not be."""
        return all(math.isfinite(v) for name, v in self.values.items() if name != "diversity")


class Family(Protocol):
    """The generator of one class, or of several if pooled, while it is trained and afterwards."""

    options: GanOptions
    seed: int
    device: torch.device
    epoch: int
    """Epochs done."""
    class_index: int
    """The class that :meth:`sample` makes, of those that a pooled generator learnt; else 0."""

    def __init__(self, options: GanOptions, *, seed: int, device: torch.device) -> None:
        """Build an untrained generator; InputError for options that the family does not support."""
        ...

    def fit(
        self,
        images: np.ndarray,
        labels: np.ndarray | None = None,
        *,
        precision: str = "fp32",
        on_batch: OnBatch = ignore_batch,
    ) -> Iterator[Tick]:
        """Train on uint8 ``images`` (n, 1, S, S) until ``options.epochs``; yield a Tick per epoch.

        ``labels`` int64 (n,) are the classes of the images of a pooled generator, from 0.
        Training continues after ``epoch``. The random numbers of an epoch depend on the seed and
        the epoch only, so that a resumed run ends with the same bits as an uninterrupted one.
        """
        ...

    @staticmethod
    def batches_per_epoch(count: int, options: GanOptions) -> int:
        """Return the batches of an epoch with ``count`` training images."""
        ...

    def sample(self, seeds: Sequence[int]) -> np.ndarray:
        """Return uint8 images (n, 1, S, S); image i is a function of ``seeds[i]``."""
        ...

    def walk(self, first: int, second: int, at: Sequence[float]) -> np.ndarray:
        """Return uint8 images (n, 1, S, S) between those of seeds ``first`` (0) and ``second`` (1).

        ``at`` are n positions between 0 and 1. InputError ``no_interpolation`` where the family has
        no continuous latents.
        """
        ...

    def recognition(self, images: np.ndarray) -> np.ndarray:
        """Return a score float32 (n,) of uint8 ``images`` (n, 1, S, S) of the class.

        It is higher for images that training has fitted more closely. InputError
        ``no_recognition`` where the family has no such score.
        """
        ...

    def is_finite(self) -> bool:
        """Return whether every weight is finite."""
        ...

    def tensors(self) -> dict[str, Tensor]:
        """Return everything that a checkpoint must hold, by name."""
        ...

    def load_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore what :meth:`tensors` returned."""
        ...
