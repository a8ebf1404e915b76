"""The scale a figure is read on: real against real (the floor), and noise against real (the ceiling), at the same n."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from fewray.quality.features.extractor import Features

SPLITS = 20
CEILING_IMAGES = 128
UNSTEADY = 3.0
"""A figure whose spread over the splits is above the floor's by this factor is unsteady."""
SHARES = ("precision", "recall", "coverage")
"""Shares of m images: nothing is finer than one image of them, also where the floor has no spread."""
LEAST_SPLITS = 3
ABOVE_REAL = {
    "precision": "above real: low diversity or copies",
    "density": "above real: low diversity or copies",
    "recall": "above real: scattered images or copies",
    "coverage": "above real: scattered images or copies",
}
"""Precision and density are high for images that all lie in the middle, recall and coverage for images far apart."""

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
    def reach(self) -> float:
        """How many spreads off the floor are more than chance: t at 95 %, of as many splits; 2 where it is not of splits."""
        from scipy.stats import t

        return float(t.ppf(0.975, self.splits - 1)) if self.splits > 1 else 2.0

    @property
    def verdict(self) -> str:
        """The position in words; a figure within two spreads of the floor is called as real.

        The spread is that of the floor and of the figure together, two is Student's t of 95 % where the splits are few.
        Not where it is within them by its own spread alone, much larger than the floor's: a few synthetic images, or one
        over and over, that hit or miss from split to split.
        """
        away = self.value_mean - self.mean
        reach = self.reach
        if abs(away) <= reach * max(float(np.hypot(self.std, self.value_std)), 1e-9):
            spread = max(self.std, 1 / self.m if self.metric in SHARES else 1e-9)
            if abs(away) > reach * spread and self.value_std > UNSTEADY * spread:
                return "cannot tell: unsteady from split to split"
            blind = self.metric != "ms_ssim" and self.ceiling is not None and self.position is None
            return "says nothing here: noise scores as real" if blind else "as real"
        if self.metric == "ms_ssim":
            return "less diverse than real" if away > 0 else "more varied than real"
        if self.ceiling is not None and away * (self.ceiling - self.mean) < 0:
            if self.metric == "is_mean":
                return "above real" if away > 0 else "below real"
            return ABOVE_REAL.get(self.metric, "nearer than real: look for copies")
        if self.metric == "auth_pct":
            return "farther off than real"
        if self.position is None:
            return "off the floor"
        return (
            "as far as noise"
            if self.position > 1
            else f"{100 * self.position:.0f} % of the way to noise"
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers, with ``position`` and ``verdict``."""
        return asdict(self) | {"position": self.position, "verdict": self.verdict}


def floors_of(
    compare: Compare,
    real: Features,
    fake: Features,
    noise: Features | None,
    *,
    seed: int,
    splits: int = SPLITS,
) -> dict[str, Floor]:
    """Return the floor of every figure that ``compare`` makes.

    Each split takes one film of each patient, at random, and halves these: m = floor(patients / 2), which is
    floor(n_real / 2) where every film is of its own. Several films of one would count for more than they tell, or
    stand in both halves. Where fewer fakes are there, m is their number. Above 500 images a half, fewer splits are made,
    at least 3, since the spread over them is small: their number is in the result. Empty where a half has fewer than two
    images: nothing can be said then.
    """
    m = min(_patients(real) // 2, _patients(fake))
    if m < 2:
        return {}
    splits = splits if m <= 500 else max(LEAST_SPLITS, splits * 250 // m)
    rng = np.random.default_rng(seed)
    floors: list[Mapping[str, float]] = []
    values: list[Mapping[str, float]] = []
    ceilings: list[Mapping[str, float]] = []
    for _ in range(splits):
        order = one_of_each(real, rng)
        first = chosen(real, order[:m])
        floors.append(compare(first, chosen(real, order[m : 2 * m])))
        values.append(compare(first, chosen(fake, one_of_each(fake, rng)[:m])))
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
            std=float(np.std([found[name] for found in floors], ddof=1)),
            value_mean=_mean(values, name),
            value_std=float(np.std([found[name] for found in values], ddof=1)),
            ceiling=_mean(ceilings, name) if ceilings else None,
        )
        for name in floors[0]
    }


def noise_images(size: int, *, seed: int, count: int = CEILING_IMAGES) -> np.ndarray:
    """Return uint8 (count, 1, size, size) of independent uniform pixels: what no generator should be near."""
    return np.random.default_rng(seed).integers(0, 256, (count, 1, size, size), dtype=np.uint8)


def chosen(rows: Features, index: np.ndarray) -> Features:
    """Return some rows."""
    probabilities, groups = (
        None if of is None else of[index] for of in (rows.probabilities, rows.groups)
    )
    return replace(rows, features=rows.features[index], probabilities=probabilities, groups=groups)


def one_of_each(rows: Features, rng: np.random.Generator) -> np.ndarray:
    """Return the index of one row of each patient, chosen at random, in random order."""
    order = rng.permutation(len(rows.features))
    if rows.groups is None:
        return order
    return order[np.sort(np.unique(rows.groups[order], return_index=True)[1])]


def _patients(rows: Features) -> int:
    return len(rows.features) if rows.groups is None else len(np.unique(rows.groups))


def _mean(found: list[Mapping[str, float]], name: str) -> float:
    return float(np.mean([each[name] for each in found]))
