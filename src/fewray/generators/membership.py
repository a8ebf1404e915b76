"""Whether a generator recognises its training images: a sign of overfitting."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fewray.compute.device import choose_device
from fewray.generators.checkpoint import load_checkpoint
from fewray.results.quality import Membership

Z95 = 1.959964
STEPS = 60
"""Bisections of 0 to 1: exact to float64."""


def membership(
    checkpoint: Path, label: str, train: np.ndarray, held_out: np.ndarray, *, device: str = "auto"
) -> Membership:
    """Return how well a generator tells training from held-out images, all uint8 (n, 1, S, S).

    A membership inference attack (Hayes et al. 2019, arXiv 1705.07663) with the score of the family
    (:meth:`fewray.generators.family.Family.recognition`) for images of class ``label``. Its
    interval is :func:`auc_interval`, wide at sixty images. Sets from different sources are
    separated by their source as well. InputError ``no_recognition`` for families without a score.
    """
    generator = load_checkpoint(checkpoint, choose_device(device), label)
    first, second = (
        generator.recognition(images) if len(images) else np.zeros(0)
        for images in (train, held_out)
    )
    n, m = len(first), len(second)
    auc = ci = None
    if n and m:
        auc = float((first[:, None] > second).mean() + 0.5 * (first[:, None] == second).mean())
        ci = auc_interval(auc, n, m)
    return Membership(auc=auc, ci=ci, num_train=n, num_held_out=m)


def auc_interval(auc: float, n: int, m: int, z: float = Z95) -> tuple[float, float]:
    """Return the score interval of an AUC from n against m scores.

    Its ends are the values t with (auc - t)^2 = z^2 V(t). V is the variance of Hanley & McNeil
    (1982) at t with both sample sizes in its brackets replaced by their mean (Newcombe 2006,
    Statistics in Medicine 25:559-573, method 5). V is taken at the ends, not at the estimate, so
    that an AUC of 0 or 1 has an interval; with one score per side it is Wilson's. Scores of one
    patient count as independent.
    """
    return _end(auc, n, m, z), 1 - _end(1 - auc, n, m, z)


def _end(auc: float, n: int, m: int, z: float) -> float:
    """Return the lower end by bisection: (auc - t)^2 - z^2 V(t) crosses 0 once in 0 to ``auc``."""
    size = (n + m) / 2 - 1
    low, high = 0.0, auc
    for _ in range(STEPS):
        t = (low + high) / 2
        variance = t * (1 - t) * (1 + size * ((1 - t) / (2 - t) + t / (1 + t))) / (n * m)
        low, high = (t, high) if (auc - t) ** 2 > z * z * variance else (low, t)
    return low
