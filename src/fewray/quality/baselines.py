"""The scale of a metric: real against real and noise against real images, at the same n."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import msgspec
import numpy as np

from fewray.quality.features.extractor import Features
from fewray.results.quality import Baseline

SPLITS = 20
FEWEST_SPLITS = 3
NOISE_IMAGES = 128
UNSTABLE = 3.0
"""A metric is unstable if its spread over the splits exceeds that of real images by this factor."""
RESOLUTION = 0.5
"""A metric cannot tell if images this far on the way to noise could score as real."""
PROPORTIONS = ("precision", "recall", "coverage")
"""Proportions of m images: differences below 1 / m cannot be resolved."""
BETTER_THAN_REAL = {
    "precision": "low_diversity_or_copies",
    "density": "low_diversity_or_copies",
    "recall": "outliers_or_copies",
    "coverage": "outliers_or_copies",
}
"""By metric: the verdict on a value farther from noise than real images are.

Precision and density are high for images in the middle of the real ones, recall and coverage for
images that lie far apart.
"""

MORE_IS_ALIKE = {"ms_ssim": True, "vendi": False}
"""Metrics of the synthetic images alone: whether a higher value means less diverse images."""

Compare = Callable[[Features, Features], Mapping[str, float]]
"""Real and other features to metrics by name."""


def baselines_of(
    compare: Compare,
    real: Features,
    fake: Features,
    noise: Features | None,
    *,
    seed: int,
    splits: int = SPLITS,
) -> dict[str, Baseline]:
    """Return the baseline of every metric that ``compare`` computes.

    Each split takes one random image per patient and halves them: m = floor(patients / 2), or the
    number of synthetic images if that is lower. Several images of a patient would count too much or
    stand in both halves. Above 500 images per half fewer splits are made, at least 3, since the
    spread over them is small. Empty if a half has fewer than 2 images.
    """
    m = min(_patients(real) // 2, _patients(fake))
    if m < 2:
        return {}
    splits = splits if m <= 500 else max(FEWEST_SPLITS, splits * 250 // m)
    rng = np.random.default_rng(seed)
    halves: list[Mapping[str, float]] = []
    values: list[Mapping[str, float]] = []
    noises: list[Mapping[str, float]] = []
    for _ in range(splits):
        order = one_per_patient(real, rng)
        first = take(real, order[:m])
        halves.append(compare(first, take(real, order[m : 2 * m])))
        values.append(compare(first, take(fake, one_per_patient(fake, rng)[:m])))
        if noise is not None and len(noises) < 5:
            count = min(m, len(noise.features))
            some = rng.choice(len(noise.features), count, replace=False)
            noises.append(compare(take(first, np.arange(count)), take(noise, some)))

    def over(found: list[Mapping[str, float]], name: str) -> list[float]:
        return [each[name] for each in found]

    return {
        name: with_verdict(
            name,
            m=m,
            splits=splits,
            real_vs_real=float(np.mean(over(halves, name))),
            real_vs_real_sd=float(np.std(over(halves, name), ddof=1)),
            synthetic=float(np.mean(over(values, name))),
            synthetic_sd=float(np.std(over(values, name), ddof=1)),
            noise=float(np.mean(over(noises, name))) if noises else None,
        )
        for name in halves[0]
    }


def with_verdict(
    metric: str,
    *,
    m: int,
    splits: int,
    real_vs_real: float,
    real_vs_real_sd: float,
    synthetic: float,
    synthetic_sd: float,
    noise: float | None,
) -> Baseline:
    """Return the baseline of ``metric`` with its position and verdict."""
    position = None
    if noise is not None and abs(noise - real_vs_real) > 3 * max(real_vs_real_sd, 1e-9):
        position = (synthetic - real_vs_real) / (noise - real_vs_real)
    found = Baseline(
        m=m,
        splits=splits,
        real_vs_real=real_vs_real,
        real_vs_real_sd=real_vs_real_sd,
        synthetic=synthetic,
        synthetic_sd=synthetic_sd,
        noise=noise,
        position=position,
        verdict="as_real",
    )
    return msgspec.structs.replace(found, verdict=_verdict(metric, found))


def _verdict(metric: str, found: Baseline) -> str:
    """Return a code of :data:`fewray.results.quality.BASELINE_VERDICTS`.

    Synthetic images score as real ones within Student's t at 95% (2 without splits) times the
    spread of both together. This does not hold if they do so by their own spread alone, much larger
    than that of real images: a few images, or one repeated, that hit or miss from split to split.
    Nor does it if the spread of both is so large that images halfway to noise would score as real.
    """
    from scipy.stats import t

    quantile = float(t.ppf(0.975, found.splits - 1)) if found.splits > 1 else 2.0
    away = found.synthetic - found.real_vs_real
    reach = quantile * max(float(np.hypot(found.real_vs_real_sd, found.synthetic_sd)), 1e-9)
    if abs(away) <= reach:
        spread = max(found.real_vs_real_sd, 1 / found.m if metric in PROPORTIONS else 1e-9)
        if abs(away) > quantile * spread and found.synthetic_sd > UNSTABLE * spread:
            return "unstable"
        if found.noise is None or metric in MORE_IS_ALIKE:
            return "as_real"  # noise may be as diverse as real images
        if found.position is None:
            return "uninformative"
        too_few = reach > RESOLUTION * abs(found.noise - found.real_vs_real)
        return "indistinct" if too_few else "as_real"
    if metric in MORE_IS_ALIKE:
        return "less_diverse" if (away > 0) == MORE_IS_ALIKE[metric] else "more_diverse"
    if found.noise is not None and away * (found.noise - found.real_vs_real) < 0:
        if metric == "is_mean":
            return "above_real" if away > 0 else "below_real"
        return BETTER_THAN_REAL.get(metric, "closer_than_real")
    if metric == "auth_pct":
        return "farther_than_real"
    if found.position is None:
        return "differs_from_real"
    return "as_noise" if found.position > 1 else "towards_noise"


def noise_images(size: int, *, seed: int, count: int = NOISE_IMAGES) -> np.ndarray:
    """Return uint8 (count, 1, size, size) of independent uniform pixels."""
    return np.random.default_rng(seed).integers(0, 256, (count, 1, size, size), dtype=np.uint8)


def take(features: Features, index: np.ndarray) -> Features:
    """Return the features of some images."""
    probabilities, groups = (
        None if of is None else of[index] for of in (features.probabilities, features.groups)
    )
    return replace(
        features, features=features.features[index], probabilities=probabilities, groups=groups
    )


def one_per_patient(features: Features, rng: np.random.Generator) -> np.ndarray:
    """Return the index of one random image of each patient, in random order."""
    order = rng.permutation(len(features.features))
    if features.groups is None:
        return order
    return order[np.sort(np.unique(features.groups[order], return_index=True)[1])]


def _patients(features: Features) -> int:
    groups = features.groups
    return len(features.features) if groups is None else len(np.unique(groups))
