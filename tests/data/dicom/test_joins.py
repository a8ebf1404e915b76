"""Tables that label DICOM files by an identifier."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest

from fewray.config import ReadOptions
from fewray.data.loading import load_dataset
from fewray.data.manifest import Manifest
from tests.dicom_files import pixels_of, write_dicom
from tests.helpers import refused

COLUMNS = {
    "SOPInstanceUID": "SOPInstanceUID",
    "sop_instance_uid": "SOPInstanceUID",
    "Study Instance UID": "StudyInstanceUID",
    "AccessionNumber": "AccessionNumber",
}


@pytest.fixture
def export(tmp_path: Path) -> list[Path]:
    """Six examinations in a flat folder without suffixes; the last one has two images."""
    study = pydicom.uid.generate_uid()
    found = []
    for index in range(7):
        elements = {
            "AccessionNumber": f"00{min(index, 5) + 1}",
            "PatientID": f"person {index // 2}",
        }
        elements |= {"StudyInstanceUID": study} if index >= 5 else {}
        found.append(
            write_dicom(tmp_path / "export" / "d" / f"{index}", pixels_of(index), **elements)
        )
    return found


def table(path: Path, column: str, rows: list[tuple[str, str]], more: str = "") -> Path:
    lines = [f"{column},label{more}", *(f"{value},{label}" for value, label in rows)]
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def values(files: list[Path], keyword: str) -> list[str]:
    found = [str(pydicom.dcmread(path, stop_before_pixels=True)[keyword].value) for path in files]
    return list(dict.fromkeys(found))


def codes(data: Manifest) -> list[str]:
    return [warning.code for warning in data.warnings]


@pytest.mark.parametrize("column", list(COLUMNS))
def test_rows_are_joined_by_identifiers(export: list[Path], tmp_path: Path, column: str):
    names = values(export, COLUMNS[column])
    rows = [(name, "ab"[index % 2]) for index, name in enumerate(names)]
    data = load_dataset(table(tmp_path / "export" / "labels.csv", column, rows))
    assert len(data) == 7
    assert len({row.group for row in data.rows}) == 4
    label = dict(zip(names, "abababa", strict=False))
    for row in data.rows:
        assert row.label == label[values([row.path], COLUMNS[column])[0]]
    assert not codes(data)
    apart = table(tmp_path / "elsewhere" / "t.csv", column, rows)
    source = f"dicom:{tmp_path / 'export'},labels={apart}"
    assert [row.sha256 for row in load_dataset(source).rows] == [row.sha256 for row in data.rows]
    assert load_dataset(source).source == source


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("keyword", ["AccessionNumber", "StudyInstanceUID", "PatientID"])
def test_a_column_of_any_name_may_hold_the_identifier(
    export: list[Path], tmp_path: Path, keyword: str, apart: bool
):
    rows = [(name, "ab"[i % 2]) for i, name in enumerate(values(export, keyword))]
    folder = tmp_path / ("elsewhere" if apart else "export")
    named = table(folder / "usual.csv", keyword, rows)
    other = table(folder / "other.csv", "Anforderung", [("nobody", "a"), *rows])

    def read(path: Path, options: ReadOptions) -> Manifest:
        source = f"dicom:{tmp_path / 'export'},labels={path}" if apart else path
        return load_dataset(source, read=options)

    wanted = read(named, ReadOptions())
    found = read(other, ReadOptions(path_column="Anforderung"))
    assert {r.sha256: (r.label, r.group) for r in found.rows} == {
        r.sha256: (r.label, r.group) for r in wanted.rows
    }
    assert "dicom_rows_without_file" in codes(found)
    nothing = table(folder / "none.csv", "Anforderung", [("nobody", "a"), ("none", "b")])
    with refused("dicom_no_match", "none.csv: column 'Anforderung'") as caught:
        read(nothing, ReadOptions(path_column="Anforderung"))
    assert "nobody" not in str(caught.value)
    assert caught.value.fields["matching"] == []


def test_paths_still_work(export: list[Path], tmp_path: Path):
    rows = [(f"d/{index}", "ab"[index % 2]) for index in range(7)]
    data = load_dataset(table(tmp_path / "export" / "labels.csv", "path", rows))
    assert len(data) == 7
    assert all(row.group.startswith("patient-") for row in data.rows)


def test_what_does_not_match_is_counted(export: list[Path], tmp_path: Path):
    rows = [("1", "a"), ("002", "b"), ("3", "a"), ("99", "b"), ("98", "b"), ("4", "a")]
    data = load_dataset(table(tmp_path / "export" / "labels.csv", "AccessionNumber", rows))
    assert len(data) == 4
    found = {warning.code: warning for warning in data.warnings}
    assert found["dicom_rows_without_file"].items == ("5", "6")
    assert found["dicom_not_in_table"].items == ("d/4", "d/5", "d/6")


@pytest.mark.parametrize("column", ["AccessionNumber", "Anforderung"])
@pytest.mark.parametrize("form", ["{}.0", "{}.00", "00{}.0", "{}"])
def test_numbers_as_pandas_writes_them(export: list[Path], tmp_path: Path, column: str, form: str):
    rows = [(form.format(n), "ab"[n % 2]) for n in range(1, 7)]
    path = table(tmp_path / "export" / "labels.csv", column, [*rows, ("", "a")])
    data = load_dataset(path, read=ReadOptions(path_column=column))
    assert {(row.path.name, row.label) for row in data.rows} == {
        (f"{index}", "ab"[(min(index, 5) + 1) % 2]) for index in range(7)
    }
    assert codes(data) == ["dicom_rows_without_file"]


def test_a_number_that_fits_two_identifiers_names_none(export: list[Path], tmp_path: Path):
    write_dicom(export[0], pixels_of(0), AccessionNumber="002.0", PatientID="person 0")
    rows = [("2", "a"), ("3.0", "b")]
    data = load_dataset(table(tmp_path / "export" / "labels.csv", "AccessionNumber", rows))
    assert [row.path.name for row in data.rows] == ["2"]
    rows = [("002.0", "a"), ("002", "b")]
    data = load_dataset(table(tmp_path / "export" / "labels.csv", "AccessionNumber", rows))
    assert {row.path.name: row.label for row in data.rows} == {"0": "a", "1": "b"}


def test_contradictions_are_refused_without_identifiers(export: list[Path], tmp_path: Path):
    (uid, *_) = values(export, "SOPInstanceUID")
    path = tmp_path / "export" / "labels.csv"
    with refused("dicom_two_labels", "rows 2 and 3") as caught:
        load_dataset(table(path, "SOPInstanceUID", [(uid, "a"), (uid, "b")]))
    assert uid not in str(caught.value)
    with refused("dicom_no_match") as caught:
        load_dataset(table(path, "SOPInstanceUID", [("1.2.3.4.5.6", "a")]))
    assert "1.2.3.4" not in str(caught.value)
    with refused("csv_columns", "SOPInstanceUID"):
        load_dataset(table(path, "name", [("x", "a")]))


def test_a_group_in_the_table_is_hashed_like_a_patient_id(export: list[Path], tmp_path: Path):
    lines = ["path,label,group", *(f"d/{i},a,PERSON {i // 2}" for i in range(7))]
    path = tmp_path / "export" / "labels.csv"
    path.write_text("\n".join(lines))
    named = load_dataset(path)
    path.write_text("\n".join(["path,label", *(f"d/{i},a" for i in range(7))]))
    assert [row.group for row in named.rows] == [row.group for row in load_dataset(path).rows]


def test_labels_are_chosen_after_the_join(export: list[Path], tmp_path: Path):
    names = values(export, "StudyInstanceUID")
    cells = ["1,0", "0,1", "1,1", "-1,0", "0,0", "1,0"]
    lines = ["StudyInstanceUID,Mass,No Finding"]
    lines += [f"{name},{cell}" for name, cell in zip(names, cells, strict=True)]
    (tmp_path / "export" / "labels.csv").write_text("\n".join(lines))
    read = ReadOptions(labels=("Mass", "No Finding"))
    data = load_dataset(tmp_path / "export" / "labels.csv", read=read)
    assert data.counts() == {"": {"Mass": 3, "No Finding": 1}}  # the last examination has two
    found = {warning.code: warning.items for warning in data.warnings}
    assert "dicom_not_in_table" not in found
    assert [found[f"{reason}_label"] for reason in ("no_chosen", "uncertain")] == [("1",), ("1",)]


def test_patients_spelled_differently_are_one_and_stay_hidden(tmp_path: Path):
    names = ["ZQ0071", "zq71", "ZQ 71", "ZQ72"]
    for index, name in enumerate(names):
        folder = tmp_path / "export" / "ab"[index % 2]
        write_dicom(folder / f"{index}.dcm", pixels_of(index), PatientID=name)
    data = load_dataset(tmp_path / "export")
    assert len({row.group for row in data.rows}) == 2
    (found,) = [warning for warning in data.warnings if warning.code == "similar_patients"]
    assert not any(name.lower() in str(data.warnings).lower() for name in names)
    assert len(found.items[0].split(" = ")) == 2  # hashes ignore case and blanks already
