"""Real against real: what a metric says of two halves of the real images, and of a synthetic set of the same size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

SPLITS = 20

Metric = Callable[[np.ndarray, np.ndarray], float]
"""Features real (n, d) and fake (m, d) to a number."""


@dataclass(frozen=True, kw_only=True)
class Floor:
    """Mean and spread over random splits, with m = floor(n_real / 2) images on both sides."""

    m: int
    splits: int
    mean: float
    std: float
    value_mean: float
    """The metric of m synthetic against m real images, over the same splits."""
    value_std: float

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers."""
        return asdict(self)


def floor_of(metric: Metric, real: np.ndarray, fake: np.ndarray, *, seed: int, splits: int = SPLITS) -> Floor | None:
    """Return the floor of ``metric`` on ``real`` (n, d) and its value on ``fake`` at the same number of images.

    None where either side has fewer than two images a half: nothing can be said then.
    """
    m = min(len(real) // 2, len(fake))
    if m < 2:
        return None
    rng = np.random.default_rng(seed)
    floors, values = [], []
    for _ in range(splits):
        order = rng.permutation(len(real))
        first, second = real[order[:m]], real[order[m : 2 * m]]
        floors.append(metric(first, second))
        values.append(metric(first, fake[rng.choice(len(fake), m, replace=False)]))
    return Floor(
        m=m,
        splits=splits,
        mean=float(np.mean(floors)),
        std=float(np.std(floors)),
        value_mean=float(np.mean(values)),
        value_std=float(np.std(values)),
    )
