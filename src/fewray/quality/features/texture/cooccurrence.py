"""Grey-level co-occurrence (Haralick et al. 1973): how grey levels of pixel pairs are related.

Matrices are scikit-image's. The figures are those of IBSI section 3.6 (Zwanenburg et al. 2016,
arXiv 1612.07003), of the symmetric matrix merged over four directions. Figures that are functions
of others are left out: sum average, sum variance and difference average.
"""

from __future__ import annotations

import numpy as np
from skimage.feature import graycomatrix

from fewray.quality.features.texture.first_order import (
    LEVELS,
    discretised,
    entropy,
    log2,
    log_energy,
    ratio,
)

DISTANCES = (1, 2, 4)
"""Pixels between the two of a pair; diagonal steps are rounded to whole pixels."""
ANGLES = (0.0, np.pi / 4, np.pi / 2, 3 * np.pi / 4)
FARTHER = (
    "contrast",
    "inverse difference moment",
    "correlation",
    "joint entropy",
    "angular second moment",
    "first measure of information correlation",
)
"""The figures used at distances above 1."""


def matrices(images: np.ndarray) -> np.ndarray:
    """Return co-occurrence probabilities (n, distances, LEVELS, LEVELS) of uint8 (n, H, W)."""
    counts = np.stack(
        [
            graycomatrix(image, DISTANCES, ANGLES, levels=LEVELS, symmetric=True).sum(3)
            for image in discretised(images)
        ]
    )
    counts = np.moveaxis(counts, 3, 1).astype(np.float64)
    return counts / counts.sum((2, 3), keepdims=True)


def cooccurrence(images: np.ndarray) -> dict[str, np.ndarray]:
    """Return the figures (n,) of uint8 images (n, H, W) by name and distance."""
    found = {}
    every = matrices(images)
    for index, distance in enumerate(DISTANCES):
        for name, values in figures_of(every[:, index]).items():
            if distance == DISTANCES[0] or name in FARTHER:
                found[f"{name}, distance {distance} px"] = values
    return found


def figures_of(p: np.ndarray) -> dict[str, np.ndarray]:
    """Return the figures (n,) of symmetric probabilities (n, g, g); grey levels count from 1.

    Variances, contrast and clusters are logarithms, cluster shade is a cube root.
    """
    n, g = len(p), p.shape[1]
    i, j = np.meshgrid(np.arange(1.0, g + 1), np.arange(1.0, g + 1), indexing="ij")
    away = np.abs(i - j)
    difference = _summed(p, away.astype(int), g)
    total = _summed(p, (i + j).astype(int) - 2, 2 * g - 1)
    margin, levels, steps = p.sum(2), np.arange(1.0, g + 1), np.arange(g)

    def mean(values: np.ndarray) -> np.ndarray:
        return (p * values).sum((1, 2))

    average = mean(i)
    variance = (margin * (levels - average[:, None]) ** 2).sum(1)
    dissimilarity = mean(away)
    spread = steps - dissimilarity[:, None]
    cluster = i + j - 2 * average[:, None, None]
    product = margin[:, :, None] * margin[:, None, :]
    joint, alone = entropy(p), entropy(margin)
    first = -(p * log2(product)).sum((1, 2))
    second = entropy(product)
    unequal = np.where(away > 0, 1 / np.where(away > 0, away, 1) ** 2, 0.0)
    correlation = np.where(
        variance > 1e-12, ratio(mean(i * j) - average**2, np.maximum(variance, 1e-12)), 1.0
    )
    return {
        "joint maximum": p.reshape(n, -1).max(1),
        "joint average": average,
        "joint variance": log_energy(variance),
        "joint entropy": joint,
        "angular second moment": (p**2).sum((1, 2)),
        "autocorrelation": mean(i * j),
        "correlation": correlation,
        "contrast": log_energy(mean(away**2)),
        "dissimilarity": dissimilarity,
        "difference variance": log_energy((difference * spread**2).sum(1)),
        "difference entropy": entropy(difference),
        "sum entropy": entropy(total),
        "inverse difference": mean(1 / (1 + away)),
        "normalised inverse difference": mean(1 / (1 + away / g)),
        "inverse difference moment": mean(1 / (1 + away**2)),
        "normalised inverse difference moment": mean(1 / (1 + (away / g) ** 2)),
        "inverse variance": mean(unequal),
        "cluster tendency": log_energy((p * cluster**2).sum((1, 2))),
        "cluster shade": np.cbrt((p * cluster**3).sum((1, 2))),
        "cluster prominence": log_energy((p * cluster**4).sum((1, 2))),
        "first measure of information correlation": ratio(joint - first, alone),
        "second measure of information correlation": np.sqrt(
            1 - np.exp(-2 * np.maximum(second - joint, 0))
        ),
    }


def _summed(p: np.ndarray, index: np.ndarray, size: int) -> np.ndarray:
    """Return (n, size): the sums of (n, g, g) over the places of equal ``index`` (g, g)."""
    member = np.zeros((index.size, size))
    member[np.arange(index.size), index.ravel()] = 1
    return p.reshape(len(p), -1) @ member
