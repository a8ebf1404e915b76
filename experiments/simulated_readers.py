"""Simulated readers after Roe & Metz (1997), whose true AUC is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

CUTS = np.array([-1.5, -0.9, -0.4, 0.0, 0.4, 0.8, 1.2, 1.7, 2.3])
"""Where the latent rating passes from one step of the ten-step scale to the next."""


@dataclass(frozen=True, kw_only=True)
class Variances:
    """Variance components of the latent rating (Roe & Metz 1997, table 1).

    ``image + image_modality + image_reader + error`` is 1.
    """

    reader: float
    reader_modality: float
    image: float
    image_modality: float
    image_reader: float
    error: float


STRUCTURES = {
    f"{images}{readers}": Variances(
        reader=reader,
        reader_modality=reader,
        image=image,
        image_modality=image,
        image_reader=0.2,
        error=error,
    )
    for images, image, error in (("L", 0.1, 0.6), ("H", 0.3, 0.2))
    for readers, reader in (("L", 0.0055), ("H", 0.03))
}
"""By letters: images correlate between readers little (L) or much (H); readers differ little (L) or
much (H)."""


def latent_ratings(
    draw: np.random.Generator,
    studies: int,
    readers: int,
    num_real: int,
    num_synthetic: int,
    separations: Sequence[float],
    v: Variances,
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return ratings of real (studies, readers, num_real) and of synthetic images, by generator.

    Every reader sees the real images once; each generator has its own images. ``separations`` are
    the mean ratings of synthetic images minus that of real ones, one per generator.
    """

    def normal(variance: float, *shape: int) -> np.ndarray:
        return np.sqrt(variance) * draw.standard_normal(shape)

    def images(number: int) -> np.ndarray:
        own = normal(v.image + v.image_modality, studies, 1, number)
        return own + normal(v.image_reader + v.error, studies, readers, number)

    real = images(num_real) + normal(v.reader + v.reader_modality, studies, readers, 1)
    skill = normal(v.reader, studies, readers, 1)
    synthetic = [
        images(num_synthetic) + mu + skill + normal(v.reader_modality, studies, readers, 1)
        for mu in separations
    ]
    return real, synthetic


def ten_steps(latent: np.ndarray) -> np.ndarray:
    """Return ratings from 1 to 10."""
    return np.searchsorted(CUTS, latent) + 1


def true_auc(separation: float, v: Variances, *, steps: bool) -> float:
    """Return the AUC expected of a random reader, exactly; ``steps``: on the ten-step scale."""
    sd = np.sqrt(1 + v.reader + v.reader_modality)
    if not steps:
        return float(norm.cdf(separation / (sd * np.sqrt(2))))
    edges = np.r_[-np.inf, CUTS, np.inf]
    real = np.diff(norm.cdf(edges / sd))
    synthetic = np.diff(norm.cdf((edges - separation) / sd))
    below = np.cumsum(real) - real
    return float((synthetic * (below + real / 2)).sum())


def separation_of(auc: float, v: Variances) -> float:
    """Return the separation at which latent ratings have this AUC."""
    return float(norm.ppf(auc) * np.sqrt(2 * (1 + v.reader + v.reader_modality)))
