"""Does a discriminator know its training images? A sign of over-training that needs no synthetic image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from fewray.device import choose_device
from fewray.gan.checkpoint import load_checkpoint
from fewray.images import to_float


@torch.inference_mode()
def discriminator_scores(checkpoint: Path, images: np.ndarray, *, device: str = "auto") -> np.ndarray:
    """Return D's logits float32 (n,) of uint8 ``images`` (n, 1, 64, 64), in evaluation mode and fp32."""
    if len(images) == 0:
        return np.zeros(0, np.float32)
    state = load_checkpoint(checkpoint, choose_device(device))
    state.D.eval()
    return np.concatenate([state.D(part.to(state.device)).cpu().numpy() for part in to_float(images).split(100)])


def membership(checkpoint: Path, train: np.ndarray, held_out: np.ndarray, *, device: str = "auto") -> dict[str, Any]:
    """Return how well D's score tells training from held-out images (Hayes et al. 2019, arXiv 1705.07663).

    ``auc``: 0.5 where it cannot, 1 where every training image scores higher; ``ci`` its 95 % interval (Hanley & McNeil
    1982), wide at sixty images. Films of the two that differ in source are told apart by that as well.
    """
    first, second = (discriminator_scores(checkpoint, images, device=device) for images in (train, held_out))
    n, m = len(first), len(second)
    if n == 0 or m == 0:
        return {"auc": None, "ci": None, "num_train": n, "num_held_out": m}
    higher = (first[:, None] > second).mean() + 0.5 * (first[:, None] == second).mean()
    auc = float(higher)
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = (auc * (1 - auc) + (n - 1) * (q1 - auc**2) + (m - 1) * (q2 - auc**2)) / (n * m)
    half = 1.96 * float(np.sqrt(max(0.0, variance)))
    return {"auc": auc, "ci": [max(0.0, auc - half), min(1.0, auc + half)], "num_train": n, "num_held_out": m}
