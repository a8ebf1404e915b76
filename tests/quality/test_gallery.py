"""Files of a quality report: a picture per kind and class, none of an earlier report, pairs."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image

from fewray.imaging.preprocess import resize
from fewray.quality.copies.detect import find_copies
from fewray.quality.evaluate import Nearest, measure_quality
from fewray.quality.features.extractor import Features
from fewray.quality.features.load import load_extractor
from fewray.quality.gallery import copies_csv, write_quality
from fewray.quality.image_set import ImageSet, MeasuredSet
from fewray.results.copies import Copy, CopyThreshold
from fewray.results.quality import QualityReport, read_quality

CLASSES = ("a", "a-synthetic", "pairs-a")
Sides = tuple[QualityReport, Nearest, dict[str, ImageSet], dict[str, ImageSet]]


@pytest.fixture(scope="module")
def measured() -> Sides:
    rng = np.random.default_rng(0)
    real, fake = (
        {c: ImageSet.of(rng.integers(0, 256, (4, 1, 32, 32), np.uint8)) for c in CLASSES}
        for _ in range(2)
    )
    return *measure_quality(real, fake, load_extractor("pixels"))[:2], real, fake


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


def test_every_class_has_pictures_of_its_own_whatever_its_name(measured: Sides, tmp_path: Path):
    quality, nearest, real, fake = measured
    write_quality(tmp_path, quality, nearest, real, fake)
    assert read_quality(tmp_path / "quality.json") == quality
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


def test_pictures_of_an_earlier_report_are_removed(measured: Sides, tmp_path: Path):
    quality, nearest, real, fake = measured
    write_quality(tmp_path, quality, nearest, real, fake)
    (tmp_path / "closest-of-mine.png").write_bytes(b"not ours")
    fewer = replace(quality, classes={"a": quality.classes["a"]})
    write_quality(tmp_path, fewer, {"a": nearest["a"]}, real, fake)
    assert names(tmp_path) == {
        "closest-pairs-a.png",
        "closest-synthetic-a.png",
        "closest-of-mine.png",
    }
    (tmp_path / "quality.json").write_text("[]")
    write_quality(tmp_path, fewer, {"a": nearest["a"]}, real, fake)


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


def detected(
    sides: tuple[MeasuredSet, MeasuredSet], pixels: float, features: float
) -> dict[str, Copy]:
    threshold = CopyThreshold(
        pixels=pixels,
        features=features,
        usual={"a": (1.0, 1.0)},
        percentile=2.0,
        num_held_out=9,
        grouped=False,
        real_flagged=0,
        false_alarms=0.0,
    )
    return {row.synthetic: row for row in find_copies("a", *sides, threshold)}


def test_a_copy_is_paired_with_the_image_it_copies(sides: tuple[MeasuredSet, MeasuredSet]):
    by_features = detected(sides, 0.0, 0.5)
    assert {name: (row.detected_by, row.pair[0]) for name, row in by_features.items()} == {
        "s0": ("features", "f2"),
        "s1": ("features", "f1"),
    }
    row = by_features["s0"]
    assert (row.nearest, row.nearest_by_features) == ("f0", "f2")
    assert row.pair[1] == row.feature_distance == pytest.approx(0.02)
    both = detected(sides, 0.5, 0.5)
    assert both["s0"].detected_by == "pixels+features"
    assert both["s0"].pair == ("f0", both["s0"].distance)
    none = detected(sides, 0.0, 0.0)
    assert none["s0"].pair == ("f0", none["s0"].distance)
    table = list(csv.DictReader(io.StringIO(copies_csv({"a": list(by_features.values())}))))
    assert {line["synthetic"]: line["copy_of"] for line in table} == {"s0": "f2", "s1": "f1"}
    assert [float(line["copy_distance"]) for line in table] == pytest.approx([0.02, 0.02], rel=1e-3)
    table = list(csv.DictReader(io.StringIO(copies_csv({"a": list(none.values())}))))
    assert {(line["copy_of"], line["copy_distance"]) for line in table} == {("", "")}


def test_the_sheet_shows_that_pair(
    measured: Sides, sides: tuple[MeasuredSet, MeasuredSet], tmp_path: Path
):
    synthetic, train = sides
    nearest = {"a": tuple(detected(sides, 0.0, 0.5).values())}
    write_quality(tmp_path, measured[0], nearest, {"a": train}, {"a": synthetic})
    shown = pictures(tmp_path / "closest-pairs-a.png")[:4]
    of = {
        name: resize(i[0], 64, "squash")
        for s in sides
        for name, i in zip(s.names, s.images, strict=True)
    }
    pairs = {tuple(name for name, image in of.items() for picture in shown[i : i + 2] if (image == picture).all())
             for i in (0, 2)}  # fmt: skip
    assert pairs == {("s0", "f2"), ("s1", "f1")}


def test_copies_come_before_images_nearer_by_pixels():
    def row(name: str, by: str, distance: float, feature_distance: float) -> Copy:
        return Copy(
            synthetic=name,
            nearest="p",
            distance=distance,
            nearest_by_features="f",
            feature_distance=feature_distance,
            detected_by=by,
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
