"""Files of a measurement: one picture a kind and class, none of an earlier measurement, pairs as they were judged."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewray.imaging.preprocess import resize
from fewray.quality.copies.detect import Copy, find_copies
from fewray.quality.copies.threshold import CopyThreshold
from fewray.quality.evaluate import measure_quality
from fewray.quality.features.extractor import Features, load_extractor
from fewray.quality.gallery import copies_csv, write_quality
from fewray.quality.image_set import ImageSet, MeasuredSet
from fewray.quality.result import Quality

CLASSES = ("a", "a-synthetic", "pairs-a")
Sides = tuple[Quality, dict[str, ImageSet], dict[str, ImageSet]]


@pytest.fixture(scope="module")
def measured() -> Sides:
    rng = np.random.default_rng(0)
    real, fake = (
        {c: ImageSet.of(rng.integers(0, 256, (4, 1, 32, 32), np.uint8)) for c in CLASSES}
        for _ in range(2)
    )
    return measure_quality(real, fake, load_extractor("pixels")), real, fake


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("closest*")}


def pictures(path: Path) -> list[np.ndarray]:
    """Return the 64 px pictures of a sheet with a frame of 2 px between them, row by row."""
    sheet = np.asarray(Image.open(path))
    return [
        sheet[y : y + 64, x : x + 64]
        for y in range(2, len(sheet) - 2, 66)
        for x in range(2, sheet.shape[1] - 2, 66)
    ]


def test_no_class_s_name_makes_two_pictures_one(measured: Sides, tmp_path: Path):
    quality, real, fake = measured
    written = write_quality(tmp_path, quality, real, fake)
    assert len(set(written)) == len(written) == 2 + 2 * len(CLASSES)
    assert names(tmp_path) == {
        f"closest-{kind}-{c}.png" for kind in ("pairs", "synthetic") for c in CLASSES
    }
    for label in CLASSES:
        shown = [image.tobytes() for image in pictures(tmp_path / f"closest-synthetic-{label}.png")]
        assert not {
            resize(film[0], 64, "squash").tobytes() for s in real.values() for film in s.images
        } & set(shown)
        assert {resize(image[0], 64, "squash").tobytes() for image in fake[label].images} <= set(
            shown
        )


def test_pictures_of_an_earlier_measurement_are_removed(measured: Sides, tmp_path: Path):
    quality, real, fake = measured
    write_quality(tmp_path, quality, real, fake)
    for name in (
        "closest-a.png",
        "closest-a-synthetic.png",
        "closest-of-mine.png",
    ):  # two as they were called before
        (tmp_path / name).write_bytes(b"earlier")
    fewer = replace(
        quality, classes={"a": quality.classes["a"]}, nearest={"a": quality.nearest["a"]}
    )
    write_quality(tmp_path, fewer, real, fake)
    assert names(tmp_path) == {
        "closest-pairs-a.png",
        "closest-synthetic-a.png",
        "closest-of-mine.png",
    }
    (tmp_path / "quality.json").write_text("[]")
    write_quality(tmp_path, fewer, real, fake)


@pytest.fixture
def sides() -> tuple[MeasuredSet, MeasuredSet]:
    """Synthetic image ``s0`` looks like film ``f0`` and has the features of ``f2``; ``s1`` is ``f1`` by both."""
    rng = np.random.default_rng(1)
    films = rng.integers(40, 200, (3, 1, 32, 32), np.uint8)
    features = np.eye(3, 4, dtype=np.float32)
    train = MeasuredSet(films, ("f0", "f1", "f2"), ("0", "1", "2"), Features(features, None))
    images = films[:2] + rng.integers(0, 5, (2, 1, 32, 32), np.uint8)
    return MeasuredSet(
        images, ("s0", "s1"), ("s0", "s1"), Features(features[[2, 1]] + np.float32(0.01), None)
    ), train


def judge(
    sides: tuple[MeasuredSet, MeasuredSet], pixels: float, features: float
) -> dict[str, Copy]:
    bar = CopyThreshold(
        pixels=pixels,
        features=features,
        usual={"a": (1.0, 1.0)},
        percentile=2.0,
        num_held_out=9,
        grouped=False,
        real_flagged=0,
        false_alarms=0.0,
    )
    return {row.synthetic: row for row in find_copies("a", *sides, bar)}


def test_a_copy_is_told_with_the_film_it_was_judged_by(sides: tuple[MeasuredSet, MeasuredSet]):
    by_features = judge(sides, 0.0, 0.5)
    assert {name: (row.by, row.judged[0]) for name, row in by_features.items()} == {
        "s0": ("features", "f2"),
        "s1": ("features", "f1"),
    }
    row = by_features["s0"]
    assert (row.nearest, row.nearest_by_features) == ("f0", "f2")
    assert row.judged[1] == row.feature_distance == pytest.approx(0.02)
    assert row.to_json() | {"copy_of": "f2", "copy_distance": row.feature_distance} == row.to_json()
    both = judge(sides, 0.5, 0.5)
    assert both["s0"].by == "pixels+features"
    assert both["s0"].judged == ("f0", both["s0"].distance)
    none = judge(sides, 0.0, 0.0)
    assert none["s0"].judged == ("f0", none["s0"].distance)
    table = list(csv.DictReader(io.StringIO(copies_csv({"a": list(by_features.values())}))))
    assert {line["synthetic"]: line["copy_of"] for line in table} == {"s0": "f2", "s1": "f1"}
    assert [float(line["copy_distance"]) for line in table] == pytest.approx([0.02, 0.02], rel=1e-3)
    table = list(csv.DictReader(io.StringIO(copies_csv({"a": list(none.values())}))))
    assert {(line["copy_of"], line["copy_distance"]) for line in table} == {("", "")}


def test_the_sheet_shows_the_pair_that_was_judged(
    measured: Sides, sides: tuple[MeasuredSet, MeasuredSet], tmp_path: Path
):
    synthetic, train = sides
    found = replace(measured[0], nearest={"a": tuple(judge(sides, 0.0, 0.5).values())})
    write_quality(tmp_path, found, {"a": train}, {"a": synthetic})
    shown = pictures(tmp_path / "closest-pairs-a.png")[:4]
    of = {
        name: resize(i[0], 64, "squash")
        for s in sides
        for name, i in zip(s.names, s.images, strict=True)
    }
    pairs = {tuple(name for name, image in of.items() for picture in shown[i : i + 2] if (image == picture).all())
             for i in (0, 2)}  # fmt: skip
    assert pairs == {("s0", "f2"), ("s1", "f1")}


def test_copies_stand_before_what_is_nearer_by_pixels():
    def row(name: str, by: str, distance: float, feature_distance: float) -> Copy:
        return Copy(
            synthetic=name,
            nearest="p",
            distance=distance,
            nearest_by_features="f",
            feature_distance=feature_distance,
            by=by,
        )

    rows = [
        row("near", "", 0.1, 9.0),
        row("far", "features", 0.8, 1.0),
        row("second", "pixels", 0.3, 9.0),
        row("first", "pixels+features", 0.2, 2.0),
        row("farther", "features", 0.2, 3.0),
    ]
    assert [each.synthetic for each in sorted(rows, key=lambda each: each.order)] == [
        "first",
        "second",
        "far",
        "farther",
        "near",
    ]
