"""Files of the area search: a row per image, and maps beside the training image most is owed to."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image

from fewray.data.loading import load_dataset
from fewray.imaging.preprocess import resize
from fewray.pipelines.quality_report import image_sets
from fewray.quality.area_gallery import areas_csv
from fewray.quality.copies.areas import SHOWN, AreaSearch
from fewray.quality.evaluate import Nearest, measure_quality
from fewray.quality.features.load import load_extractor
from fewray.quality.gallery import write_quality
from fewray.quality.image_set import ImageSet
from fewray.results.quality import QualityReport, read_quality

Measured = tuple[QualityReport, Nearest, AreaSearch, dict[str, ImageSet], dict[str, ImageSet]]


@pytest.fixture(scope="module")
def measured() -> Measured:
    """Ten synthetic images: the first three copy the left half of training images 4 to 6."""
    rows = load_dataset("phantom:size=64,train=12,test=1").where(split="train")
    real = image_sets(rows, ("normal",), 64, "squash")
    images = np.random.default_rng(0).integers(90, 130, (10, 1, 64, 64), np.uint8)
    images[:3, :, :, :32] = real["normal"].images[4:7, :, :, :32]
    fake = {"normal": ImageSet.of(images)}
    return *measure_quality(real, fake, load_extractor("pixels")), real, fake


def pictures(path: Path) -> list[list[np.ndarray]]:
    """Return rows of 64-px pictures, (64, 64, 3), of a sheet with a frame of 2 px between them."""
    sheet = np.asarray(Image.open(path))
    return [
        [sheet[y : y + 64, x : x + 64] for x in range(2, sheet.shape[1] - 2, 66)]
        for y in range(2, len(sheet) - 2, 66)
    ]


def test_the_sheet_shows_image_map_and_training_image(measured: Measured, tmp_path: Path):
    quality, nearest, areas, real, fake = measured
    write_quality(tmp_path, quality, nearest, real, fake, areas)
    assert read_quality(tmp_path / "quality.json") == quality
    rows = pictures(tmp_path / "copied-areas-normal.png")
    assert len(rows) == SHOWN
    for image, (synthetic, painted, training) in zip(areas.images["normal"], rows, strict=False):
        grey = resize(fake["normal"].images[int(image.synthetic), 0], 64, "squash")
        assert (synthetic == grey[..., None]).all()
        changed = (painted != synthetic).any(2)
        assert changed.mean() == pytest.approx(image.area, abs=0.02)
        if image.nearest:
            original = real["normal"].images[real["normal"].names.index(image.nearest), 0]
            assert (training == original[..., None]).all()
            assert changed[:, :24].mean() > 0.9
            assert changed[:, 44:].mean() < 0.1
        else:
            assert training.max() == 0


def test_the_table_has_a_row_for_every_image(measured: Measured):
    areas, real = measured[2], measured[3]["normal"]
    rows = list(csv.DictReader(io.StringIO(areas_csv(areas))))
    assert sorted(int(row["synthetic"]) for row in rows) == list(range(10))
    assert {row["synthetic"]: row["nearest"] for row in rows[:3]} == {
        str(i): real.names[4 + i] for i in range(3)
    }
    owed = [float(row["owed"]) for row in rows]
    assert owed == sorted(owed, reverse=True)
    assert [row["flagged"] for row in rows] == ["True"] * 3 + ["False"] * 7
    assert owed[2] > 0.3
    assert owed[3] == 0


def test_files_of_an_earlier_report_are_removed(measured: Measured, tmp_path: Path):
    quality, nearest, areas, real, fake = measured
    write_quality(tmp_path, quality, nearest, real, fake, areas)
    write_quality(tmp_path, quality, nearest, real, fake)
    assert not list(tmp_path.glob("copied-areas*"))
    assert (tmp_path / "closest-pairs-normal.png").exists()


def test_the_report_says_what_is_owed(measured: Measured):
    from fewray.report.pages.copied_areas import area_tables
    from fewray.report.pages.quality import quality_sections, quality_tables

    quality = measured[0]
    found = quality.classes["normal"].areas
    assert found is not None
    assert quality.pooled.areas is None
    (table,) = area_tables(quality)
    assert table.rows[0][:2] == ("normal", "10")
    assert table.rows[0][5] == str(found.num_flagged) == "3"
    assert table in quality_tables(quality)
    assert table in quality_sections(quality)[0].blocks
    assert quality.area_limit is not None
    assert quality.area_limit.text in quality.sentences
    before = replace(
        quality, area_limit=None, classes={"normal": replace(quality.classes["normal"], areas=None)}
    )
    assert area_tables(before) == ()
    assert len(quality_tables(before)) == len(quality_tables(quality)) - 1
    assert len(before.sentences) == len(quality.sentences) - 1


def test_a_class_of_one_patient_has_no_areas_and_the_report_says_why(measured: Measured):
    real, fake = measured[3:]
    single = ImageSet(real["normal"].images, real["normal"].names, ("p",) * 12)
    quality, nearest, areas = measure_quality({"normal": single}, fake, load_extractor("pixels"))
    found = quality.classes["normal"]
    assert found.areas is None
    assert "two patients" in found.undefined["areas"]
    assert any("no area search" in line for line in quality.sentences)
    assert areas_csv(areas).count("\n") == 1
    assert nearest["normal"]
