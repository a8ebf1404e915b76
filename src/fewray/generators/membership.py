"""Does a discriminator know its training images? A sign of over-training that needs no synthetic image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from fewray.compute.device import choose_device
from fewray.generators.checkpoint import load_checkpoint
from fewray.imaging.arrays import to_float

Z95 = 1.959964
"""Of a two-sided 95 % interval."""
STEPS = 60
"""Halvings of 0 to 1: the ends are exact to float64."""


@torch.inference_mode()
def discriminator_scores(
    checkpoint: Path, images: np.ndarray, *, device: str = "auto"
) -> np.ndarray:
    """Return D's logits float32 (n,) of uint8 ``images`` (n, 1, 64, 64), in evaluation mode and fp32."""
    if len(images) == 0:
        return np.zeros(0, np.float32)
    state = load_checkpoint(checkpoint, choose_device(device))
    state.D.eval()
    return np.concatenate(
        [state.D(part.to(state.device)).cpu().numpy() for part in to_float(images).split(100)]
    )


def membership(
    checkpoint: Path, train: np.ndarray, held_out: np.ndarray, *, device: str = "auto"
) -> dict[str, Any]:
    """Return how well D's score tells training from held-out images (Hayes et al. 2019, arXiv 1705.07663).

    ``auc``: 0.5 where it cannot, 1 where every training image scores higher; ``ci`` is :func:`auc_interval`, wide at
    sixty images. Both are None where one side has no image. Films of the two that differ in source are told apart by
    that as well.
    """
    first, second = (
        discriminator_scores(checkpoint, images, device=device) for images in (train, held_out)
    )
    n, m = len(first), len(second)
    if n == 0 or m == 0:
        return {"auc": None, "ci": None, "num_train": n, "num_held_out": m}
    auc = float((first[:, None] > second).mean() + 0.5 * (first[:, None] == second).mean())
    return {"auc": auc, "ci": list(auc_interval(auc, n, m)), "num_train": n, "num_held_out": m}


def auc_interval(auc: float, n: int, m: int, z: float = Z95) -> tuple[float, float]:
    """Return the ends of the score interval of an AUC (the Mann-Whitney statistic over n m) from n against m scores.

    They are the values t with (auc - t)^2 = z^2 V(t), where V is the variance of Hanley & McNeil (1982) at t, both sample
    sizes in its brackets replaced by their mean (Newcombe 2006, Statistics in Medicine 25:559-573, method 5). V is taken
    at the ends and not at the estimate, so that an AUC of 0 or 1 has an interval too; with one score a side it is
    Wilson's. Within 0 to 1, rising with ``auc``. Scores of one patient count as independent.
    """
    return _end(auc, n, m, z), 1 - _end(1 - auc, n, m, z)


def _end(auc: float, n: int, m: int, z: float) -> float:
    """Return the lower end by bisection: (auc - t)^2 - z^2 V(t) falls through 0 once between 0 and ``auc``."""
    size = (n + m) / 2 - 1
    low, high = 0.0, auc
    for _ in range(STEPS):
        t = (low + high) / 2
        variance = t * (1 - t) * (1 + size * ((1 - t) / (2 - t) + t / (1 + t))) / (n * m)
        low, high = (t, high) if (auc - t) ** 2 > z * z * variance else (low, t)
    return low
