"""What is not read from a folder is said and named; generated images are known as such."""

from pathlib import Path

import pytest

from fewray.data.audit.check import audit
from fewray.data.hold_out import check_no_synthetic
from fewray.data.loading import load_dataset
from fewray.errors import InputError
from fewray.imaging.decode import Unreadable, decode
from tests.helpers import save_noise


def dicom(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(128) + b"DICM" + bytes(64))
    return path


@pytest.fixture
def films(tmp_path: Path) -> Path:
    for index, name in enumerate(("a/1.png", "a/2.png", "b/3.png")):
        save_noise(tmp_path / "set" / name, index)
    return tmp_path / "set"


def test_files_that_are_no_images_are_named(films: Path):
    (films / "a" / "notes.txt").write_text("x")
    assert (
        "1 file is no image and is left out: a/notes.txt" in load_dataset(films).notes["warnings"]
    )
    for index in range(4):
        dicom(films / "b" / f"{index}.DCM")
    (warning,) = (w for w in load_dataset(films).notes["warnings"] if "no images" in w)
    assert warning == (
        "5 files are no images and are left out: a/notes.txt, b/0.DCM, b/1.DCM and 2 more; "
        "DICOM is not read yet: convert it to 16-bit PNG first"
    )


def test_dicom_alone_is_called_that(films: Path, tmp_path: Path):
    (films / "a" / "1.png").rename(tmp_path / "1.png")
    (films / "a" / "2.png").unlink()
    dicom(films / "a" / "1.dcm")
    with pytest.raises(InputError, match="DICOM is not read yet: convert it to 16-bit PNG first"):
        load_dataset(films)
    with pytest.raises(Unreadable, match="DICOM, which is not read: convert it to 16-bit PNG"):
        decode(dicom(films / "a" / "1.png"))


def test_a_manifest_says_which_images_it_hides(films: Path):
    (films / "manifest.csv").write_text("path,label\na/1.png,a\nb/3.png,b\n")
    save_noise(films / "runs" / "picture.png")  # no class folder
    expected = (
        "manifest.csv is read, not the folders: 1 image that it does not name left out: a/2.png"
    )
    assert expected in load_dataset(films).notes["warnings"]
    assert expected in audit(load_dataset(films)).warnings
    (films / "manifest.csv").write_text("path,label\na/1.png,a\na/2.png,a\nb/3.png,b\n")
    assert not any("manifest.csv" in warning for warning in load_dataset(films).notes["warnings"])


def test_generated_images_are_known_with_and_without_their_manifest(films: Path):
    assert not any("synthetic" in warning for warning in audit(load_dataset(films)).warnings)
    check_no_synthetic(load_dataset(films))
    (films / "generators.json").write_text('{"a": {}}')
    save_noise(films / "a" / "seed000004.png", 4)
    found = load_dataset(films)
    assert [row.path.name for row in found.where(origin="synthetic").rows] == ["seed000004.png"]
    assert (
        "1 of 4 images are synthetic, no films: `train` and `study` refuse them"
        in audit(found).warnings
    )
    with pytest.raises(InputError, match="--data set: 1 synthetic images; real films are wanted"):
        check_no_synthetic(found)
    (films / "manifest.csv").write_text("path,label,origin\na/seed000004.png,a,synthetic\n")
    found = audit(load_dataset(films)).warnings
    assert "these are synthetic images, no films: `train` and `study` refuse them" in found
    assert any(
        "2 images that it does not name left out: a/1.png, a/2.png" in warning for warning in found
    )
