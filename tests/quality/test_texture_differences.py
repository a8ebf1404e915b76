"""Differences of texture in words: planted faults are named, real images are not blamed."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from fewray.data.loading import load_dataset
from fewray.imaging.arrays import load_images
from fewray.quality.evaluate import measure_quality
from fewray.quality.features.extractor import Features, Figure
from fewray.quality.features.load import load_extractor
from fewray.quality.features.standardise import standardised
from fewray.quality.image_set import ImageSet
from fewray.quality.metrics.kid import mmd2
from fewray.quality.probe import QualityProbe
from fewray.quality.texture_differences import texture_differences
from fewray.results.quality import QualityReport
from fewray.results.texture import TextureDifferences
from tests.helpers import smooth_images

Change = Callable[[np.ndarray], np.ndarray]
FIGURES = tuple(Figure(f"figure {j}", f"more {j // 2}", f"less {j // 2}") for j in range(40))


def grey(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return smooth_images(40)[:, None]


def differences(real: np.ndarray, fake: np.ndarray) -> TextureDifferences | None:
    texture = standardised(load_extractor("texture"), [real])
    return texture_differences(texture(real), texture(fake), texture.figures, seed=0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: gaussian_filter(x, (0, 0, 1, 1)), {"less contrast at 2 px", "smoother at 1 px"}),
        (
            lambda x: x + np.random.default_rng(0).normal(0, 8, x.shape),
            {"more contrast at 2 px", "finer grain"},
        ),
        (lambda x: x - 15, {"darker"}),
        (lambda x: x + 15, {"brighter"}),
        (lambda x: 128 + 0.5 * (x - 128), {"less contrast at 2 px", "smoother at 1 px"}),
    ],
    ids=["blur", "noise", "darker", "brighter", "contrast"],
)
def test_a_planted_fault_is_named(change: Change, words: set[str], images: np.ndarray):
    texture = differences(images[::2], grey(change(images[1::2].astype(float))))
    assert texture is not None
    assert words <= {each.words for each in texture.largest}
    assert len({each.words for each in texture.largest}) == len(texture.largest) <= 4
    sizes = [abs(each.difference) for each in texture.largest]
    assert sizes == sorted(sizes, reverse=True)
    assert all(abs(each.difference) > each.limit > 0 for each in texture.largest)
    assert all(word in texture.text for word in words)


def test_unchanged_images_have_no_differences(images: np.ndarray):
    found = differences(images, images)
    assert found is not None
    assert (found.num_beyond, found.largest, found.m) == (0, (), 20)
    assert found.text.startswith("no texture figure")
    assert differences(images[:3], images) is None


def test_the_report_of_this_extractor_only_says_what_differs(images: np.ndarray):
    blurred = grey(gaussian_filter(images[8:16].astype(float), (0, 0, 1, 1)))
    for name in ("texture", "pixels"):
        sides = ({"a": ImageSet.of(side)} for side in (images[:8], blurred))
        found = measure_quality(*sides, load_extractor(name))[0]
        said = any("less contrast at 2 px" in line for line in found.sentences)
        assert said == (found.classes["a"].texture is not None) == (name == "texture")
        assert found.pooled.texture is None
        assert found.extractor == load_extractor(name).name
        assert msgspec.json.decode(msgspec.json.encode(found), type=QualityReport) == found


def test_too_few_patients_are_named(images: np.ndarray):
    sides = ({"a": ImageSet.of(side)} for side in (images[:3], images[3:6]))
    found = measure_quality(*sides, load_extractor("texture"))[0].classes["a"]
    assert found.texture is None
    assert "4 patients" in found.undefined["texture"]


def draws(rng: np.random.Generator, n: int, groups: int = 0) -> Features:
    """Return correlated features of n images; with ``groups``, images of a patient are alike."""
    values = rng.normal(size=(n, 40)) + rng.normal(size=(n, 1))
    named = None
    if groups:
        named = np.arange(n) % groups
        values = 0.2 * values + rng.normal(size=(groups, 40))[named]
    return Features(np.arcsinh(values).astype(np.float32), None, named)


@pytest.mark.parametrize("groups", [0, 12])
def test_false_alarms_are_rare_however_many_figures_there_are(groups: int):
    """At most 5% of sets from one distribution have any figure beyond its limit."""
    rng = np.random.default_rng(1)
    alarms = 0
    for seed in range(40):
        real, fake = draws(rng, 48, groups), draws(rng, 48, groups)
        found = texture_differences(real, fake, FIGURES, seed=seed)
        assert found is not None
        alarms += found.num_beyond > 0
    assert alarms <= 5  # of 40 at 5%: P(more than 5) is 1%


def test_a_shift_is_found_with_its_size_and_sign():
    rng = np.random.default_rng(0)
    real, fake = draws(rng, 200), draws(rng, 200)
    shifted = np.sinh(fake.features.astype(float))
    shifted[:, 6] -= 3
    shifted[:, 9] += 2
    moved = Features(np.arcsinh(shifted).astype(np.float32), None)
    found = texture_differences(real, moved, FIGURES, seed=0)
    assert found is not None
    assert [each.figure for each in found.largest] == ["figure 6", "figure 9"]
    assert [each.words for each in found.largest] == ["less 3", "more 4"]
    assert [each.difference for each in found.largest] == pytest.approx([-3, 2], abs=0.4)


def test_a_figure_that_is_constant_in_real_images_counts_if_it_differs():
    rng = np.random.default_rng(0)
    real, fake = draws(rng, 40), draws(rng, 40)
    real.features[:, 0], fake.features[:, 0] = 0, np.arcsinh(2)
    found = texture_differences(real, fake, FIGURES, seed=0)
    assert found is not None
    assert [(each.figure, each.limit) for each in found.largest] == [("figure 0", 0)]


def test_the_probe_standardises_by_its_real_images(images: np.ndarray):
    probe = QualityProbe(images[:20], load_extractor("texture"), held_out=images[20:])
    clean, blurred = probe(images[20:]), probe(grey(gaussian_filter(images, (0, 0, 1, 1))))
    assert clean.extractor == probe.extractor_name == "texture"
    assert blurred.kid > 10 * abs(clean.kid) + 1
    assert clean.kid_held_out is not None
    assert np.abs(np.sinh(probe.real.features.astype(float)).mean(0)).max() < 1e-3


def test_radiographs_halves_are_near_and_blurred_or_noisy_ones_far(covid4: Path):
    data = load_dataset(covid4).where(split="train", label="normal")
    real = load_images(data.paths(), 64, "squash")
    noisy = grey(real + np.random.default_rng(0).normal(0, 5, real.shape))
    blurred = grey(gaussian_filter(real.astype(float), (0, 0, 0.8, 0.8)))
    probe = QualityProbe(real, load_extractor("texture"))
    features, rng = probe.real.matrix, np.random.default_rng(0)
    halves = []
    for _ in range(20):
        order = rng.permutation(len(real))
        halves.append(mmd2(features[order[:35]], features[order[35:]]))
    assert abs(np.mean(halves)) < 3 * np.std(halves)
    for worse in (noisy, blurred):
        assert probe(worse).kid > np.mean(halves) + 4 * np.std(halves)
