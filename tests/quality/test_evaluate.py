"""The whole measurement: planted faults are seen, real against real lies near the floor, small n is handled."""

import json

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from fewray.data import load_dataset
from fewray.errors import InputError
from fewray.images import load_images
from fewray.quality.evaluate import QualityProbe, measure_quality


@pytest.fixture(scope="module")
def films() -> np.ndarray:
    rows = load_dataset("phantom:size=64,train=40,test=1").where(split="train", label="normal")
    return load_images(rows.paths(), 64)


def test_blur_and_noise_raise_fid_and_kid(films: np.ndarray):
    first, second = films[::2], films[1::2]
    rng = np.random.default_rng(0)
    worse = {
        "blurred": gaussian_filter(second, (0, 0, 3, 3)),
        "noisy": np.clip(second + rng.normal(0, 40, second.shape), 0, 255).astype(np.uint8),
    }
    probe = QualityProbe(first)
    clean = probe(second)
    for name, images in worse.items():
        found = probe(images)
        assert found["fid"] > 1.5 * clean["fid"], name
        assert found["kid"] > clean["kid"] + 0.1, name
    assert clean["extractor"] == "lite0@128"
    assert (clean["num_real"], clean["num_fake"]) == (20, 20)


def test_every_figure_is_there_and_is_json(films: np.ndarray):
    found = measure_quality({"a": films[:20], "b": films[20:]}, {"a": films[20:], "b": films[:20]}, extractor="pixels")
    whole = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert whole["classes"]["a"]["num_real"] == 20
    assert whole["classes"]["a"]["fid_floor"]["m"] == 10
    assert whole["classes"]["a"]["is_mean"] is None
    assert any("singular" in warning for warning in found.warnings)
    assert any("Inception Score" in warning for warning in found.warnings)
    assert len(found.table()[2]) == 3


@pytest.mark.parametrize("n", [2, 3, 4, 5, 17])
def test_small_sets_give_figures_or_a_reason(n: int, films: np.ndarray):
    found = measure_quality({"a": films[:n]}, {"a": films[n : 2 * n]}, extractor="pixels")
    json.dumps(found.to_json(), allow_nan=False)
    if n < 4:
        assert found.classes["a"].fid_floor is None
        assert any("no floor" in warning for warning in found.warnings)


def test_classes_must_match_and_hold_two_images(films: np.ndarray):
    with pytest.raises(InputError, match="classes"):
        measure_quality({"a": films}, {"b": films}, extractor="pixels")
    with pytest.raises(InputError, match="class a: 1 synthetic"):
        measure_quality({"a": films}, {"a": films[:1]}, extractor="pixels")


def test_real_against_real_lies_near_the_floor(covid4):
    rows = load_dataset("covid4").where(split="train", label="normal")
    images = load_images(rows.paths(), 64, "squash")
    found = measure_quality({"normal": images[::2]}, {"normal": images[1::2]}).classes["normal"]
    assert found.kid_floor is not None
    assert abs(found.kid_floor.value_mean - found.kid_floor.mean) < 4 * found.kid_floor.std
    assert abs(found.kid) < 0.1
