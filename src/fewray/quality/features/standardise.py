"""Figures of different units on one scale: standardised by the real images of a comparison.

Standard scores are compressed by arsinh, which is linear for ordinary images and logarithmic for
outliers. Otherwise the cubic kernel of KID would follow the few images and figures that lie
farthest out, and noise would be a million times as far from real images as blur.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fewray.quality.features.extractor import Extractor, Features, Figure

if TYPE_CHECKING:
    from sklearn.preprocessing import StandardScaler


@dataclass(frozen=True)
class Standardised:
    """An extractor whose features are standardised by ``scaler`` and compressed."""

    extractor: Extractor
    scaler: StandardScaler

    @property
    def name(self) -> str:
        """Name of the wrapped extractor."""
        return self.extractor.name

    @property
    def dim(self) -> int:
        """Number of features."""
        return self.extractor.dim

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Figures of the wrapped extractor."""
        return self.extractor.figures

    def __call__(self, images: np.ndarray) -> Features:
        """Return arsinh of each figure's distance from the real images' mean, in their SD."""
        found = self.extractor(images)
        if not len(found.features):
            return found
        scores = self.scaler.transform(found.features.astype(np.float64))
        return replace(found, features=np.arcsinh(scores).astype(np.float32))


def standard_scores(features: np.ndarray) -> np.ndarray:
    """Return float64 (n, d): features of a :class:`Standardised` extractor in SD of real images."""
    return np.sinh(features.astype(np.float64))


def standardised(extractor: Extractor, real: Iterable[np.ndarray]) -> Extractor:
    """Return ``extractor`` with figures standardised by the real images; networks unchanged.

    ``real`` are uint8 images (n, 1, H, W), class by class. Figures that are the same in all of them
    keep their unit.
    """
    if not extractor.figures:
        return extractor
    from sklearn.preprocessing import StandardScaler

    values = np.concatenate([extractor(images).features for images in real])
    return Standardised(extractor, StandardScaler().fit(values.astype(np.float64)))
