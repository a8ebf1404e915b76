"""A simple baseline for GANs: a Gaussian along the principal components of the images."""

from __future__ import annotations

import numpy as np

from fewray.compute.seeds import child_seed
from fewray.errors import InputError
from fewray.imaging.arrays import check_images


def pca_gaussian(
    images: np.ndarray, count: int, *, seed: int, variance: float = 0.95
) -> np.ndarray:
    """Return uint8 (count, 1, S, S), drawn from a Gaussian fitted to ``images`` (n, 1, S, S).

    The fewest principal components that explain a share ``variance``, in (0, 1], of the variance
    are kept. The coordinate along each is normal with the empirical variance (divisor n - 1) and
    independent of the others: probabilistic PCA without its noise (Tipping & Bishop 1999). Values
    are rounded and clipped to 0..255. Image i depends only on ``child_seed(seed, i)`` and the
    fitted images, not on ``count``. The images span at most n - 1 components: from a single image,
    or equal ones, all draws are copies. Each draw is an affine combination of training images, so
    copy checks matter as they do for a GAN.
    """
    check_images(images, "images of the class")
    if not len(images):
        raise InputError("no_images", "images of the class: expected at least 1, got none")
    if count < 0:
        raise InputError(
            "out_of_range", f"synthetic images: expected at least 0, got {count}", value=count
        )
    if not 0 < variance <= 1:
        raise InputError(
            "out_of_range",
            f"variance: expected a share above 0 and up to 1, got {variance}",
            value=variance,
        )
    mean, axes = principal_axes(images.reshape(len(images), -1), variance)
    made = np.empty((count, mean.size), np.uint8)
    # One product per image, because rounding in a larger product depends on its other images.
    for i in range(count):
        coordinates = np.random.default_rng(child_seed(seed, i)).standard_normal(len(axes))
        made[i] = np.rint(mean + coordinates @ axes).clip(0, 255)
    return made.reshape(count, *images.shape[1:])


def principal_axes(rows: np.ndarray, variance: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean (d,) and the scaled principal axes (c, d) of ``rows`` (n, d), float64.

    Each axis has the length of its standard deviation. Axes come from the eigenvectors of the
    smaller product matrix, n x n or d x d. The largest component of an axis is positive, so that
    draws do not depend on the sign that a library chooses.
    """
    rows = rows.astype(np.float64)
    mean = rows.mean(0)
    centred = rows - mean
    n, d = rows.shape
    wide = n <= d
    values, vectors = np.linalg.eigh(centred @ centred.T if wide else centred.T @ centred)
    values, vectors = values[::-1].clip(min=0), vectors[:, ::-1]
    possible = int((values > values.max(initial=0) * 1e-12).sum())
    if not possible or n < 2:
        return mean, np.zeros((0, d))
    shares = np.cumsum(values[:possible]) / values[:possible].sum()
    kept = min(int(np.searchsorted(shares, variance)) + 1, possible)
    values, vectors = values[:kept], vectors[:, :kept]
    # Rows = U S V': from U the axes S V' are U' Rows; from V they are S times V'.
    axes = (vectors.T @ centred if wide else np.sqrt(values)[:, None] * vectors.T) / np.sqrt(n - 1)
    largest = axes[np.arange(kept), np.abs(axes).argmax(1)]
    return mean, axes * np.sign(largest)[:, None]
