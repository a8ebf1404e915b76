"""Texture figures: published reference values, libraries, closed forms and properties."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import pywt
from scipy import ndimage, stats
from skimage.feature import graycomatrix, graycoprops

from fewray.data.loading import load_dataset
from fewray.imaging.arrays import load_images
from fewray.quality.features.cache import Cached
from fewray.quality.features.load import load_extractor
from fewray.quality.features.standardise import Standardised, standard_scores, standardised
from fewray.quality.features.texture import cooccurrence, run_lengths
from fewray.quality.features.texture.filters import filter_energies
from fewray.quality.features.texture.first_order import ROUNDING, discretised, first_order
from fewray.quality.features.texture.words import FIGURES
from tests.helpers import noise_images, refused, smooth_images

OUTSIDE = 255
PHANTOM = np.array(
    [
        [[1, 4, 4, 1, 1], [1, 4, 6, 1, 1], [4, 1, 6, 4, 1], [4, 4, 6, 4, 1]],
        [[1, 4, 4, 1, 1], [1, 1, 6, 1, 1], [0, 1, 3, 1, 1], [4, 4, 6, 1, 1]],
        [[1, 4, 4, 0, 0], [1, 1, 1, 1, 1], [1, 1, 0, 1, 1], [1, 1, 6, 1, 1]],
        [[1, 4, 4, 0, 0], [1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [1, 1, 6, 1, 1]],
    ]
)
"""The digital phantom of the IBSI (Zwanenburg et al. 2016, chapter 5); 0 is outside the region."""
COOCCURRENCE = {
    "joint average": 4.29 / 2,
    "difference entropy": 1.49,
    "sum entropy": 1.79,
    "angular second moment": 0.352,
    "contrast": 5.19,
    "dissimilarity": 1.40,
    "inverse difference": 0.683,
    "normalised inverse difference": 0.854,
    "inverse difference moment": 0.625,
    "normalised inverse difference moment": 0.901,
    "inverse variance": 0.0553,
    "correlation": 0.0173,
    "autocorrelation": 5.14,
    "cluster tendency": 5.66,
    "cluster shade": 6.98,
    "cluster prominence": 80.4,
    "first measure of information correlation": -0.0341,
    "second measure of information correlation": 0.263,
}
"""Reference values of the phantom with the matrices of each slice merged (3.6, "2D, slice-merged")."""
RUN_LENGTHS = {
    "short runs emphasis": 0.661,
    "long runs emphasis": 3.51,
    "low grey level run emphasis": 0.609,
    "high grey level run emphasis": 9.74,
    "short run low grey level emphasis": 0.311,
    "short run high grey level emphasis": 8.67,
    "long run low grey level emphasis": 2.92,
    "long run high grey level emphasis": 16.1,
    "normalised grey level non-uniformity": 0.456,
    "normalised run length non-uniformity": 0.441,
    "run percentage": 0.627,
    "grey level variance": 3.37,
    "run length variance": 0.778,
}
ENERGIES = ("contrast", "cluster tendency", "cluster prominence", "grey level variance")
BACK: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    **{name: lambda x: np.exp(x) - ROUNDING for name in (*ENERGIES, "run length variance")},
    "cluster shade": lambda x: x**3,
    **{name: np.exp for name in RUN_LENGTHS if name.startswith("long run")},
    "high grey level run emphasis": np.exp,
    "short run high grey level emphasis": np.exp,
}
"""From our scale to the IBSI's."""


def compare(found: dict[str, np.ndarray], expected: dict[str, float]) -> None:
    """Expect the means over slices to be the reference values, which have three digits."""
    for name, value in expected.items():
        mean = BACK.get(name, lambda x: x)(found[name]).mean()
        assert mean == pytest.approx(value, rel=5e-3), name


def test_cooccurrence_has_the_reference_values_of_the_digital_phantom():
    """Pixels outside the region are given a grey level of their own, whose pairs are dropped."""
    levels = np.where(PHANTOM == 0, 6, PHANTOM - 1).astype(np.uint8)
    counts = [
        graycomatrix(x, [1], cooccurrence.ANGLES, 7, symmetric=True)[:6, :6, 0].sum(2)
        for x in levels
    ]
    assert counts[0][[0, 0, 0, 3, 3, 5], [0, 3, 5, 3, 5, 5]].tolist() == [22, 17, 6, 16, 11, 4]
    p = np.stack(counts) / np.sum(counts, (1, 2), keepdims=True)
    compare(cooccurrence.figures_of(p), COOCCURRENCE)


def test_run_lengths_have_the_reference_values_of_the_digital_phantom():
    levels = np.where(PHANTOM == 0, OUTSIDE, PHANTOM - 1).astype(np.uint8)
    runs = run_lengths.run_length_matrices(levels, 6)
    inside = (PHANTOM > 0).sum((1, 2))
    parts = [
        run_lengths.figures_of(runs[k : k + 1], pixels=int(inside[k])) for k in range(len(runs))
    ]
    found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    compare(found, RUN_LENGTHS)


def test_cooccurrence_agrees_with_scikit_image():
    images = smooth_images()
    found = cooccurrence.cooccurrence(images)
    for index, image in enumerate(discretised(images)):
        matrix = graycomatrix(
            image, cooccurrence.DISTANCES, cooccurrence.ANGLES, 32, symmetric=True
        )
        merged = matrix.sum(3, keepdims=True)
        for name, theirs in {
            "contrast": "contrast",
            "dissimilarity": "dissimilarity",
            "inverse difference moment": "homogeneity",
            "angular second moment": "ASM",
            "correlation": "correlation",
        }.items():
            expected = graycoprops(merged, theirs)[:, 0]
            for distance, value in zip(cooccurrence.DISTANCES, expected, strict=True):
                if name not in ("dissimilarity",) or distance == 1:
                    key = f"{name}, distance {distance} px"
                    ours = BACK.get(name, lambda x: x)(found[key])[index]
                    assert ours == pytest.approx(value, rel=1e-9), key


def runs_by_loop(levels: np.ndarray, count: int) -> np.ndarray:
    """Return the run-length matrix of one image, run by run."""
    height, width = levels.shape
    found = np.zeros((count, max(height, width)), int)
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        for y in range(height):
            for x in range(width):
                before = (y - dy, x - dx)
                inside = 0 <= before[0] < height and 0 <= before[1] < width
                if inside and levels[before] == levels[y, x]:
                    continue
                length, yy, xx = 0, y, x
                while 0 <= yy < height and 0 <= xx < width and levels[yy, xx] == levels[y, x]:
                    length, yy, xx = length + 1, yy + dy, xx + dx
                found[levels[y, x], length - 1] += 1
    return found


@pytest.mark.parametrize("shape", [(7, 7), (5, 9), (9, 5), (1, 4)])
def test_run_lengths_agree_with_a_loop(shape: tuple[int, int]):
    levels = np.random.default_rng(0).integers(0, 3, (4, *shape)).astype(np.uint8)
    levels[0] = 1
    found = run_lengths.run_length_matrices(levels, 3)
    for mine, image in zip(found, levels, strict=True):
        np.testing.assert_array_equal(mine, runs_by_loop(image, 3))
    pixels = 4 * levels[0].size
    assert (found @ np.arange(1, max(shape) + 1)).sum(1).tolist() == [pixels] * 4


def test_first_order_figures_agree_with_scipy():
    images = smooth_images()
    x, found = images.reshape(len(images), -1).astype(float), first_order(images)
    np.testing.assert_allclose(found["intensity skewness"], stats.skew(x, 1))
    kurtosis = np.exp(found["intensity kurtosis"]) - 3
    np.testing.assert_allclose(kurtosis, stats.kurtosis(x, 1), atol=1e-9)
    np.testing.assert_allclose(found["intensity interquartile range"], stats.iqr(x, 1))
    np.testing.assert_allclose(
        found["intensity coefficient of variation"], stats.variation(x, axis=1)
    )
    shares = np.stack([np.bincount(d.ravel(), minlength=32) for d in discretised(images)])
    entropy = stats.entropy(shares, base=2, axis=1)
    np.testing.assert_allclose(found["intensity histogram entropy"], entropy)


def test_filters_agree_with_scipy_and_pywavelets():
    images = smooth_images()
    found = filter_energies(images)
    for index, image in enumerate(images.astype(float)):
        response = 4 * ndimage.gaussian_laplace(image, 2)
        name = "Laplacian of Gaussian, sigma 2 px"
        energy = np.exp(found[f"energy, {name}"][index]) - ROUNDING
        assert energy == pytest.approx((response**2).mean(), rel=1e-6)
        assert found[f"skewness, {name}"][index] == pytest.approx(stats.skew(response, None))
        rest = image
        for level in range(1, 5):
            rest, details = pywt.dwt2(rest, "haar")
            for band, values in zip(("horizontal", "vertical", "diagonal"), details, strict=True):
                energy = found[f"energy, Haar wavelet, level {level}, {band}"][index]
                assert np.exp(energy) - ROUNDING == pytest.approx((values**2).mean())


def test_each_wavelet_band_sees_its_own_pattern():
    """A pattern of +-a has coefficients 2a in one band and 0 in the others."""
    y, x = np.indices((64, 64))
    for level, period in ((1, 1), (2, 2), (3, 4)):
        for band, sign in (
            ("horizontal", y // period),
            ("vertical", x // period),
            ("diagonal", x // period + y // period),
        ):
            image = (100 + 3 * (-1) ** (sign % 2)).astype(np.uint8)[None]
            found = filter_energies(image)
            for name in ("horizontal", "vertical", "diagonal"):
                energy = np.exp(found[f"energy, Haar wavelet, level {level}, {name}"][0]) - ROUNDING
                expected = (2**level * 3) ** 2 if name == band else 0
                assert energy == pytest.approx(expected, abs=1e-9), (level, band, name)


def test_there_are_ninety_figures_of_any_image():
    texture = load_extractor("texture")
    assert texture.dim == len({figure.name for figure in FIGURES}) == 90
    for size in (32, 47, 64, 130):
        images = np.concatenate([noise_images(3, size), smooth_images(3, size)[:, None]])
        for grey in (0, 77, 255):
            images[grey % 3] = grey
            found = texture(images)
            assert found.features.shape == (6, 90)
            assert found.features.dtype == np.float32
            assert np.isfinite(found.features).all()
    assert texture(images[:0]).features.shape == (0, 90)
    assert load_extractor("texture")(images[:, :, :40]).features.shape == (6, 90)
    with refused("image_too_small"):
        texture(noise_images(2, 31))


def test_figures_depend_neither_on_the_batch_nor_on_mirroring(monkeypatch: pytest.MonkeyPatch):
    texture, images = load_extractor("texture"), smooth_images(5)[:, None]
    together = texture(images).features
    np.testing.assert_array_equal(texture(images).features, together)
    np.testing.assert_allclose(texture(images[..., ::-1]).features, together, rtol=2e-4, atol=1e-5)
    monkeypatch.setattr("fewray.quality.features.texture.extractor.BATCH", 2)
    np.testing.assert_array_equal(texture(images).features, together)


def test_figures_are_standardised_by_the_real_images():
    texture = load_extractor("texture")
    real = [smooth_images(9, seed=seed)[:, None] for seed in (0, 1)]
    found = standardised(texture, real)
    assert isinstance(found, Standardised)
    assert (found.name, found.dim) == ("texture", 90)
    scores = standard_scores(np.concatenate([found(images).features for images in real]))
    raw = np.concatenate([texture(images).features for images in real]).astype(float)
    varies = raw.std(0) > 1e-6
    expected = (raw - raw.mean(0))[:, varies] / raw.std(0)[varies]
    np.testing.assert_allclose(scores[:, varies], expected, rtol=1e-4, atol=1e-5)
    assert found(real[0][:0]).features.shape == (0, 90)


def test_figures_without_spread_keep_their_unit():
    black = np.zeros((4, 1, 64, 64), np.uint8)
    found = standardised(load_extractor("texture"), [black])
    np.testing.assert_array_equal(found(black).features, 0)
    scores = standard_scores(found(black + 10).features)
    assert scores[0, 0] == pytest.approx(10)  # mean intensity
    assert np.isfinite(found(noise_images(3)).features).all()


def test_networks_are_not_standardised():
    pixels = load_extractor("pixels")
    assert standardised(pixels, [noise_images(2)]) is pixels


def test_the_cache_keeps_figures_that_no_other_image_has_changed(tmp_path: Path):
    texture = Cached(load_extractor("texture"), tmp_path)
    images, others = smooth_images(4)[:, None], smooth_images(4, seed=1)[:, None]
    first = standardised(texture, [images])(images).features
    second = standardised(texture, [images, others])(images).features
    assert not np.array_equal(first, second)
    assert len(list(tmp_path.iterdir())) == 2
    plain = load_extractor("texture")
    np.testing.assert_array_equal(texture(images).features, plain(images).features)
    np.testing.assert_array_equal(standardised(plain, [images, others])(images).features, second)


def test_figures_of_radiographs_vary_without_extremes(covid4: Path):
    """On these scales no real image lies far out, so no single one decides a distance."""
    data = load_dataset(covid4).where(split="train")
    images = load_images([row.path for row in data.rows[::3]], 64, "squash")
    scores = standard_scores(standardised(load_extractor("texture"), [images])(images).features)
    assert (scores.std(0) > 0.99).all()
    assert np.abs(scores).max() < 8
