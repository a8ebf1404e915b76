"""Planted faults in single images are named by their code; the images beside them are not."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from fewray.data.audit.appearance import appearance, detail, reduced_copy
from fewray.data.audit.check import audit
from fewray.data.audit.inspection import inspect_file
from fewray.data.audit.pictures import MARKED, image_findings
from fewray.data.loading import load_dataset
from fewray.imaging.depth import PixelScale
from fewray.results.data_check import DataCheck, Finding
from tests.dicom_files import pixels_of, write_dicom
from tests.helpers import smooth_images

SIDE = 96


def radiograph(seed: int = 0, side: int = SIDE) -> np.ndarray:
    """Return uint8 (side, side) with structure at all scales."""
    image = smooth_images(1, side, seed)[0].astype(np.float64)
    noise = np.random.default_rng(seed).normal(0, 6, (side, side))
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def two_levels() -> np.ndarray:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    inside = (rows - 48) ** 2 + (columns - 40) ** 2 < 600
    return np.where(inside, 255, 0).astype(np.uint8)


def as_jpeg(pixels: np.ndarray) -> Image.Image:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=70)
    return Image.open(stream)


def with_alpha(opacity: int, columns: int = SIDE) -> Image.Image:
    image = Image.fromarray(radiograph(7)).convert("RGBA")
    alpha = np.full((SIDE, SIDE), 255, np.uint8)
    alpha[:, :columns] = opacity
    image.putalpha(Image.fromarray(alpha))
    return image


def transparent_palette() -> Image.Image:
    image = Image.fromarray(radiograph(8)).convert("P")
    image.info["transparency"] = bytes(256)
    return image


def marked(mode: str = "RGB") -> Image.Image:
    image = Image.fromarray(radiograph(9)).convert("RGB")
    ImageDraw.Draw(image).line((10, 10, 30, 30), fill=(255, 0, 0), width=2)
    return image.convert(mode)


def enlarged(side: int) -> Image.Image:
    image = Image.fromarray(radiograph(3))
    return image.resize((side, side), Image.Resampling.BICUBIC).resize((512, 512))


def deep(values: np.ndarray) -> Image.Image:
    return Image.fromarray(values.astype(np.uint16))


PLANTED: dict[str, tuple[str, Callable[[], Image.Image | np.ndarray]]] = {
    "black": ("blank_images", lambda: np.zeros((SIDE, SIDE), np.uint8)),
    "white": ("blank_images", lambda: np.full((90, SIDE), 255, np.uint8)),
    "one pixel": ("blank_images", lambda: np.eye(1, SIDE * SIDE).reshape(SIDE, SIDE) > 0),
    "noisy black": (
        "blank_images",
        lambda: np.random.default_rng(0).integers(0, 5, (SIDE, SIDE)).astype(np.uint8),
    ),
    "blank RGB": ("blank_images", lambda: np.full((SIDE, SIDE, 3), 128, np.uint8)),
    "transparent": ("transparent_images", lambda: with_alpha(0)),
    "transparent palette": ("transparent_images", transparent_palette),
    "half transparent": ("partly_transparent", lambda: with_alpha(0, SIDE // 2)),
    "dark": ("dark_images", lambda: radiograph(1) // 5),
    "faint": ("faint_images", lambda: 120 + radiograph(1) // 12),
    "mask": ("few_grey_levels", two_levels),
    "mask as JPEG": ("few_grey_levels", lambda: as_jpeg(two_levels())),
    "mask of two lungs": ("few_grey_levels", lambda: two_levels() // 2 + two_levels().T // 3),
    "mask of 1 bit": ("few_grey_levels", lambda: two_levels() > 0),
    "red line": ("coloured_marks", marked),
    "red line in a palette": ("coloured_marks", lambda: marked("P")),
    "red line in CMYK": ("coloured_marks", lambda: marked("CMYK")),
    "photograph": (
        "colour_images",
        lambda: np.stack([radiograph(1), radiograph(1) // 3, radiograph(1) // 4], 2),
    ),
    "enlarged 24": ("little_detail", lambda: enlarged(24)),
    "small": ("smaller_than_training", lambda: radiograph(3, 40)),
}


def write(root: Path, name: str, picture: Image.Image | np.ndarray) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(path)


def codes(found: DataCheck) -> dict[str, Finding]:
    return {each.code: each for each in found.findings}


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> DataCheck:
    root = tmp_path_factory.mktemp("planted")
    for label, first in (("a", 0), ("b", 100)):
        for index in range(12):
            write(root, f"{label}/good{index}.png", radiograph(first + index))
    for name, (_, make) in PLANTED.items():
        suffix = "tif" if "CMYK" in name else "png"
        write(root, f"a/{name}.{suffix}", make())
    return audit(load_dataset(root, strict=False))


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_named(planted: DataCheck, name: str):
    code, _ = PLANTED[name]
    items = codes(planted)[code].items
    assert any(Path(item).stem == name for item in items)


def test_nothing_else_is_named(planted: DataCheck):
    rules = {code for code, _ in PLANTED.values()}
    named = [item for each in planted.findings if each.code in rules for item in each.items]
    assert len(named) == len(set(named)) == len(PLANTED)


def test_every_finding_has_text_advice_and_all_files(planted: DataCheck):
    blank = codes(planted)["blank_images"]
    assert len(blank.items) == 5
    assert blank.text.startswith("5 blank")
    assert blank.advice
    assert blank.sentence in planted.warnings
    assert planted.to_json()["findings"][0]["code"] == planted.findings[0].code


def test_unused_bits_are_told_with_the_stored_values(tmp_path: Path):
    for index in range(6):
        values = radiograph(index).astype(int)
        write(tmp_path, f"a/{index}.png", deep(values * 257 if index else values * 4))
    found = codes(audit(load_dataset(tmp_path)))
    assert found["unused_bits"].items == ("a/0.png",)
    assert f"{int(radiograph(0).max()) * 4}" in found["unused_bits"].text
    assert "blank_images" not in found


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_12_bits_declared_as_16_are_told_unless_there_is_a_window(tmp_path: Path, photometric: str):
    for index in range(3):
        pixels = pixels_of(index, bits=12)
        elements: dict[str, Any] = {
            "PhotometricInterpretation": photometric,
            "PatientID": f"{index}",
        }
        write_dicom(tmp_path / f"plain/a/{index}.dcm", pixels, 16, **elements)
        window: dict[str, Any] = {"WindowCenter": 2048, "WindowWidth": 4096}
        write_dicom(tmp_path / f"window/a/{index}.dcm", pixels, 16, **elements, **window)
        write_dicom(tmp_path / f"stored/a/{index}.dcm", pixels, 12, **elements)
    found = codes(audit(load_dataset(tmp_path / "plain")))["unused_bits"]
    assert len(found.items) == 3
    assert "4095" in found.text
    assert "16 bit" in found.text
    for kind in ("window", "stored"):
        assert "unused_bits" not in codes(audit(load_dataset(tmp_path / kind)))


def test_all_images_may_be_at_fault(tmp_path: Path):
    for index in range(3):
        write(tmp_path, f"a/{index}.png", np.full((70, 70), 40 * index, np.uint8))
    assert codes(audit(load_dataset(tmp_path)))["blank_images"].text.startswith("all 3 images: ")


def test_detail_falls_when_an_image_is_enlarged_from_fewer_pixels():
    image = Image.fromarray(radiograph(5))
    values = [
        detail(reduced_copy(np.asarray(image.resize((side, side)).resize((256, 256)))))
        for side in (96, 48, 32, 16)
    ]
    assert values == sorted(values, reverse=True)
    assert detail(np.zeros((64, 64), np.uint8)) == 0


def test_figures_of_a_known_image():
    grey = np.zeros((10, 10), np.uint8)
    grey[:2] = 100
    grey[2:3] = 200
    seen = appearance(grey, reduced_copy(grey), None)
    assert (seen.low, seen.high, seen.contrast) == (0, 200, 200)
    assert seen.flat == pytest.approx(0.7)
    assert seen.in_three_levels == pytest.approx(1)
    assert (seen.coloured, seen.transparent) == (0, 0)
    colours = np.repeat(grey[..., None], 3, 2)
    colours[0, :5] = (200, 100, 100)
    assert appearance(grey, reduced_copy(grey), Image.fromarray(colours)).coloured == 0.05


def test_the_training_images_of_covid4_are_quiet_but_for_coloured_text(covid4: Path):
    """Two images have dates and scales in colour; no other rule finds anything."""
    paths = sorted((covid4 / "train/covid").iterdir())
    small = [path for path in paths if path.stat().st_size < 700_000]
    files = {path.name: inspect_file(path, scale=PixelScale()) for path in small}
    (found,) = image_findings(files)
    assert found.code == "coloured_marks"
    assert {name[:8] for name in found.items} == {"80446565", "FE9F9A5D"}
    shares = sorted(file.appearance.coloured for file in files.values() if file.appearance)
    assert shares[-3] < MARKED / 2
