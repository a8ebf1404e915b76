"""Files that are skipped are reported; generated images are recognised."""

from pathlib import Path

import pytest

from fewray.data.audit.check import audit
from fewray.data.hold_out import check_no_synthetic
from fewray.data.loading import load_dataset
from fewray.data.manifest import DataWarning
from fewray.data.skipped_files import listed
from fewray.errors import InputError
from fewray.imaging.decode import Unreadable, decode
from tests.helpers import save_noise


def dicom(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(128) + b"DICM" + bytes(64))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for index, name in enumerate(("a/1.png", "a/2.png", "b/3.png")):
        save_noise(tmp_path / "set" / name, index)
    return tmp_path / "set"


def found(source: Path, code: str) -> list[DataWarning]:
    return [warning for warning in load_dataset(source).warnings if warning.code == code]


def test_files_that_are_not_images_are_listed(folder: Path):
    (folder / "a" / "notes.txt").write_text("x")
    (warning,) = found(folder, "not_images")
    assert warning.items == ("a/notes.txt",)
    assert "1 file in" in warning.text
    for index in range(4):
        (folder / "b" / f"{index}.txt").write_text("x")
    (warning,) = found(folder, "not_images")
    assert len(warning.items) == 5
    assert "a/notes.txt, b/0.txt, b/1.txt and 2 more" in warning.text


def test_dicom_without_an_image_is_recognised(folder: Path, tmp_path: Path):
    dicom(folder / "b" / "IM0001")
    with pytest.raises(InputError, match="b/IM0001: DICOM file that cannot be read") as caught:
        load_dataset(folder)
    assert caught.value.fields["faults"] == ["dicom_damaged"]
    (folder / "a" / "1.png").rename(tmp_path / "1.png")
    (folder / "a" / "2.png").unlink()
    dicom(folder / "a" / "1.dcm")
    with pytest.raises(InputError, match="1 DICOM file that cannot be read") as caught:
        load_dataset(folder)
    assert caught.value.code == "empty_class"
    with pytest.raises(Unreadable, match="DICOM file without an image size"):
        decode(dicom(folder / "a" / "1.png"))


def test_images_that_a_manifest_does_not_list_are_reported(folder: Path):
    (folder / "manifest.csv").write_text("path,label\na/1.png,a\nb/3.png,b\n")
    save_noise(folder / "runs" / "picture.png")  # not in a class folder
    (warning,) = found(folder, "not_in_manifest")
    assert warning.items == ("a/2.png",)
    (told,) = [each for each in audit(load_dataset(folder)).findings if each.code == warning.code]
    assert told.items == warning.items
    (folder / "manifest.csv").write_text("path,label\na/1.png,a\na/2.png,a\nb/3.png,b\n")
    assert not found(folder, "not_in_manifest")


def test_generated_images_are_recognised_with_and_without_a_manifest(folder: Path):
    def synthetic() -> list[str]:
        told = audit(load_dataset(folder)).findings
        return [finding.text for finding in told if finding.code == "synthetic_images"]

    assert not synthetic()
    check_no_synthetic(load_dataset(folder))
    (folder / "generators.json").write_text('{"a": {}}')
    save_noise(folder / "a" / "seed000004.png", 4)
    data = load_dataset(folder)
    assert [row.path.name for row in data.where(origin="synthetic").rows] == ["seed000004.png"]
    (text,) = synthetic()
    assert text.startswith("1 of 4 images are synthetic")
    with pytest.raises(InputError) as caught:
        check_no_synthetic(data)
    assert (caught.value.code, caught.value.fields["count"]) == ("synthetic_images", 1)
    (folder / "manifest.csv").write_text("path,label,origin\na/seed000004.png,a,synthetic\n")
    (text,) = synthetic()
    assert text.startswith("all images are synthetic")
    (warning,) = found(folder, "not_in_manifest")
    assert warning.items == ("a/1.png", "a/2.png")


@pytest.mark.parametrize("name", ["a\x1b[2J", "a\nb", "a\x07", "a\x9b1m"])
def test_names_in_messages_cannot_control_a_terminal(name: str):
    assert listed([name]).isprintable()
    assert listed(["Röntgen 1.png"]) == "Röntgen 1.png"
