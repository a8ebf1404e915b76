"""The extractor ``texture``: radiomic figures of grey images, for distances as Konz et al. 2024.

arXiv 2412.01496. No network is involved, so no generator that was trained with a pretrained network
is close by construction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fewray.errors import InputError
from fewray.imaging.arrays import check_images
from fewray.quality.features.extractor import Features, Figure
from fewray.quality.features.texture.cooccurrence import cooccurrence
from fewray.quality.features.texture.filters import filter_energies
from fewray.quality.features.texture.first_order import first_order
from fewray.quality.features.texture.run_lengths import run_lengths
from fewray.quality.features.texture.words import FIGURES

BATCH = 128
SMALLEST = 32
"""Pixels on the shorter side from which all scales exist."""


@dataclass(frozen=True)
class TextureExtractor:
    """Radiomic figures at the images' own size; compare images of one size only.

    The figures differ in unit: see :func:`fewray.quality.features.standardise.standardised`.
    """

    name: str = "texture"
    dim: int = len(FIGURES)
    figures: tuple[Figure, ...] = FIGURES

    def __call__(self, images: np.ndarray) -> Features:
        """Return float32 (n, 90), every figure in its own unit, without class probabilities.

        InputError for images of fewer than 32 px.
        """
        if min(check_images(images).shape[2:]) < SMALLEST:
            height, width = images.shape[2:]
            message = f"--extractor texture: images of {height} x {width} px, expected at least"
            raise InputError("image_too_small", f"{message} {SMALLEST} px.", found=(height, width))
        found = [np.zeros((0, self.dim), np.float32)]
        for start in range(0, len(images), BATCH):
            found.append(_figures(images[start : start + BATCH, 0]))
        return Features(np.concatenate(found), None)


def _figures(images: np.ndarray) -> np.ndarray:
    """Return float32 (n, figures) of uint8 images (n, H, W)."""
    values = {
        **first_order(images),
        **cooccurrence(images),
        **run_lengths(images),
        **filter_energies(images),
    }
    return np.stack([values[figure.name] for figure in FIGURES], 1).astype(np.float32)
