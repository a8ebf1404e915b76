"""Planted mosaics: each kind is what its name says, and the experiment counts what is found."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from experiments import mosaic_detection
from experiments.mosaic_detection import examine, render
from experiments.planted_mosaics import MOSAICS, grey, regions, three_regions
from fewray.data.loading import load_dataset
from fewray.pipelines.quality_report import image_sets
from fewray.quality.features.load import load_extractor

LEVELS = np.arange(10, 250, 24, dtype=np.uint8)


def flat_images() -> np.ndarray:
    """Return ten images of one grey level each, so that a pixel shows which image it is from."""
    return np.broadcast_to(LEVELS[:, None, None, None], (10, 1, 64, 64)).copy()


@pytest.mark.parametrize("name", MOSAICS)
def test_mosaics_are_images_and_depend_on_the_seed_only(name: str):
    train = np.random.default_rng(0).integers(0, 256, (6, 1, 64, 64), np.uint8)
    first, again, other = (MOSAICS[name](train, 3, np.random.default_rng(s)) for s in (1, 1, 2))
    assert first.dtype == np.uint8
    assert first.shape == (3, 1, 64, 64)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("name", "fewest", "most"),
    [
        ("two halves", 2, 2),
        ("three parts, each over 20%", 3, 3),
        ("patchwork of 3 to 5", 3, 5),
        ("patchwork of 6 to 10", 6, 10),
    ],
)
def test_a_mosaic_has_as_many_parts_as_it_says(name: str, fewest: int, most: int):
    for image in MOSAICS[name](flat_images(), 20, np.random.default_rng(0)):
        levels, counts = np.unique(image, return_counts=True)
        assert set(levels) <= set(LEVELS)
        assert fewest <= len(levels) <= most
        if "20%" in name:
            assert counts.min() > 0.2 * 64 * 64
        if "halves" in name:
            assert counts.tolist() == [2048, 2048]


@pytest.mark.parametrize("draw", [lambda rng: regions(3, 64, rng, least=0.2), lambda rng: three_regions(64, rng)])  # fmt: skip
def test_regions_are_as_large_as_asked(draw: Callable[[np.random.Generator], np.ndarray]):
    rng = np.random.default_rng(0)
    for _ in range(50):
        found = draw(rng)
        assert np.bincount(found.ravel(), minlength=3).min() > 0.2 * 64 * 64
        assert found.max() == 2


def test_mixtures_have_the_weights_of_their_names():
    mixed = MOSAICS["mixture, 0.8 and 0.2"](flat_images(), 5, np.random.default_rng(0))
    possible = {int(grey(0.8 * a + 0.2 * b)) for a in LEVELS for b in LEVELS if a != b}
    assert set(mixed.ravel().tolist()) <= possible
    assert all(len(np.unique(image)) == 1 for image in mixed)


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    rows = load_dataset("phantom:size=64,train=40,test=1").where(split="train")
    sets = image_sets(rows, ("normal",), 64, "squash")
    return examine(sets, load_extractor("pixels"), count=6, splits=2)


def test_large_parts_are_found_and_unseen_images_are_not(found: dict[str, Any]):
    for name in ("two halves", "three parts, each over 20%", "mixture, 0.8 and 0.2"):
        for label, each in found["kinds"][name].items():
            assert each["by_areas"] >= 5, (name, label)
            assert each["copied_windows"] > 0.4
    unseen = found["unseen"].values()
    assert sum(each["flagged"] for each in unseen) <= 0.05 * sum(e["images"] for e in unseen)
    assert max(each["copied_windows"] for each in unseen) < 0.05


def test_the_table_shows_every_kind(found: dict[str, Any], monkeypatch: pytest.MonkeyPatch):
    about = dict.fromkeys(("data", "command", "date", "hardware"), "x")
    shown = {**found, **about, "made_by": {"version": "0"}}
    monkeypatch.setattr(mosaic_detection, "read_json", lambda _path: shown)
    lines = render().splitlines()
    assert (
        len([line for line in lines if line.startswith("| ") and "---" not in line])
        == len(found["kinds"]) + 1
    )
    assert any(line.startswith("| two halves | 6 of 6 |") for line in lines)


def test_the_committed_table_keeps_what_the_search_promises():
    committed = mosaic_detection.read_json(mosaic_detection.RESULT)
    for label, each in committed["kinds"]["three parts, each over 20%"].items():
        assert each["images"] == 100, label
        assert each["by_areas"] >= 55, label
    unseen = committed["unseen"].values()
    assert sum(e["flagged"] for e in unseen) <= 0.02 * sum(e["images"] for e in unseen)
