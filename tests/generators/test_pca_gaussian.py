"""The PCA-Gaussian generator: its moments, its axes, seeds, and the smallest classes."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from fewray.errors import InputError
from fewray.generators.models.pca_gaussian import pca_gaussian, principal_axes


def films(n: int, size: int = 6, seed: int = 0, spread: float = 12.0) -> np.ndarray:
    """Return images of three factors and a little noise, far from 0 and 255."""
    rng = np.random.default_rng(seed)
    factors = np.random.default_rng(7).normal(size=(3, size * size))
    rows = (
        128
        + spread * rng.normal(size=(n, 3)) * [1.0, 0.6, 0.3] @ factors
        + rng.normal(size=(n, size * size))
    )
    return rows.round().clip(0, 255).astype(np.uint8).reshape(n, 1, size, size)


@pytest.mark.parametrize("n", [5, 30, 200])  # fewer films than pixels, and more
@pytest.mark.parametrize("variance", [0.5, 0.95, 1.0])
def test_the_axes_are_the_principal_components(n: int, variance: float):
    rows = films(n).reshape(n, -1)
    mean, axes = principal_axes(rows, variance)
    book = PCA(svd_solver="full").fit(rows.astype(float))
    c = len(axes)
    np.testing.assert_allclose(mean, rows.mean(0))
    np.testing.assert_allclose((axes**2).sum(1), book.explained_variance_[:c], rtol=1e-8)
    np.testing.assert_allclose(axes.T @ axes, (book.components_[:c].T * book.explained_variance_[:c]) @ book.components_[:c],
                               atol=1e-6)  # fmt: skip
    shares = book.explained_variance_ratio_.cumsum()
    assert c <= min(n - 1, 36)
    assert shares[c - 1] >= variance - 1e-9
    assert c == 1 or shares[c - 2] < variance
    assert (axes[np.arange(c), np.abs(axes).argmax(1)] > 0).all()


def test_draws_have_the_mean_and_the_covariance_of_the_class():
    images = films(60)
    made = pca_gaussian(images, 6000, seed=3, variance=1.0).reshape(6000, -1).astype(float)
    rows = images.reshape(60, -1).astype(float)
    covariance = np.cov(rows.T)
    assert np.abs(made.mean(0) - rows.mean(0)).max() < 5 * np.sqrt(covariance.max() / 6000) + 0.05
    assert np.linalg.norm(np.cov(made.T) - covariance) < 0.1 * np.linalg.norm(covariance)


def test_an_image_is_a_function_of_its_own_seed():
    images = films(20)
    many = pca_gaussian(images, 9, seed=4)
    assert many.dtype == np.uint8
    assert many.shape == (9, 1, 6, 6)
    assert np.array_equal(pca_gaussian(images, 3, seed=4), many[:3])
    assert not np.array_equal(pca_gaussian(images, 9, seed=5), many)
    assert len(np.unique(many.reshape(9, -1), axis=0)) == 9
    assert pca_gaussian(images, 0, seed=4).shape == (0, 1, 6, 6)


def test_the_order_of_the_films_does_not_matter_beyond_rounding():
    images = films(20)
    found = pca_gaussian(images, 8, seed=1).astype(int)
    assert np.abs(pca_gaussian(images[::-1].copy(), 8, seed=1) - found).max() <= 1


@pytest.mark.parametrize("images", [films(1), np.repeat(films(1), 5, axis=0)])
def test_one_film_gives_copies(images: np.ndarray):
    assert np.array_equal(pca_gaussian(images, 4, seed=0), np.repeat(images[:1], 4, axis=0))


def test_two_films_give_the_line_through_both():
    a, b = films(2).reshape(2, -1).astype(float)
    made = pca_gaussian(films(2), 50, seed=0).reshape(50, -1) - (a + b) / 2
    along = (made @ (a - b) / ((a - b) @ (a - b)))[:, None] * (a - b)
    assert np.abs(made - along).max() < 1.5  # rounding
    assert np.std(made @ (a - b) / np.linalg.norm(a - b)) == pytest.approx(
        np.linalg.norm(a - b) / 2**0.5, rel=0.3
    )


def test_grey_values_are_clipped_not_wrapped():
    images = np.where(np.arange(20)[:, None, None, None] % 2, 255, 0).astype(np.uint8) * np.ones(
        (1, 1, 4, 4), np.uint8
    )
    made = pca_gaussian(images, 200, seed=0)
    assert (
        made.min(axis=(1, 2, 3)) == made.max(axis=(1, 2, 3))
    ).all()  # the one axis is the whole field
    assert (made == 0).any()
    assert (made == 255).any()


@pytest.mark.parametrize(
    ("images", "count", "variance", "words"),
    [
        (films(3)[:0], 2, 0.95, "none"),
        (films(3).astype(float), 2, 0.95, "uint8"),
        (films(3), -1, 0.95, "at least 0"),
        (films(3), 2, 0.0, "variance"),
        (films(3), 2, 1.1, "variance"),
        (films(3), 2, float("nan"), "variance"),
    ],
)
def test_what_does_not_fit_is_refused(images: np.ndarray, count: int, variance: float, words: str):
    with pytest.raises(InputError, match=words):
        pca_gaussian(images, count, seed=0, variance=variance)
