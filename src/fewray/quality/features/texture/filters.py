"""Energies at several scales: Laplacian of Gaussian and Haar wavelets (IBSI 2).

Whybra et al. 2024, "The Image Biomarker Standardization Initiative: standardized convolutional
filters", Radiology 310(2).
"""

from __future__ import annotations

import numpy as np
import pywt
from scipy.ndimage import gaussian_filter1d

from fewray.quality.features.texture.first_order import log_energy, shape_of

SIGMAS = (1.0, 1.5, 2.0, 3.0, 4.0)
"""Standard deviations of the Gaussian in pixels. The filter reacts most to spots of 2.8 sigma."""
SHAPED = (1.0, 2.0, 4.0)
"""Those of which skewness and kurtosis are used too."""
WAVELET_LEVELS = 4
"""Level j compares neighbouring squares of 2^(j-1) pixels."""
BANDS = ("horizontal", "vertical", "diagonal")


def filter_energies(images: np.ndarray) -> dict[str, np.ndarray]:
    """Return the figures (n,) of uint8 images (n, H, W) by name; energies are mean squares."""
    x = images.astype(np.float64)
    return {**_laplacian(x), **_wavelets(x)}


def _laplacian(x: np.ndarray) -> dict[str, np.ndarray]:
    found = {}
    for sigma in SIGMAS:
        response = sigma**2 * (_curvature(x, sigma, 1) + _curvature(x, sigma, 2))
        rows = response.reshape(len(x), -1)
        name = f"Laplacian of Gaussian, sigma {sigma:g} px"
        found[f"energy, {name}"] = log_energy((rows**2).mean(1))
        if sigma in SHAPED:
            found[f"skewness, {name}"], found[f"kurtosis, {name}"] = shape_of(rows)
    return found


def _curvature(x: np.ndarray, sigma: float, axis: int) -> np.ndarray:
    """Return the second derivative of the smoothed images along axis 1 or 2."""
    return gaussian_filter1d(gaussian_filter1d(x, sigma, axis, order=2), sigma, 3 - axis)


def _wavelets(x: np.ndarray) -> dict[str, np.ndarray]:
    found = {}
    coefficients = pywt.wavedec2(x, "haar", level=WAVELET_LEVELS, axes=(1, 2))
    for level, details in enumerate(reversed(coefficients[1:]), 1):
        rows = [band.reshape(len(x), -1) for band in details]
        name = f"Haar wavelet, level {level}"
        for band, values in zip(BANDS, rows, strict=True):
            found[f"energy, {name}, {band}"] = log_energy((values**2).mean(1))
        if level < WAVELET_LEVELS:
            found[f"kurtosis, {name}"] = np.mean([shape_of(values)[1] for values in rows], 0)
    return found
