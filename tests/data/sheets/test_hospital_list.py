"""A list as a hospital exports it: other column names, blank labels, rows without a file."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pydicom
import pytest
from PIL import Image

from fewray.config import ReadOptions
from fewray.data.audit.check import audit
from fewray.data.layout.image_names import image_names
from fewray.data.loading import load_dataset
from fewray.data.manifest import Manifest
from fewray.study.predictions import write_predictions
from tests.dicom_files import pixels_of, write_dicom
from tests.helpers import refused, save_noise

HEADER = "Pat.-Nr.;Patient;Accession No.;Study UID;Finding"
PEOPLE = ("Müller", "Öztürk", "Schröder", "Hoffmann")


@pytest.fixture
def rows(tmp_path: Path) -> list[list[str]]:
    """Four examinations of four patients in a folder ``export``, and a structured report."""
    found = []
    for index, name in enumerate(PEOPLE):
        study = pydicom.uid.generate_uid()
        elements = {"PatientID": f"00{index}7781", "AccessionNumber": f"00{index}9934"}
        elements |= {"PatientName": f"{name}^Anna", "StudyInstanceUID": study}
        write_dicom(tmp_path / "export" / f"IM{index}", pixels_of(index), **elements)
        accession = elements["AccessionNumber"].lstrip("0")
        patient = elements["PatientID"].lstrip("0")
        found.append([patient, f"{name}, Anna", accession, study, "ab"[index % 2]])
    report = pydicom.Dataset()
    report.SOPClassUID = pydicom.uid.BasicTextSRStorage
    report.SOPInstanceUID = pydicom.uid.generate_uid()
    report.StudyInstanceUID, report.PatientID = found[0][3], "0007781"
    report.file_meta = pydicom.dataset.FileMetaDataset()
    report.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    report.save_as(tmp_path / "export" / "SR0", enforce_file_format=True)
    return found


def read(tmp_path: Path, rows: list[list[str]], column: str, **options: str) -> Manifest:
    lines = [HEADER, *(";".join(row) for row in rows)]
    (tmp_path / "befunde.csv").write_bytes(("\r\n".join(lines) + "\r\n").encode("utf-8-sig"))
    read = ReadOptions(path_column=column, label_column="Finding", **options)
    return load_dataset(tmp_path / "befunde.csv", read=read)


def warned(data: Manifest) -> dict[str, tuple[tuple[str, ...], str]]:
    return {warning.code: (warning.items, warning.text) for warning in data.warnings}


def test_a_blank_label_is_named_or_the_row_left_out(tmp_path: Path, rows: list[list[str]]):
    rows[2][4] = ""
    with refused("invalid_data", "row 4: .*--skip-unreadable") as caught:
        read(tmp_path, rows, "Accession No.")
    assert caught.value.fields["faults"] == ["rows_without_label"]
    data = read(tmp_path, rows, "Accession No.", skip_unreadable=True)
    assert len(data) == 3
    found = warned(data)
    items, text = found["rows_without_label"]
    assert items == ("4",)
    assert text.startswith("befunde.csv: left out 1 of 4 rows, whose label is blank: row 4; ")
    assert found["dicom_not_in_table"][0] == ("export/IM2",)
    for row in rows:
        row[4] = " "
    with refused("no_images", "the label of every row is blank"):
        read(tmp_path, rows, "Accession No.")


def test_a_patient_with_a_label_and_a_blank_one_is_left_out(tmp_path: Path, rows: list[list[str]]):
    """The label may be that of the other examination."""
    rows += [[*rows[0][:2], "5", "1.2.3.4.5", ""], [*rows[1][:2], "6", "1.2.3.4.6", "b"]]
    skip = {"skip_unreadable": True}
    found = warned(read(tmp_path, rows, "Pat.-Nr.", **skip))
    assert found["dicom_label_unclear"][0] == ("export/IM0",)
    assert found["rows_without_label"][0] == ("6",)
    assert "dicom_label_unclear" not in warned(read(tmp_path, rows, "Accession No.", **skip))


def test_blank_labels_of_images_with_paths(tmp_path: Path):
    for index in range(4):
        save_noise(tmp_path / f"{index}.png", seed=index)
    lines = ["path,label,note", "0.png,a,", "1.png,,ask", "2.png,b,", "3.png, ,", ",,note"]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    with refused("invalid_data", "row 3: .*row 5: .*row 6: "):
        load_dataset(tmp_path / "t.csv")
    data = load_dataset(tmp_path / "t.csv", read=ReadOptions(skip_unreadable=True))
    assert [row.path.name for row in data.rows] == ["0.png", "2.png"]
    assert warned(data)["rows_without_label"][0] == ("3", "5", "6")
    assert "rows 3, 5, 6;" in warned(data)["rows_without_label"][1]


def test_with_chosen_labels_blank_ones_are_counted_as_before(tmp_path: Path, rows: list[list[str]]):
    rows[2][4] = ""
    found = warned(read(tmp_path, rows, "Accession No.", labels=("a", "b")))
    assert found["no_chosen_label"][0] == ("1",)
    assert "rows_without_label" not in found


def test_files_without_an_image_are_reported(tmp_path: Path, rows: list[list[str]]):
    for column in ("Accession No.", "Study UID", "Pat.-Nr."):
        data = read(tmp_path, rows, column)
        assert warned(data)["dicom_not_images"][0] == ("export/SR0",)
        assert len(data) == 4


def test_rows_without_a_file_name_table_and_column(tmp_path: Path, rows: list[list[str]]):
    rows.append(["991", "Ehrlich, Sophie", "77123456", "1.2.3.4.5.6", "a"])
    items, text = warned(read(tmp_path, rows, "Accession No."))["dicom_rows_without_file"]
    assert items == ("6",)
    assert text == "befunde.csv: 1 of 5 rows names no DICOM image by column 'Accession No.': row 6"


def test_two_labels_say_where_and_what_to_do(tmp_path: Path, rows: list[list[str]]):
    rows.append([*rows[0][:2], "5", "1.2.3.4.5", "b"])
    message = "befunde.csv: rows 2 and 6: the same 'Pat.-Nr.' .PatientID, patient-"
    with refused("dicom_two_labels", message) as caught:
        read(tmp_path, rows, "Pat.-Nr.")
    assert "AccessionNumber" in str(caught.value)
    assert "7781" not in str(caught.value)


def test_a_column_that_names_nothing(tmp_path: Path, rows: list[list[str]]):
    with refused("dicom_no_match", "befunde.csv: column 'Patient' holds no path") as caught:
        read(tmp_path, rows, "Patient")
    assert caught.value.fields["matching"] == ["Pat.-Nr.", "Accession No.", "Study UID"]
    assert "'Accession No.' (AccessionNumber)" in str(caught.value)
    assert not any(name in str(caught.value) for name in PEOPLE)
    for row in rows:
        row[0] = row[2] = row[3] = "x"
    with refused("dicom_no_match", "no other column does"):
        read(tmp_path, rows, "Patient")


def test_a_column_of_paths_is_suggested(tmp_path: Path):
    for index in range(2):
        Image.new("L", (20, 20), index).save(tmp_path / f"{index}.png")
    (tmp_path / "t.csv").write_text("path,file,label\nMueller,0.png,a\nSchmidt,1.png,b\n")
    with refused("paths_not_found", "'file' .paths.") as caught:
        load_dataset(tmp_path / "t.csv")
    assert "Mueller" not in str(caught.value)


def test_predictions_call_images_as_the_data_check_does(tmp_path: Path, rows: list[list[str]]):
    rows[0][4] = "b"
    for index, name in enumerate(PEOPLE):
        (tmp_path / "export" / name).mkdir()
        (tmp_path / "export" / f"IM{index}").rename(tmp_path / "export" / name / f"IM{index % 2}")
    data = read(tmp_path, rows, "Accession No.")
    one = dataclasses.replace(data, rows=data.rows[1:])
    run = (("classic",), range(3), [[0.6, 0.4]] * 3)
    write_predictions(tmp_path / "p.csv", one, ("arm",), [run], whole=data)
    lines = (tmp_path / "p.csv").read_text().splitlines()[1:]
    names = [line.split(",")[1] for line in lines]
    assert names == image_names(data)[1:]
    assert all(name.startswith("export/~") for name in names)
    first = data.rows[1].path
    (first.parent / "IM9").write_bytes(first.read_bytes())
    (same,) = audit(read(tmp_path, rows, "Study UID")).duplicates
    assert same == (names[0], f"{names[0].rpartition('/')[0]}/IM9")
