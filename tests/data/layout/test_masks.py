"""Masks and annotation pictures beside images are no images."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewray.data.loading import load_dataset
from tests.helpers import refused, save_noise


def make(root: Path, *names: str) -> Path:
    for index, name in enumerate(names):
        save_noise(root / name, index)
    return root


def save_mask(path: Path, white: int = 255, kind: type = np.uint8) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros((40, 40), kind)
    pixels[10:30, 5:15] = pixels[10:30, 25:35] = white
    Image.fromarray(pixels).save(path)


MASKS = {
    "COVID-19 Radiography Database": ("a/images/1.png", "b/images/2.png", "a/masks/1.png"),
    "one folder per patient": ("a/p1/1.png", "b/p2/2.png", "a/p1/mask/1.png"),
    "images directly in the class": ("a/1.png", "b/2.png", "a/Lung Segmentation/1.png"),
    "masks below masks": ("a/CXR_png/1.png", "b/2.png", "a/ManualMask/leftMask/1.png"),
    "other words": ("a/img/1.png", "b/img/2.png", "a/annotations/1.png"),
    "beside the classes": ("a/1.png", "b/2.png", "masks/1.png"),
    "beside splits": ("train/a/1.png", "test/b/2.png", "ground_truth/1.png"),
    "Breast Ultrasound Images Dataset": ("a/a (1).png", "b/b (1).png", "a/a (1)_mask.png"),
    "numbered masks": ("a/1.png", "b/2.png", "a/1_mask_1.png"),
    "one mask per lung": ("a/1.png", "b/2.png", "a/1-left-mask.png"),
}


@pytest.mark.parametrize("layout", MASKS)
def test_masks_are_skipped_with_a_warning(tmp_path: Path, layout: str):
    *images, mask = MASKS[layout]
    save_mask(make(tmp_path, *images) / mask)
    data = load_dataset(tmp_path)
    assert [row.path.relative_to(tmp_path).as_posix() for row in data.rows] == images
    assert data.classes == ("a", "b")
    (warning,) = [found for found in data.warnings if found.code == "masks_skipped"]
    assert warning.items == (mask,)


@pytest.mark.parametrize(
    "names",
    [
        ("mask/1.png", "no_mask/1.png"),
        ("with_mask/1.png", "without_mask/1.png"),
        ("mask/1.png", "glasses/2.png"),
        ("a/mask/1.png", "b/2.png"),
        ("a/unmasked.png", "a/un.png", "b/2.png"),
        ("a/1_mask.png", "b/1.png"),
        ("a/bio.png", "a/bioseg.png", "b/2.png"),
    ],
    ids=" ".join,
)
def test_images_that_only_sound_like_masks_stay(tmp_path: Path, names: tuple[str, ...]):
    data = load_dataset(make(tmp_path, *names))
    assert len(data) == len(names)
    assert "masks_skipped" not in {warning.code for warning in data.warnings}


def test_a_class_of_masks_alone_is_empty_and_says_why(tmp_path: Path):
    make(tmp_path, "a/1.png", "b/masks/1.png", "b/images/2.png")
    (tmp_path / "b/images/2.png").unlink()
    (tmp_path / "b/images/x.txt").write_text("no image")
    with refused("empty_class", "b: no images.*mask.*masks/1.png"):
        load_dataset(tmp_path)


def test_images_beside_masks_at_the_top_are_no_classes(tmp_path: Path):
    make(tmp_path, "images/1.png", "images/2.png", "masks/1.png", "masks/2.png")
    with refused("not_classes", "images") as caught:
        load_dataset(tmp_path)
    assert caught.value.fields["kind"] == "images"


NAMES = ("roi", "gt", "seg", "mask", "Annotations", "overlay")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("place", ["", "set/", "train/"])
def test_a_class_named_as_masks_with_the_names_of_another_class_stays(
    tmp_path: Path, name: str, place: str
):
    names = [f"{place}{label}/{i}.png" for label in ("a", "b", name) for i in range(3)]
    data = load_dataset(make(tmp_path, *names))
    assert data.counts()["train" if place == "train/" else ""] == {"a": 3, "b": 3, name: 3}
    (warning,) = [found for found in data.warnings if "mask" in found.code]
    assert (warning.code, warning.items) == ("mask_named_class", (f"{place}{name}",))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("white", "kind", "suffix"),
    [(255, np.uint8, ".png"), (255, np.uint8, ".jpg"), (1, np.uint8, ".png"), (1, "<u2", ".tif")],
)
def test_as_many_masks_as_images_are_masks(
    tmp_path: Path, name: str, white: int, kind: type, suffix: str
):
    make(tmp_path, *(f"{label}/{i}.png" for label in "ab" for i in range(3)))
    for index in range(6):
        save_mask(tmp_path / name / f"{index % 3}{'_mask' * (index > 2)}{suffix}", white, kind)
    data = load_dataset(tmp_path)
    assert data.classes == ("a", "b")
    (warning,) = [found for found in data.warnings if "mask" in found.code]
    assert warning.code == "masks_skipped"
    assert len(warning.items) == 6
    assert f"nothing in {name} is read" in warning.text


def test_what_cannot_be_a_class_is_judged_by_its_name(tmp_path: Path):
    """Fewer images than any class has; beside splits; below a class."""
    make(tmp_path / "few", *(f"{p}.png" for p in ("a/1", "a/2", "b/1", "b/2", "roi/1")))
    make(tmp_path / "splits", *(f"{p}.png" for p in ("train/a/1", "test/b/2", "roi/1")))
    make(tmp_path / "below", *(f"{p}.png" for p in ("a/p1/1", "a/roi/1", "b/p2/2")))
    for folder in ("few", "splits", "below"):
        data = load_dataset(tmp_path / folder)
        assert data.classes == ("a", "b")
        (warning,) = [found for found in data.warnings if "mask" in found.code]
        assert [Path(item).name for item in warning.items] == ["1.png"]


def test_a_folder_of_masks_that_cannot_be_decoded_is_no_class(tmp_path: Path):
    make(tmp_path, "a/1.png", "b/1.png", "seg/1.png")
    (tmp_path / "seg/1.png").write_bytes(b"damaged")
    assert load_dataset(tmp_path).classes == ("a", "b")


def test_radiographs_in_a_folder_named_as_masks_are_a_class(tmp_path: Path, covid4: Path):
    for label, name in (("covid", "covid"), ("normal", "roi")):
        for index, path in enumerate(sorted((covid4 / "train" / label).iterdir())[:20]):
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / f"{index}{path.suffix}").symlink_to(path)
    assert load_dataset(tmp_path).classes == ("covid", "roi")
