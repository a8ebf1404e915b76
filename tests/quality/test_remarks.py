"""Remarks of a quality report: a lowered k, class shares that differ, each warning once."""

from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace

from fewray.quality.evaluate import measure_quality
from fewray.quality.features.extractor import Features, Figure
from fewray.quality.image_set import ImageSet, mix_warning
from fewray.results.quality import QualityReport
from fewray.results.scores import StudyWarning


@dataclass(frozen=True)
class Rows:
    """The means of four rows of pixels each, as features."""

    name: str = "rows"
    dim: int = 4
    figures: tuple[Figure, ...] = ()

    def __call__(self, images: np.ndarray) -> Features:
        return Features(images.reshape(len(images), 4, -1).mean(2).astype(np.float32), None)


def measure(real: dict[str, int], fake: dict[str, int]) -> QualityReport:
    """Measure so many random pictures of 16 px a class and side."""
    rng = np.random.default_rng(0)
    sides = (
        {
            label: ImageSet.of(rng.integers(0, 256, (n, 1, 16, 16), np.uint8))
            for label, n in side.items()
        }
        for side in (real, fake)
    )
    return measure_quality(*sides, Rows())[0]


def test_a_k_lowered_in_a_class_is_reported():
    found = measure({"a": 4, "b": 12}, {"a": 7, "b": 21})
    assert [part.k for part in (*found.classes.values(), found.pooled)] == [3, 5, 5]
    assert found.k_text == "5 (a 3)"
    assert "k_lowered" in [warning.code for warning in found.classes["a"].warnings]
    assert "a: k lowered from 5 to 3: 4 real and 7 synthetic images." in found.remarks
    assert "class_mix" not in [warning.code for warning in found.pooled.warnings]
    assert measure({"a": 12, "b": 12}, {"a": 12, "b": 12}).k_text == "5"


def test_different_class_shares_are_reported_for_the_pool():
    found = measure({"a": 8, "b": 8}, {"a": 12, "b": 4})
    (mix,) = [warning for warning in found.pooled.warnings if warning.code == "class_mix"]
    assert "a 50% and 75%, b 50% and 25%" in mix.text
    for part in found.classes.values():
        assert "class_mix" not in [warning.code for warning in part.warnings]
    assert mix_warning({"a": 60, "b": 70}, {"a": 100, "b": 100}) is None  # 46% and 50%
    assert mix_warning({"a": 89, "b": 111}, {"a": 100, "b": 100}) is not None
    assert mix_warning({"a": 7}, {"a": 900}) is None


def test_a_warning_appears_once_with_its_classes():
    found = measure({"a": 8, "b": 8}, {"a": 8, "b": 8})
    few, none = (StudyWarning(code=text, text=text) for text in ("few", "no baseline"))
    a, b = found.classes["a"], found.classes["b"]
    changed = replace(
        found,
        notes=("left out",),
        classes={"a": replace(a, warnings=(few, none)), "b": replace(b, warnings=())},
        pooled=replace(found.pooled, warnings=(few,)),
    )
    assert changed.remarks == ["left out", "a, all: few", "a: no baseline"]
