"""Whole data sets from tables: labels that are chosen, other columns, patients spelled differently."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewray.api import load_dataset
from fewray.config import ReadOptions
from fewray.data.loading import load_dataset as load
from fewray.data.loading import without_paths
from fewray.data.manifest import Manifest
from fewray.data.patients import SPELLED, plain_patient
from fewray.errors import InputError
from tests.helpers import refused, run_cli

NIH = [
    ("No Finding", 1),
    ("Cardiomegaly", 1),
    ("Cardiomegaly|Emphysema", 2),
    ("No Finding", 2),
    ("Effusion|Infiltration", 3),
    ("Cardiomegaly|No Finding", 3),
]


def images(folder: Path, count: int) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    for grey in range(count):
        width = 16 + len(folder.name)
        Image.fromarray(np.full((20, width), grey * 9, np.uint8)).save(folder / f"{grey}.png")
    return [f"{grey}.png" for grey in range(count)]


def nih(folder: Path) -> Path:
    names = images(folder, len(NIH))
    rows = [f"{name},{label},{who}," for name, (label, who) in zip(names, NIH, strict=True)]
    path = folder / "Data_Entry.csv"
    path.write_text("\n".join(["Image Index,Finding Labels,Patient ID,", *rows]))
    return path


def warned(data: Manifest) -> dict[str, tuple[str, ...]]:
    return {warning.code: warning.items for warning in data.warnings}


def test_several_findings_per_cell(tmp_path: Path):
    columns = {"path_column": "Image Index", "label_column": "Finding Labels"}
    data = load_dataset(
        nih(tmp_path), **columns, group_column="Patient ID", labels=["Cardiomegaly", "No Finding"]
    )
    assert data.counts() == {"": {"Cardiomegaly": 2, "No Finding": 2}}
    assert {row.group for row in data.rows} == {"1", "2"}
    assert warned(data) == {"no_chosen_label": ("1",), "several_chosen_labels": ("1",)}
    assert data.read.labels == ("Cardiomegaly", "No Finding")
    with pytest.raises(InputError) as caught:
        load_dataset(nih(tmp_path), **columns)
    assert caught.value.code == "labels_needed"
    assert caught.value.fields["known"] == [
        *("Cardiomegaly", "Effusion", "Emphysema", "Infiltration", "No Finding")
    ]
    with pytest.raises(InputError) as caught:
        load_dataset(nih(tmp_path), **columns, labels=["Cardiomegaly", "Normal"])
    assert caught.value.code == "unknown_label"


@pytest.mark.parametrize("finding", ["Edema", "Edema|old", "Edema=1", "Edema; left"])
def test_a_column_per_finding_with_doubt(tmp_path: Path, finding: str):
    names = images(tmp_path, 6)
    values = ["1.0,", ",1.0", "-1.0,", "0.0,0.0", "1.0,1.0", "-1.0,1.0"]
    rows = [f"{name},{value}" for name, value in zip(names, values, strict=True)]
    (tmp_path / "train.csv").write_text("\n".join([f"Path,{finding},No Finding", *rows]))

    def counts(uncertain) -> list[int]:
        data = load(
            tmp_path / "train.csv",
            read=ReadOptions(labels=[finding, "No Finding"], uncertain=uncertain, separator=","),
        )
        return [data.counts()[""].get(label, 0) for label in (finding, "No Finding")]

    assert counts("drop") == [1, 1]
    assert counts("positive") == [2, 1]
    assert counts("negative") == [1, 2]


def test_files_of_images_that_are_left_out_may_be_missing(tmp_path: Path):
    path = nih(tmp_path)
    (tmp_path / "4.png").unlink()
    options = ["--path-column", "Image Index", "--label-column", "Finding Labels"]
    with pytest.raises(InputError) as caught:
        load_dataset(path, path_column=options[1], label_column=options[3])
    assert caught.value.fields["faults"] == ["file_not_found"]
    labels = ["Cardiomegaly", "No Finding"]
    data = load_dataset(path, path_column=options[1], label_column=options[3], labels=labels)
    assert len(data) == 4


def test_no_image_left(tmp_path: Path):
    (name, *_) = images(tmp_path, 1)
    (tmp_path / "t.csv").write_text(f"path,label\n{name},a|b\n")
    with pytest.raises(InputError) as caught:
        load_dataset(tmp_path / "t.csv", labels=["a", "b"])
    assert caught.value.code == "no_images"


def test_labels_choose_among_folders(tmp_path: Path):
    for label in ("TB", "normal", "other"):
        images(tmp_path / label, 2)
    data = load_dataset(tmp_path, labels=["tb", "Normal"])
    assert data.counts() == {"": {"Normal": 2, "tb": 2}}
    assert warned(data)["no_chosen_label"] == ("2",)


def test_excel_and_other_suffixes(tmp_path: Path):
    openpyxl = pytest.importorskip("openpyxl")
    names = images(tmp_path, 2)
    rows = [["path", "label", "group"], [names[0], "a", 7.0], [names[1], "b", 8]]
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(tmp_path / "t.xlsx")
    lines = ["\t".join(map(str, row)).replace(".0", "") for row in rows]
    (tmp_path / "t.tsv").write_text("\n".join(lines))
    (tmp_path / "t.txt").write_text("\n".join(line.replace("\t", "#") for line in lines))
    excel, tabs = load_dataset(tmp_path / "t.xlsx"), load_dataset(tmp_path / "t.tsv")
    text = load_dataset(tmp_path / "t.txt", separator="#")
    assert excel.sha256() == tabs.sha256() == text.sha256()
    assert {row.group for row in excel.rows} == {"7", "8"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(("12", "12.0"), ("12", "12,0"), ("12", "0012"), ("P007", "p007"), ("P 007", "P007")),
        *(("P-7", "P007"), ("p_7", "P 7"), ("anna  maria", "Anna Maria"), ("7 ", " 7")),
        *(("Jose\u0301", "Jos\xe9"), ("NIH_00000007", "nih-7"), ("\uff17", "7")),
    ],
)
def test_patients_spelled_differently_are_one(tmp_path: Path, one: str, other: str):
    names = images(tmp_path, 4)
    groups = [one, one, other, "Q1"]
    rows = [f'{name},{"ab"[i % 2]},"{groups[i]}"' for i, name in enumerate(names)]
    (tmp_path / "t.csv").write_text("\n".join(["path,label,group", *rows]), encoding="utf-8")
    data = load_dataset(tmp_path / "t.csv")
    assert {row.group for row in data.rows} == {one.strip(), "Q1"}  # the more frequent name
    same = one.strip() == other.strip()
    assert (SPELLED in warned(data)) is not same


@pytest.mark.parametrize(
    ("one", "other"),
    [("1-23", "12-3"), ("1 23", "123"), ("1.05", "1.5"), ("P1", "P10"), ("a1", "b1"), ("0", "00x")],
)
def test_other_patients_stay_apart(one: str, other: str):
    assert plain_patient(one) != plain_patient(other)


def test_images_without_a_patient_are_not_merged(tmp_path: Path):
    for name in ("film 1.png", "film 01.png"):
        Image.fromarray(np.full((20, 16), len(name), np.uint8)).save(tmp_path / name)
    (tmp_path / "t.csv").write_text("path,label\nfilm 1.png,a\nfilm 01.png,b\n")
    data = load_dataset(tmp_path / "t.csv")
    assert len({row.group for row in data.rows}) == 2
    assert SPELLED not in warned(data)


def test_columns_and_labels_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    path = nih(tmp_path)
    options = ["--path-column", "Image Index", "--label-column", "Finding Labels"]
    labels = ["--labels", "Cardiomegaly, No Finding"]
    assert run_cli(monkeypatch, "data", "check", str(path), "--json", *options, *labels) == 0
    assert '"no_chosen_label"' in capsys.readouterr().out
    assert run_cli(monkeypatch, "data", "check", str(path), "--uncertain", "maybe") == 2
    assert run_cli(monkeypatch, "data", "check", str(path), "--separator", "##") == 2


def test_a_file_that_several_rows_name_counts_once(tmp_path: Path):
    first, second = images(tmp_path / "a", 2)
    table = tmp_path / "table.csv"
    table.write_text(f"path,label,group\na/{first},x,p\n./a/{first},x,p\na/{second},y,q\n")
    data = load_dataset(table)
    assert data.counts() == {"": {"x": 1, "y": 1}}
    assert warned(data) == {"rows_repeated": ("3",)}
    table.write_text(f"path,label,group\na/{first},x,p\na/{first},x,r\na/{second},y,q\n")
    with refused("invalid_data", "rows 2 and 3: .* with different patients or splits"):
        load_dataset(table)
    assert len(load(table, strict=False)) == 3


def test_leaving_out_unreadable_images_says_nothing_of_labels(tmp_path: Path):
    first, second = images(tmp_path, 2)
    table = tmp_path / "table.csv"
    for label, code in (("Mass|Nodule", "labels_needed"), ("Mass?", "uncertain_labels")):
        table.write_text(f"path,label\n{first},{label}\n{second},Mass\n")
        with refused(code):
            load_dataset(table, skip_unreadable=True)
        assert len(load(table, strict=False, read=ReadOptions(skip_unreadable=True))) == 2


def test_the_source_is_told_without_paths(tmp_path: Path):
    table = tmp_path / "Jane Doe.csv"
    table.write_text("path,label\n")
    told = {
        str(table): "TABLE",
        str(tmp_path): "DIR",
        f"dicom:{tmp_path}": "dicom:DIR",
        f"dicom:{tmp_path},labels={table}": "dicom:DIR,labels=TABLE",
        f"nih:{tmp_path}": "nih:DIR",
        f"medmnist:{table}": "medmnist:FILE",
        "phantom:train=8": "phantom:train=8",
        "covid4": "covid4",
    }
    assert {source: without_paths(source) for source in told} == told
