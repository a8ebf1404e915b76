"""MedMNIST: images and labels of a file, and files that are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fewray.config import ReadOptions
from fewray.data.loading import load_dataset
from fewray.errors import InputError
from tests.data.releases.miniatures import BUILDERS
from tests.data.releases.reading import read

SPLIT = ("train", "val", "test")


def test_medmnist_of_several_findings_and_of_other_kinds(tmp_path: Path):
    rng = np.random.default_rng(0)

    def file(name: str, shape: tuple[int, ...], labels: np.ndarray) -> Path:
        arrays = {f"{s}_images": rng.integers(0, 256, shape, np.uint8) for s in SPLIT}
        arrays |= {f"{s}_labels": labels for s in SPLIT}
        np.savez(tmp_path / name, allow_pickle=False, **arrays)
        return tmp_path / name

    found = np.zeros((4, 14), np.uint8)
    found[0, 6] = found[1, 6] = found[1, 1] = 1
    chest = file("chestmnist.npz", (4, 28, 28), found)
    data = load_dataset(f"medmnist:{chest}", read=ReadOptions(labels=("pneumonia", "no finding")))
    assert data.counts() == {
        "train": {"no finding": 4, "pneumonia": 4},
        "test": {"no finding": 2, "pneumonia": 2},
    }
    plain = file("own.npz", (4, 28, 28), np.arange(4)[:, None] % 2)
    assert load_dataset(f"medmnist:{plain}").classes == ("class 0", "class 1")
    colour = file("pathmnist.npz", (4, 28, 28, 3), np.arange(4)[:, None] % 2)
    (tmp_path / "text.npz").write_text("no archive")
    for path, code in (
        (colour, "medmnist_colour"),
        (tmp_path / "text.npz", "medmnist_file"),
        (tmp_path, "release_folder"),
    ):
        with pytest.raises(InputError) as caught:
            load_dataset(f"medmnist:{path}")
        assert caught.value.code == code


def test_images_of_medmnist_are_those_of_the_file(tmp_path: Path):
    mini = BUILDERS["medmnist"](tmp_path)
    from fewray.imaging.arrays import load_images

    data = read(mini).where(split="test")
    with np.load(tmp_path / "pneumoniamnist_64.npz") as arrays:
        expected = {row.tobytes() for row in arrays["test_images"]}
    assert {image[0].tobytes() for image in load_images(data.paths(), 64)} == expected


def test_a_medmnist_file_with_fewer_images_than_labels_is_refused(tmp_path: Path):
    path, arrays = tmp_path / "short.npz", dict[str, Any]()
    for split in ("train", "val", "test"):
        arrays[f"{split}_images"] = np.zeros((2, 28, 28), np.uint8)
        arrays[f"{split}_labels"] = np.array([[0], [1], [1]])
    np.savez(path, **arrays)
    with pytest.raises(InputError) as caught:
        load_dataset(f"medmnist:{path}")
    assert caught.value.code == "medmnist_file"


@pytest.mark.parametrize("kind", ["f4", "u2", "i8"])
def test_a_medmnist_file_of_other_numbers_is_refused_before_its_images_are_read(
    tmp_path: Path, kind: str
):
    path, arrays = tmp_path / "pneumoniamnist.npz", dict[str, Any]()
    for split in SPLIT:
        arrays[f"{split}_images"] = np.zeros((2, 28, 28), kind if split == "test" else np.uint8)
        arrays[f"{split}_labels"] = np.array([[0], [1]])
    np.savez(path, **arrays)
    with pytest.raises(InputError, match="MedMNIST has uint8") as caught:
        load_dataset(f"medmnist:{path}")
    assert caught.value.code == "medmnist_pixels"
