"""Names of people in the names of files and folders, in other spellings than in the headers."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from fewray.data.dicom.files import DicomOptions
from fewray.data.dicom.patient_key import FILE
from fewray.data.loading import load_dataset
from tests.dicom_files import pixels_of, write_dicom
from tests.helpers import refused, run_cli

SPELLED = [
    ("Müßigmann^Jürgen", unicodedata.normalize("NFD", "Müßigmann_Jürgen")),  # macOS
    ("Müßigmann^Jürgen", "MUESSIGMANN-JUERGEN"),
    ("Nguyễn^Văn", "nguyen van"),
    ("Straßer^Ida", "STRASSER"),
    ("Wang^XiaoMing=王^小明", "王小明"),
    ("王^小明", "小明"),
    ("Yamada^Tarou=山田^太郎=やまだ^たろう", "山田太郎1"),
    ("Smith^Bo", "smith7"),
]


@pytest.mark.parametrize(("name", "file"), SPELLED)
def test_names_are_hidden_in_any_spelling(tmp_path: Path, name: str, file: str):
    for label in "ab":
        write_dicom(
            tmp_path / label / f"{file}.dcm",
            pixels_of(ord(label)),
            PatientName=name,
            PatientID=f"ID{label}",
            SpecificCharacterSet="ISO_IR 192",
        )
    data = load_dataset(tmp_path)
    assert all(row.shown.name.startswith("~") for row in data.rows)


@pytest.mark.parametrize("file", ["view1", "王x", "Bo", "seven"])
def test_other_names_are_shown(tmp_path: Path, file: str):
    person: dict[str, Any] = {"PatientName": "Smith^Bo", "SpecificCharacterSet": "ISO_IR 192"}
    for label in "ab":
        write_dicom(tmp_path / label / file, pixels_of(ord(label)), PatientID=label, **person)
    assert {row.shown.name for row in load_dataset(tmp_path).rows} == {file}


@pytest.mark.parametrize("identified", [False, True])
def test_folders_named_after_patients_are_no_classes(tmp_path: Path, *, identified: bool):
    """Also two of them, and without a PatientID: the classes would be called by their names."""
    for name in ("ZQMUELLER^HANS", "ZQSCHMIDT^EVA"):
        for index in range(2):
            write_dicom(
                tmp_path / name.replace("^", "_") / f"IM{index}",
                pixels_of(len(name) + index),
                PatientName=name,
                PatientID=name[:4] if identified else "",
            )
    with refused("not_classes") as caught:
        load_dataset(tmp_path, strict=False)
    assert "ZQ" not in caught.value.message.removeprefix(str(tmp_path))


@pytest.mark.parametrize(
    ("folders", "code"),
    [
        (["ZQMUELLER_HANS/IM1", "train/b/IM2"], "folder_layout"),  # beside a split
        (["ZQMUELLER_HANS/train/b/IM1", "test/b/IM2"], "folder_layout"),  # with splits of its own
        (["ZQMUELLER_HANS/test/IM1", "b/IM2"], "folder_layout"),  # a split in it
        (["ZQMUELLER_HANS/val/b/IM1", "ZQMUELLER_HANS/train/b/IM2"], "folder_layout"),  # a wrapper
        (["ZQMUELLER_HANS/", "b/IM1"], "empty_class"),
        (["ZQMUELLER_HANS/sub/", "b/IM1"], "empty_class"),
        (["ZQMUELLER_HANS/train/case1/IM1", "ZQMUELLER_HANS/train/case2/IM2"], "not_classes"),
        (["1234/IM1", "1235/IM2", "ZQMUELLER_HANS.csv"], "not_classes"),
    ],
)
def test_errors_about_folders_hide_names(tmp_path: Path, folders: list[str], code: str):
    root = tmp_path / "set"
    for seed, name in enumerate(folders):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            (root / name).mkdir(parents=True)
        elif name.endswith(".csv"):
            (root / name).write_text("path,label\n")
        else:
            person = "ZQMUELLER^HANS" if seed == 0 or len(folders) < 3 else "ZQSCHMIDT^EVA"
            write_dicom(root / name, pixels_of(seed), PatientName=person, PatientID="ZQ777")
    with refused(code, "/set") as caught:
        load_dataset(root)
    assert "ZQ" not in json.dumps([caught.value.message, str(caught.value.fields)])
    with refused(code) as caught:
        load_dataset(root, dicom=DicomOptions(show_names=True))
    assert "ZQMUELLER" in str(caught.value)


def test_classes_that_patients_are_called_after_stay(tmp_path: Path):
    for label in ("COVID", "NORMAL"):
        for index in range(2):
            person: dict[str, Any] = {"PatientName": label, "PatientID": f"{label}-{index}"}
            write_dicom(tmp_path / label / f"IM{index}", pixels_of(len(label) + index), **person)
    assert load_dataset(tmp_path).classes == ("COVID", "NORMAL")


def test_a_folder_around_the_classes_is_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    """Its name is that of the data set, and the key of the patients does not lie in it."""
    for label in "ab":
        path = tmp_path / "export" / "ZQMUELLER" / label / "IM1"
        write_dicom(path, pixels_of(ord(label)), PatientName="ZQMUELLER^HANS", PatientID="ZQ 9")
    assert run_cli(monkeypatch, "data", "check", tmp_path / "export", "--json") == 0
    printed = capfd.readouterr()
    assert "ZQ" not in (printed.out + printed.err).upper()
    assert json.loads(printed.out)["name"].startswith("~")
    assert (tmp_path / "export" / FILE).is_file()
