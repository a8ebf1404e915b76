"""Masks and annotation pictures beside images are no images."""

from pathlib import Path

import pytest

from fewray.data.loading import load_dataset
from tests.helpers import refused, save_noise


def make(root: Path, *names: str) -> Path:
    for index, name in enumerate(names):
        save_noise(root / name, index)
    return root


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
    data = load_dataset(make(tmp_path, *MASKS[layout]))
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
