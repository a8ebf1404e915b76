"""Held-out images in the quality report: KID with its baseline, C_T, copies, what is said of them."""

from dataclasses import dataclass

import numpy as np
import pytest

from fewray.quality.copies.threshold import copy_threshold
from fewray.quality.evaluate import measure_quality
from fewray.quality.features.extractor import Features, Figure
from fewray.quality.held_out import held_out_quality
from fewray.quality.image_set import ImageSet, measured
from fewray.quality.metrics.kid import mmd2
from fewray.results.held_out import HeldOutQuality, held_out_sentences


@dataclass(frozen=True)
class Rows:
    """The means of eight blocks of pixels each, as features."""

    name: str = "rows"
    dim: int = 8
    figures: tuple[Figure, ...] = ()

    def __call__(self, images: np.ndarray) -> Features:
        return Features(images.reshape(len(images), 8, -1).mean(2).astype(np.float32) / 32, None)


def films(n: int, seed: int) -> np.ndarray:
    """Return images of 16 px made of eight bands of random grey."""
    rng = np.random.default_rng(seed)
    bands = rng.integers(40, 216, (n, 8, 1)) + rng.integers(-9, 10, (n, 8, 32))
    return bands.astype(np.uint8).reshape(n, 1, 16, 16)


def sets(**sides: np.ndarray) -> dict[str, ImageSet]:
    return {label: ImageSet.of(images) for label, images in sides.items()}


def test_every_figure_of_a_class_and_of_the_pool():
    real = sets(a=films(16, 0), b=films(16, 1))
    fake = sets(a=films(20, 2), b=films(16, 1)[::-1] ^ 1)
    held_out = sets(a=films(10, 4), b=films(12, 5))
    report = measure_quality(real, fake, Rows(), held_out=held_out)[0]
    a, b = report.held_out["a"], report.held_out["b"]
    features = {
        name: Rows()(side["a"].images).features
        for name, side in (("real", real), ("fake", fake), ("held out", held_out))
    }
    assert a.kid == pytest.approx(mmd2(features["held out"], features["fake"]))
    assert a.real_kid == pytest.approx(mmd2(features["held out"], features["real"]))
    for kid, ends in ((a.kid, a.kid_ci), (a.real_kid, a.real_kid_ci)):
        assert ends is not None
        assert kid is not None
        assert ends[0] < kid < ends[1]
    assert (a.c_t_cells, a.c_t_sd) == (1, 1)
    assert a.c_t is not None
    assert abs(a.c_t) < 3
    assert b.c_t is not None
    assert b.c_t < -4  # copies with a changed bit
    pool = report.pooled_held_out
    assert pool is not None
    assert pool.num_held_out == 22
    assert pool.c_t_cells == 2
    assert pool.c_t == pytest.approx((10 * a.c_t + 12 * b.c_t) / 22)
    assert pool.c_t_sd == pytest.approx(np.hypot(10, 12) / 22)
    assert list(report.held_out_rows) == ["a", "b", "all"]


def test_numbers_of_images_are_no_patients():
    """Images without a patient are called by number or file, on either side: not the same patient."""
    known, unseen, made = (measured(ImageSet.of(films(n, n)), Rows()) for n in (20, 6, 9))
    known = measured(known, Rows(), mirrored=True)
    threshold = copy_threshold({"a": known})
    found = held_out_quality({"a": unseen}, {"a": known}, {"a": made}, threshold)[0]["a"]
    files = ImageSet.of(unseen.images, [f"x/{i}" for i in range(6)], [f"y/{i}" for i in range(6)])
    again = held_out_quality({"a": measured(files, Rows())}, {"a": known}, {"a": made}, threshold)
    assert again[0]["a"].c_t == found.c_t


@pytest.mark.parametrize("held", [1, 2, 3, 4])
def test_few_held_out_images_leave_figures_out(held: int):
    unseen, known, made = (measured(ImageSet.of(films(n, n)), Rows()) for n in (held, 12, 6))
    known = measured(known, Rows(), mirrored=True)
    sides = {"a": unseen}, {"a": known}, {"a": made}
    classes, everything = held_out_quality(*sides, copy_threshold({"a": known}))
    for found in (classes["a"], everything):
        assert found is not None
        assert (found.kid is None) == (found.real_kid is None) == (held < 2)
        assert (found.kid_ci is None) == (found.c_t is None) == (held < 4)
    said = [line for line in held_out_sentences(classes) if line.startswith("No C_T")]
    assert bool(said) == (held < 4)


def test_without_held_out_images_there_is_nothing():
    known = measured(ImageSet.of(films(12, 0)), Rows(), mirrored=True)
    assert held_out_quality({}, {"a": known}, {"a": known}, copy_threshold({"a": known})) == ({}, None)  # fmt: skip
    assert held_out_sentences({}) == []


def quality(c_t: float | None, sd: float | None = 1.0) -> HeldOutQuality:
    return HeldOutQuality(
        num_held_out=9, kid=0.1, copies=(), c_t=c_t, c_t_sd=None if c_t is None else sd
    )


def test_copying_is_said_of_the_classes_that_it_concerns():
    rows = {"a": quality(-3.1), "b": quality(-1.6, 0.5), "c": quality(-2.9), "d": quality(3.2)}
    first, copying, far, unknown = held_out_sentences(rows | {"e": quality(None)})
    assert "a 0, b 0, c 0, d 0, e 0" in first
    assert " in a, b:" in copying
    assert " in d," in far
    assert " for e:" in unknown
    assert len(held_out_sentences({"c": quality(-2.9)})) == 1
