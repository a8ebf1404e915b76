"""The scale a figure is read on: real against real (the floor), and noise against real (the ceiling), at the same n."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fewray.quality.features import Features

SPLITS = 20
CEILING_IMAGES = 128
UNSTEADY = 3.0
"""A figure whose spread over the splits is above the floor's by this factor is unsteady."""
SHARES = ("precision", "recall", "coverage")
"""Shares of m images: nothing is finer than one image of them, also where the floor has no spread."""

Compare = Callable[[Features, Features], Mapping[str, float]]
"""Real and other features to figures by name."""


@dataclass(frozen=True, kw_only=True)
class Floor:
    """One figure of halves of the real images: mean and spread over random splits, ``m`` images on both sides."""

    metric: str
    m: int
    splits: int
    mean: float
    std: float
    value_mean: float
    """The figure of m synthetic against m real images, over the same splits: the one to compare with the floor."""
    value_std: float
    ceiling: float | None
    """The figure of noise against m (at most 128) real images; None without noise."""

    @property
    def position(self) -> float | None:
        """0: as a half of the real images; 1: as noise. None where noise scores what real images do, or unknown."""
        if self.ceiling is None or abs(self.ceiling - self.mean) <= 3 * max(self.std, 1e-9):
            return None
        return (self.value_mean - self.mean) / (self.ceiling - self.mean)

    @property
    def verdict(self) -> str:
        """The position in words; a figure within two spreads of the floor is called as real.

        Not where it is within them by its own spread alone, much larger than the floor's: a few synthetic images, or one
        over and over, that hit or miss from split to split.
        """
        away = self.value_mean - self.mean
        if abs(away) <= 2 * max(float(np.hypot(self.std, self.value_std)), 1e-9):
            spread = max(self.std, 1 / self.m if self.metric in SHARES else 1e-9)
            if abs(away) > 2 * spread and self.value_std > UNSTEADY * spread:
                return "cannot tell: unsteady from split to split"
            blind = self.metric != "ms_ssim" and self.ceiling is not None and self.position is None
            return "says nothing here: noise scores as real" if blind else "as real"
        if self.metric == "ms_ssim":
            return "less diverse than real" if away > 0 else "more varied than real"
        if self.ceiling is not None and away * (self.ceiling - self.mean) < 0:
            if self.metric == "is_mean":
                return "above real" if away > 0 else "below real"
            return "nearer than real: look for copies"
        if self.metric == "auth_pct":
            return "farther off than real"
        if self.position is None:
            return "off the floor"
        return "as far as noise" if self.position > 1 else f"{100 * self.position:.0f} % of the way to noise"

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers, with ``position`` and ``verdict``."""
        return asdict(self) | {"position": self.position, "verdict": self.verdict}


def floors_of(
    compare: Compare, real: Features, fake: Features, noise: Features | None, *, seed: int, splits: int = SPLITS
) -> dict[str, Floor]:
    """Return the floor of every figure that ``compare`` makes.

    Each split halves the real images, m = floor(n_real / 2); where fewer fakes are there, m is their number. Above 500
    images a half, fewer splits are made, since the spread over them is small: their number is in the result. Empty
    where a half has fewer than two images: nothing can be said then.
    """
    m = min(len(real.features) // 2, len(fake.features))
    if m < 2:
        return {}
    splits = splits if m <= 500 else max(2, splits * 250 // m)
    rng = np.random.default_rng(seed)
    floors: list[Mapping[str, float]] = []
    values: list[Mapping[str, float]] = []
    ceilings: list[Mapping[str, float]] = []
    for _ in range(splits):
        order = rng.permutation(len(real.features))
        first = chosen(real, order[:m])
        floors.append(compare(first, chosen(real, order[m : 2 * m])))
        values.append(compare(first, chosen(fake, rng.choice(len(fake.features), m, replace=False))))
        if noise is not None and len(ceilings) < 5:
            count = min(m, len(noise.features))
            some = rng.choice(len(noise.features), count, replace=False)
            ceilings.append(compare(chosen(first, np.arange(count)), chosen(noise, some)))
    return {
        name: Floor(
            metric=name,
            m=m,
            splits=splits,
            mean=_mean(floors, name),
            std=float(np.std([found[name] for found in floors])),
            value_mean=_mean(values, name),
            value_std=float(np.std([found[name] for found in values])),
            ceiling=_mean(ceilings, name) if ceilings else None,
        )
        for name in floors[0]
    }


def noise_images(size: int, *, seed: int, count: int = CEILING_IMAGES) -> np.ndarray:
    """Return uint8 (count, 1, size, size) of independent uniform pixels: what no generator should be near."""
    return np.random.default_rng(seed).integers(0, 256, (count, 1, size, size), dtype=np.uint8)


def chosen(rows: Features, index: np.ndarray) -> Features:
    """Return some rows."""
    return Features(rows.features[index], None if rows.probabilities is None else rows.probabilities[index])


def _mean(found: list[Mapping[str, float]], name: str) -> float:
    return float(np.mean([each[name] for each in found]))
