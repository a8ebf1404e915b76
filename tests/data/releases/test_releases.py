"""Each public release, as a miniature: images, labels, splits and patients; and what is wrong."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fewray.config import ReadOptions
from fewray.data.findings import LeftOut
from fewray.data.loading import known_datasets, load_dataset
from fewray.data.manifest import Manifest
from fewray.data.releases import covidx, kermany, padchest
from fewray.data.releases.registry import RELEASES
from fewray.errors import InputError
from tests.data.releases.miniatures import BUILDERS, Miniature, save, table
from tests.dicom_files import pixels_of, write_dicom

EVERYWHERE = {"similar_classes", "byte_equal", "depth_by_class"}


def read(mini: Miniature, **more: Any) -> Manifest:
    """Load a miniature with its labels."""
    more = {"labels": mini.labels, **more}
    views = more.pop("views", ())
    return load_dataset(mini.source, read=ReadOptions(**more), views=views)


def codes(data: Manifest) -> dict[str, str]:
    """Return the text of each warning by its code."""
    return {warning.code: warning.text for warning in data.warnings}


def in_both_splits(data: Manifest) -> list[str]:
    """Return the patients with training and test images."""
    sides = [{row.group for row in data.where(split=split).rows} for split in ("train", "test")]
    return sorted(set.intersection(*sides))


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


def test_uncertain_findings(tmp_path: Path):
    mini = BUILDERS["chexpert"](tmp_path / "chexpert")
    as_positive = read(mini, uncertain="positive").counts()
    assert as_positive["train"] == {"No Finding": 3, "Pneumonia": 6}
    assert read(mini, uncertain="negative").counts() == mini.counts
    readers = BUILDERS["vindr-cxr"](tmp_path / "vindr")
    found = read(readers, labels=("Pneumonia", "Nodule/Mass"), uncertain="positive")
    assert found.counts()["train"] == {"Nodule-Mass": 4, "Pneumonia": 4}
    assert found.display_names == {"Nodule-Mass": "Nodule/Mass"}


def test_every_image_of_a_table_is_kept_or_counted(tmp_path: Path):
    mini = BUILDERS["nih"](tmp_path)
    data = read(mini, labels=("Pneumonia", "No Finding"))
    counted = {w.code: int(w.items[0]) for w in data.warnings if w.items}
    assert counted["release_not_listed"] == 1
    left_out = counted["release_files_missing"] + counted[LeftOut.NONE.value]
    assert len(data) + left_out == 16


def test_no_image_left_for_a_label(tmp_path: Path):
    mini = BUILDERS["nih"](tmp_path)
    with pytest.raises(InputError) as caught:
        read(mini, labels=("Edema", "Pneumonia", "No Finding"), views=("AP",))
    assert caught.value.code in {"empty_class", "unknown_label"}
    for path in tmp_path.rglob("*.png"):
        path.unlink()
    with pytest.raises(InputError) as caught:
        read(mini)
    assert caught.value.code == "release_no_images"
    assert caught.value.fields["listed"] == 16


@pytest.mark.parametrize(
    ("name", "views", "left"),
    [("nih", ("PA",), 10), ("chexpert", ("AP",), 8), ("padchest", ("PA",), 7)],
)
def test_views_of_the_tables(name: str, views: tuple[str, ...], left: int, tmp_path: Path):
    mini = BUILDERS[name](tmp_path)
    data = read(mini, views=views)
    assert len(data) == left
    assert "other_views" in codes(data)
    with pytest.raises(InputError) as caught:
        read(mini, views=("LAO",))
    assert caught.value.code == "release_no_view"
    assert views[0] in caught.value.fields["views"]


def test_views_of_headers_and_of_releases_without_views(tmp_path: Path):
    mini = BUILDERS["rsna-pneumonia"](tmp_path / "rsna")
    assert len(read(mini, views=("PA",))) == 12
    for other in (mini, BUILDERS["kermany"](tmp_path / "kermany")):
        with pytest.raises(InputError) as caught:
            read(other, views=("AP",))
        assert caught.value.code == "release_no_view"


def test_a_patient_in_both_splits_is_found(tmp_path: Path):
    mini = BUILDERS["nih"](tmp_path / "nih")
    assert in_both_splits(read(mini)) == []
    lists = [tmp_path / "nih" / name for name in ("train_val_list.txt", "test_list.txt")]
    train, test = (path.read_text().split() for path in lists)
    lists[0].write_text("\n".join(train[1:]))
    lists[1].write_text("\n".join([*test, train[0]]))
    assert in_both_splits(read(mini)) == ["nih-00000001"]
    children = BUILDERS["kermany"](tmp_path / "kermany")
    save(tmp_path / "kermany" / "chest_xray/test/PNEUMONIA/person1_virus_6.jpeg", 70)
    assert in_both_splits(read(children)) == ["person1"]


def test_without_the_lists_there_is_no_split(tmp_path: Path):
    mini = BUILDERS["nih"](tmp_path)
    (tmp_path / "test_list.txt").unlink()
    data = read(mini)
    assert list(data.counts()) == [""]
    assert "release_no_split" in codes(data)


def test_images_unpacked_twice_and_through_links(tmp_path: Path):
    mini = BUILDERS["nih"](tmp_path / "nih")
    plain = read(mini)
    save(tmp_path / "nih" / "images" / "00000001_000.png", 0)
    (tmp_path / "nih" / "images_002").rename(tmp_path / "elsewhere")
    (tmp_path / "nih" / "images_002").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "circle").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "nih" / "up").symlink_to(tmp_path)
    data = read(mini)
    assert data.counts() == plain.counts()
    assert data.sha256() == plain.sha256()
    assert "release_doubles" in codes(data)


def test_a_repeated_row_counts_once(tmp_path: Path):
    mini = BUILDERS["nih"](tmp_path)
    path = tmp_path / "Data_Entry_2017.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, lines[1]]))
    data = read(mini)
    assert data.counts() == mini.counts
    assert "release_rows_repeated" in codes(data)


def test_faulty_tables(tmp_path: Path):
    mini = BUILDERS["nih"](tmp_path / "nih")
    table(tmp_path / "nih" / "Data_Entry_2017.csv", [("Image Index", "Patient ID"), ("a", 1)])
    (tmp_path / "nih" / "Data_Entry_2017_v2020.csv").write_bytes(b"\xff\xfe\x00")
    for code in ("release_table", "release_columns"):
        with pytest.raises(InputError) as caught:
            read(mini)
        assert caught.value.code == code
        (tmp_path / "nih" / "Data_Entry_2017_v2020.csv").unlink(missing_ok=True)
    lists = BUILDERS["covidx"](tmp_path / "covidx")
    (tmp_path / "covidx" / "test.txt").write_text("1 a.png covid? rsna\n")
    with pytest.raises(InputError) as caught:
        read(lists)
    assert caught.value.code == "release_table"
    assert caught.value.fields["line"] == 1
    rsna = BUILDERS["rsna-pneumonia"](tmp_path / "rsna")
    mapping = tmp_path / "rsna" / "pneumonia-challenge-dataset-mappings_2018.json"
    mapping.write_text(json.dumps([{"img": 1}]))
    with pytest.raises(InputError) as caught:
        read(rsna)
    assert caught.value.code == "release_table"
    mapping.unlink()
    data = read(rsna)
    assert "release_patients_by_image" in codes(data)
    assert len({row.group for row in data.rows}) == 12


def test_two_releases_in_one_folder(tmp_path: Path):
    BUILDERS["nih"](tmp_path / "one")
    BUILDERS["nih"](tmp_path / "two")
    with pytest.raises(InputError) as caught:
        load_dataset(f"nih:{tmp_path}")
    assert caught.value.code == "release_several"


def test_no_identifier_of_a_header_is_shown(tmp_path: Path):
    mini = BUILDERS["siim"](tmp_path)
    write_dicom(tmp_path / "dicom-images-train" / "1.2.3.4.5.6.dcm", pixels_of(50, 24))
    data = read(mini)
    told = [str(row.shown) + row.group for row in data.rows] + [w.text for w in data.warnings]
    assert not re.search(r"ZQ|7230010|1\.2\.3", " ".join(told))
    assert "release_not_listed" in codes(data)


def test_patients_in_file_names():
    names = {
        "person1_bacteria_1.jpeg": "person1",
        "person1_virus_6.jpeg": "person1",
        "IM-0115-0001.jpeg": "IM-0115",
        "IM-0509-0001-0002.jpeg": "IM-0509",
        "NORMAL2-IM-0317-0001.jpeg": "NORMAL2-IM-0317",
        "BACTERIA-7422-0001.jpeg": "7422",
        "VIRUS-3637528-0002.jpeg": "3637528",
        "NORMAL-28501-0001.jpeg": "28501",
        "xray.jpeg": "",
    }
    assert {name: kermany.patient(name) for name in names} == names


def test_bacterial_against_viral(tmp_path: Path):
    mini = BUILDERS["kermany"](tmp_path)
    data = read(mini, labels=("NORMAL", "BACTERIA", "VIRUS"))
    assert data.counts()["train"] == {"BACTERIA": 8, "NORMAL": 8, "VIRUS": 0}
    assert data.counts()["test"] == {"BACTERIA": 0, "NORMAL": 2, "VIRUS": 2}


def test_labels_in_cells_of_padchest():
    assert padchest.labels("['pleural effusion', ' normal', 'normal']") == (
        "pleural effusion",
        "normal",
    )
    assert padchest.labels('["devil\'s claw"]') == ("devil's claw",)
    assert padchest.labels("") == padchest.labels("nan") == padchest.labels("[]") == ()


def test_a_gzipped_table_and_one_folder_of_images(tmp_path: Path):
    mini = BUILDERS["padchest"](tmp_path)
    before = read(mini)
    (plain,) = tmp_path.glob("*.csv")
    plain.with_name(f"{plain.name}.gz").write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    for path in list(tmp_path.glob("*/*.png")):
        path.rename(tmp_path / path.name)
    after = read(mini)
    known = [{(row.sha256, row.label, row.group) for row in data.rows} for data in (before, after)]
    assert known[0] == known[1]
    assert len(after) == len(before)


@pytest.mark.parametrize(
    "inside", ["", "chest_xray", "chest_xray/chest_xray", "CellData/chest_xray"]
)
def test_folders_that_archives_add(inside: str, tmp_path: Path):
    for label, name in (("NORMAL", "NORMAL-28501-0001"), ("PNEUMONIA", "VIRUS-7422-0001")):
        save(tmp_path / inside / "train" / label / f"{name}.jpeg", len(name))
    data = load_dataset(f"kermany:{tmp_path}")
    assert [row.group for row in data.rows] == ["28501", "7422"]


def test_early_lists_of_covidx_name_no_source(tmp_path: Path):
    mini = BUILDERS["covidx"](tmp_path)
    for split in ("train", "test"):
        path = tmp_path / f"{split}.txt"
        path.write_text(re.sub(r" (cohen|rsna)$", "", path.read_text(), flags=re.MULTILINE))
    data = read(mini)
    assert data.counts() == mini.counts
    assert {row.group for row in data.rows} == {"covidx-train0", "covidx-train1", "covidx-test0"}
    BUILDERS["covidx"](tmp_path / "again")
    named = covidx.read(tmp_path / "again").images
    assert {"ieee8023-train0", "rsna-test0"} < {image.patient for image in named}


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


SPLIT = ("train", "val", "test")


def test_images_of_medmnist_are_those_of_the_file(tmp_path: Path):
    mini = BUILDERS["medmnist"](tmp_path)
    from fewray.imaging.arrays import load_images

    data = read(mini).where(split="test")
    with np.load(tmp_path / "pneumoniamnist_64.npz") as arrays:
        expected = {row.tobytes() for row in arrays["test_images"]}
    assert {image[0].tobytes() for image in load_images(data.paths(), 64)} == expected


def test_a_folder_of_that_name_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for label in ("a", "b"):
        save(Path("nih:x") / label / "1.png", ord(label))
    assert load_dataset("nih:x").classes == ("a", "b")


def test_a_medmnist_file_with_fewer_images_than_labels_is_refused(tmp_path: Path):
    path, arrays = tmp_path / "short.npz", dict[str, Any]()
    for split in ("train", "val", "test"):
        arrays[f"{split}_images"] = np.zeros((2, 28, 28), np.uint8)
        arrays[f"{split}_labels"] = np.array([[0], [1], [1]])
    np.savez(path, **arrays)
    with pytest.raises(InputError) as caught:
        load_dataset(f"medmnist:{path}")
    assert caught.value.code == "medmnist_file"
