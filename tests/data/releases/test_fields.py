"""What single releases say in the names of files and folders, and in cells."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from fewray.data.loading import load_dataset
from fewray.data.releases import covidx, kermany, padchest
from tests.data.releases.miniatures import BUILDERS, save
from tests.data.releases.reading import read


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


@pytest.mark.parametrize(
    "inside", ["", "chest_xray", "chest_xray/chest_xray", "CellData/chest_xray"]
)
def test_folders_that_archives_add(inside: str, tmp_path: Path):
    for label, name in (("NORMAL", "NORMAL-28501-0001"), ("PNEUMONIA", "VIRUS-7422-0001")):
        save(tmp_path / inside / "train" / label / f"{name}.jpeg", len(name))
    data = load_dataset(f"kermany:{tmp_path}")
    assert [row.group for row in data.rows] == ["28501", "7422"]


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
