"""Held-out images are not training images in another file; shared patients are reported."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

import fewray
from fewray.data.loading import load_dataset
from fewray.data.manifest import Manifest
from fewray.errors import InputError
from fewray.pipelines.held_out_check import check_held_out


def film(path: Path, seed: int, **how: int) -> None:
    """Write a grey picture of 80 x 64 pixels, the same for the same seed."""
    picture = gaussian_filter(np.random.default_rng(seed).normal(size=(64, 80)), 2)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(128 + 300 * picture, 0, 255).astype(np.uint8)).save(path, **how)


@pytest.fixture
def real(tmp_path: Path) -> Path:
    for index in range(4):
        film(tmp_path / "real" / "a" / f"p{index}_1.png", index)
    return tmp_path / "real"


@pytest.mark.parametrize(
    ("suffix", "how"), [("bmp", {}), ("png", {"compress_level": 0}), ("jpg", {"quality": 70})]
)
def test_a_training_film_in_another_file_is_not_held_out(
    suffix: str, how: dict[str, int], real: Path, tmp_path: Path
):
    for index in range(3):
        film(tmp_path / "unseen" / "a" / f"other{index}.png", 50 + index)
    unseen = load_dataset(tmp_path / "unseen")
    assert check_held_out(load_dataset(real), unseen, {}) == []
    film(tmp_path / "unseen" / "a" / f"duplicate.{suffix}", 2, **how)
    with pytest.raises(InputError, match=rf"first .*duplicate.{suffix} .*p2_1.png") as caught:
        check_held_out(load_dataset(real), load_dataset(tmp_path / "unseen"), {})
    assert (caught.value.code, caught.value.fields["count"]) == ("held_out_duplicates", 1)
    with pytest.raises(InputError) as caught:
        fewray.measure_quality(real, real, held_out=tmp_path / "unseen", extractor="pixels")
    assert caught.value.code == "held_out_duplicates"


def test_equal_pictures_without_structure_are_one_film(tmp_path: Path):
    for name in ("real/a/1.png", "unseen/a/2.bmp"):
        (tmp_path / name).parent.mkdir(parents=True)
        Image.new("L", (40, 40), 90).save(tmp_path / name)
    with pytest.raises(InputError) as caught:
        check_held_out(load_dataset(tmp_path / "real"), load_dataset(tmp_path / "unseen"), {})
    assert caught.value.code == "held_out_duplicates"


def test_another_film_of_a_training_patient_is_noted_by_name(real: Path, tmp_path: Path):
    film(tmp_path / "unseen" / "a" / "p2_2.png", 60)
    film(tmp_path / "unseen" / "a" / "p9_1.png", 61)
    sides: list[Manifest] = [
        load_dataset(folder, group_regex=r"(p\d)_") for folder in (real, tmp_path / "unseen")
    ]
    (note,) = check_held_out(*sides, {})
    assert "1 of 2 held-out images are of patients with real images too (p2)" in note


def test_files_of_equal_names_in_two_sets_are_no_patient(real: Path, tmp_path: Path):
    film(tmp_path / "unseen" / "a" / "p2_1.png", 60)
    assert check_held_out(load_dataset(real), load_dataset(tmp_path / "unseen"), {}) == []


def test_the_split_of_covid4_is_accepted_with_a_note(covid4: Path):
    data = load_dataset("covid4")
    (note,) = check_held_out(
        data.where(split="train", label="covid"), data.where(split="test", label="covid"), {}
    )
    assert "nejmoa2001191" in note
