"""Each public release, as a miniature: read by its name, and what is missing is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fewray.data.loading import known_datasets, load_dataset
from fewray.data.releases.registry import RELEASES
from fewray.errors import InputError
from tests.data.releases.miniatures import BUILDERS, save
from tests.data.releases.reading import codes, read
from tests.dicom_files import pixels_of, write_dicom

EVERYWHERE = {"similar_classes", "byte_equal", "depth_by_class"}


@pytest.mark.parametrize("name", BUILDERS)
def test_a_miniature_is_read_by_its_name(name: str, tmp_path: Path):
    mini = BUILDERS[name](tmp_path / "release")
    data = read(mini)
    assert data.counts() == mini.counts
    assert len({row.group for row in data.rows}) == mini.patients
    assert set(codes(data)) - EVERYWHERE == mini.codes
    assert data.name == name
    assert data.source == mini.source
    if RELEASES[name].is_dicom:
        hashed = [bool(re.fullmatch(r"patient-[0-9a-f]{16}", row.group)) for row in data.rows]
        assert all(hashed) == ("patients_unknown" not in mini.codes)
    again = read(mini)
    assert again == data


def test_every_release_has_a_miniature_and_is_listed():
    assert set(BUILDERS) == set(RELEASES)
    listed = {each["name"]: each for each in known_datasets()}
    assert set(RELEASES) < set(listed)
    for name, release in RELEASES.items():
        assert listed[name]["licence"]
        assert listed[name]["address"].startswith("https://")
        assert release.argument in listed[name]["source"]


@pytest.mark.parametrize("name", sorted({*BUILDERS} - {"medmnist"}))
def test_a_folder_that_is_not_the_release(name: str, tmp_path: Path):
    save(tmp_path / "a" / "1.png", 1)
    (tmp_path / "b").mkdir()
    for folder, expected in (
        (tmp_path, {"release_table_missing", "release_layout"}),
        (tmp_path / "absent", {"release_folder"}),
        ("", {"release_folder"}),
    ):
        with pytest.raises(InputError) as caught:
            load_dataset(f"{name}:{folder}")
        assert caught.value.code in expected
        assert RELEASES[name].address in caught.value.message


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("nih", "Data_Entry_2017.csv"),
        ("chexpert", "CheXpert-v1.0-small/valid.csv"),
        ("padchest", "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"),
        ("rsna-pneumonia", "stage_2_detailed_class_info.csv"),
        ("vindr-cxr", "annotations/image_labels_test.csv"),
        ("siim", "train-rle.csv"),
        ("covidx", "test.txt"),
        ("ieee8023", "metadata.csv"),
    ],
)
def test_a_missing_table_is_named(name: str, file: str, tmp_path: Path):
    mini = BUILDERS[name](tmp_path)
    (tmp_path / file).unlink()
    with pytest.raises(InputError) as caught:
        read(mini)
    assert caught.value.code == "release_table_missing"
    assert Path(file).name in caught.value.message


@pytest.mark.parametrize("name", ["nih", "chexpert", "padchest", "vindr-cxr", "ieee8023"])
def test_labels_are_needed_and_checked(name: str, tmp_path: Path):
    mini = BUILDERS[name](tmp_path)
    for labels, code in (((), "labels_needed"), (("Pneumonia", "Gout"), "unknown_label")):
        with pytest.raises(InputError) as caught:
            read(mini, labels=labels)
        assert caught.value.code == code
        assert "neumonia" in str(caught.value.fields["known"])


def test_two_releases_in_one_folder(tmp_path: Path):
    BUILDERS["nih"](tmp_path / "one")
    BUILDERS["nih"](tmp_path / "two")
    with pytest.raises(InputError) as caught:
        load_dataset(f"nih:{tmp_path}")
    assert caught.value.code == "release_several"


def test_a_folder_of_that_name_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for label in ("a", "b"):
        save(Path("nih:x") / label / "1.png", ord(label))
    assert load_dataset("nih:x").classes == ("a", "b")


def test_no_identifier_of_a_header_is_shown(tmp_path: Path):
    mini = BUILDERS["siim"](tmp_path)
    write_dicom(tmp_path / "dicom-images-train" / "1.2.3.4.5.6.dcm", pixels_of(50, 24))
    data = read(mini)
    told = [str(row.shown) + row.group for row in data.rows] + [w.text for w in data.warnings]
    assert not re.search(r"ZQ|7230010|1\.2\.3", " ".join(told))
    assert "release_not_listed" in codes(data)
