"""Which folders are the classes: wrappers, release roots, doubled folders, loose images."""

from pathlib import Path

import pytest

from fewray.data.loading import load_dataset
from tests.helpers import refused, save_noise


def make(root: Path, *names: str) -> Path:
    for index, name in enumerate(names):
        save_noise(root / name, index)
    return root


@pytest.mark.parametrize(
    ("inside", "names"),
    [
        ("set", ("set/a/1.png", "set/b/2.png")),
        ("x/y", ("x/y/a/1.png", "x/y/b/2.png")),
        ("set", ("set/train/a/1.png", "set/train/b/2.png", "set/test/a/3.png")),
        ("set", ("set/a/images/1.png", "set/b/images/2.png", "__MACOSX/set/3.png")),
        ("set", ("set/0/1.png", "set/1/2.png")),
    ],
)
def test_a_wrapper_is_stepped_through_with_a_note(tmp_path: Path, inside: str, names: list[str]):
    data = load_dataset(make(tmp_path, *names))
    assert len(data.classes) == 2
    assert data.name == Path(inside).name
    (warning,) = [found for found in data.warnings if found.code == "wrapper_folder"]
    assert warning.items == (inside,)
    assert load_dataset(tmp_path / inside).sha256() == data.sha256()


@pytest.mark.parametrize(
    "names",
    [
        ("normal/1.png", "normal/p1/2.png"),
        ("normal/patient1/1.png", "normal/patient2/2.png"),
        ("normal/2019/1.png", "normal/2020/2.png"),
        ("normal/images/1.png",),
    ],
)
def test_one_class_with_folders_is_a_class(tmp_path: Path, names: list[str]):
    assert load_dataset(make(tmp_path, *names)).classes == ("normal",)


NO_CLASSES = {
    ("images_001/images/1.png", "images_002/images/2.png"): "parts",
    ("batch-1/1.png", "batch-2/2.png", "batch-3/3.png"): "parts",
    ("train/patient00001/study1/1.jpg", "train/patient00002/study1/2.jpg"): "patients",
    ("p10/p10000032/s1/1.jpg", "p11/p11000011/s1/2.jpg"): "patients",
    ("216840111366964012373310883942009084084022290/a/1.png", "12345678/2.png"): "patients",
    ("1.2.840.113619.2.1/1.png", "1.2.840.113619.2.2/2.png"): "patients",
    ("images/1.png", "images/2.png"): "images",
    ("jpg/1.png", "png/2.png"): "images",
}


@pytest.mark.parametrize("names", NO_CLASSES, ids=lambda names: names[0])
def test_folders_that_cannot_be_classes_are_refused(tmp_path: Path, names: tuple[str, ...]):
    make(tmp_path, *names)
    with refused("not_classes", "dicom:.*,labels=TABLE.*fewray data list") as caught:
        load_dataset(tmp_path)
    assert caught.value.fields["kind"] == NO_CLASSES[names]
    assert caught.value.fields["tables"] == []
    (tmp_path / "Data_Entry_2017.csv").write_text("Image Index,Finding Labels\n")
    with refused("not_classes", r"Data_Entry_2017\.csv"):
        load_dataset(tmp_path)


def test_names_of_patients_do_not_reach_the_message(tmp_path: Path):
    make(tmp_path, "patient00731/1.png", "patient00732/2.png")
    with refused("not_classes", "patient#####") as caught:
        load_dataset(tmp_path)
    assert "0073" not in str(caught.value)


@pytest.mark.parametrize(
    "names",
    [("0/1.png", "1/2.png", "4/3.png"), ("grade1/1.png", "grade2/2.png"), ("covid19/1.png",)],
)
def test_numbered_classes_are_classes(tmp_path: Path, names: list[str]):
    assert len(load_dataset(make(tmp_path, *names)).classes) == len(names)


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (
            ("set/train/a/1.png", "set/set/train/a/2.png"),
            r"holds splits too: give --data .*/set/set",
        ),
        (("train/a/1.png", "test/a/2.png", "val/a/3.png"), "validation sets of its own"),
        (("1.png", "2.png"), "no class folders, 2 files directly in it"),
        (("train/a/1.png", "extra/a/2.png"), "folders extra beside"),
    ],
)
def test_another_layout_is_refused_with_what_to_do(tmp_path: Path, names: list[str], pattern: str):
    make(tmp_path, *names)
    with refused("folder_layout", pattern):
        load_dataset(tmp_path)


def test_archives_are_to_be_unpacked(tmp_path: Path):
    (tmp_path / "normal.zip").write_bytes(b"PK")
    with refused("folder_layout", r"Unpack normal\.zip"):
        load_dataset(tmp_path)
