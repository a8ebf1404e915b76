"""What tables say beside their figures: a k lowered in a class, class mixes that differ, each warning once."""

from dataclasses import dataclass

import numpy as np

from fewray.quality.evaluate import measure_quality
from fewray.quality.features.extractor import Features
from fewray.quality.image_set import ImageSet, mix_warning
from fewray.quality.remarks import k_of, neighbours_used, remarks, remarks_of
from fewray.quality.result import Quality


@dataclass(frozen=True)
class Rows:
    """The means of four rows of pixels each, as features."""

    name: str = "rows"
    dim: int = 4

    def __call__(self, images: np.ndarray) -> Features:
        return Features(images.reshape(len(images), 4, -1).mean(2).astype(np.float32), None)


def measure(real: dict[str, int], fake: dict[str, int]) -> Quality:
    """Measure so many random pictures of 16 px a class and side."""
    rng = np.random.default_rng(0)
    sides = (
        {
            label: ImageSet.of(rng.integers(0, 256, (n, 1, 16, 16), np.uint8))
            for label, n in side.items()
        }
        for side in (real, fake)
    )
    return measure_quality(*sides, Rows())


def test_a_k_that_is_lowered_in_a_class_is_told_with_the_table():
    found = measure({"a": 4, "b": 12}, {"a": 7, "b": 21})
    assert [part.k for part in (*found.classes.values(), found.pooled)] == [3, 5, 5]
    assert found.tables()[0][0].endswith("k 5 (a 3)")
    assert found.warnings == remarks_of(found.to_json())
    assert "a: k lowered from 5 to 3: there are 4 real and 7 synthetic images" in found.warnings
    assert not [note for note in found.warnings if "shares" in note]
    assert k_of(found.to_json()) == "5 (a 3)"
    assert neighbours_used(5, {"a": 5, "b": 5}) == "5"


def test_classes_in_other_shares_are_told_where_they_are_pooled():
    found = measure({"a": 8, "b": 8}, {"a": 12, "b": 4})
    said = "all: the classes' shares of real and of synthetic images differ (a 50 and 75 %, b 50 and 25 %): "
    assert len([note for note in found.warnings if note.startswith(said)]) == 1
    assert not [
        note for part in found.classes.values() for note in part.warnings if "shares" in note
    ]
    assert mix_warning({"a": 60, "b": 70}, {"a": 100, "b": 100}) is None  # 46 and 50 %
    assert mix_warning({"a": 89, "b": 111}, {"a": 100, "b": 100}) is not None
    assert mix_warning({"a": 7}, {"a": 900}) is None


def test_a_warning_is_told_once_with_its_classes():
    assert remarks(["left out"], {"a": ["few", "no floor"], "b": [], "all": ["few"]}) == [
        "left out",
        "a, all: few",
        "a: no floor",
    ]
