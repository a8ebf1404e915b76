"""The cheap generator a GAN must beat: a Gaussian along the principal components of one class's images."""

from __future__ import annotations

import numpy as np

from fewray.compute.seeds import child_seed
from fewray.errors import InputError
from fewray.imaging.arrays import check_images


def pca_gaussian(
    images: np.ndarray, count: int, *, seed: int, variance: float = 0.95
) -> np.ndarray:
    """Return uint8 (count, 1, S, S): draws from a Gaussian fitted to uint8 ``images`` (n, 1, S, S) of one class.

    The fewest principal components whose variances sum to ``variance`` of the whole, in (0, 1], are kept; along each the
    coordinate is normal with the empirical variance (divisor n - 1) and independent of the others, around the mean image:
    probabilistic PCA without its noise (Tipping & Bishop 1999). Rounded and clipped to 0..255. Image i depends on
    ``child_seed(seed, i)`` and the fitted images alone, not on ``count``. The n films span at most n - 1 components: one
    film, or films that are all equal, give copies of it, and two give points of the line through both. A draw is an
    affine combination of training films, so copy checks concern it as they do a GAN's images.
    """
    check_images(images, "images of the class")
    if not len(images):
        raise InputError("images of the class: none; at least 1 is wanted")
    if count < 0:
        raise InputError(f"synthetic images: {count}; at least 0 is wanted")
    if not 0 < variance <= 1:
        raise InputError(f"variance: {variance}; a share above 0 and up to 1 is wanted")
    mean, axes = principal_axes(images.reshape(len(images), -1), variance)
    made = np.empty((count, mean.size), np.uint8)
    for i in range(
        count
    ):  # one product an image: in a product of many, rounding would depend on the neighbours
        coordinates = np.random.default_rng(child_seed(seed, i)).standard_normal(len(axes))
        made[i] = np.rint(mean + coordinates @ axes).clip(0, 255)
    return made.reshape(count, *images.shape[1:])


def principal_axes(rows: np.ndarray, variance: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean (d,) and the kept axes (c, d) of ``rows`` (n, d), float64; an axis is as long as its deviation.

    By the eigenvectors of the smaller of the two matrices of products, n x n or d x d. An axis points to where its largest
    component is positive, so that draws do not depend on the sign a library happens to choose.
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
