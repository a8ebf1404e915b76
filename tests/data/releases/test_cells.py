"""Cells of the tables of releases, as programs that save them again write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from fewray.data.releases.layout.cells import finding_value, patient_of
from fewray.data.releases.nih import nih_patient
from fewray.errors import InputError
from tests.data.releases.miniatures import BUILDERS
from tests.data.releases.reading import codes, read


def test_cells_without_a_patient_name_none():
    for cell in ("", "  ", "nan", "NaN", "None", "unknown", "#N/A", "-"):
        assert patient_of("padchest", cell) == nih_patient(cell) == ""
    assert patient_of("padchest", " 17 ") == "padchest-17"
    assert nih_patient("17") == nih_patient("00000017") == nih_patient("17.0") == "nih-00000017"
    assert nih_patient("0") == "nih-00000000"


@pytest.mark.parametrize(
    ("name", "table", "before", "after"),
    [
        ("nih", "Data_Entry_2017.csv", ",1,58,", ",,58,"),
        ("nih", "Data_Entry_2017.csv", ",1,58,", ",nan,58,"),
        ("padchest", "PADCHEST*.csv", ",100,PA", ",,PA"),
        ("ieee8023", "metadata.csv", "\n0,0,", "\n,0,"),
        ("ieee8023", "metadata.csv", "\n0,0,", "\nunknown,0,"),
        ("covidx", "test.txt", "test0 ", "None "),
    ],
)
def test_unknown_patients_are_not_one_patient(
    name: str, table: str, before: str, after: str, tmp_path: Path
):
    mini = BUILDERS[name](tmp_path)
    known = {row.path: row.group for row in read(mini).rows}
    (path,) = tmp_path.glob(table)
    text = path.read_text()
    assert text.count(before) > 1
    path.write_text(text.replace(before, after))
    data = read(mini)
    changed = [row for row in data.rows if row.group != known[row.path]]
    assert len(changed) > 1
    assert len({row.group for row in changed}) == len(changed)
    assert codes(data)["patients_unknown"].startswith(f"{len(changed)} of {len(data)} images")


def test_numbers_of_findings_in_every_spelling():
    for cell in ("1", "1.0", "1.00", " 1 ", "+1", "1e0", "01"):
        assert finding_value(cell) == 1
    for cell in ("-1", "-1.0", "-1.00", " -1"):
        assert finding_value(cell) == -1
    for cell in ("0", "0.0", "-0.0", "", " ", "nan", "NA"):
        assert finding_value(cell) == 0
    for cell in ("yes", "2", "0.5", "1,0", "inf", "#N/A", "x"):
        assert finding_value(cell) is None


@pytest.mark.parametrize(("one", "minus"), [("1", "-1"), ("1.00", "-1.00"), (" 1 ", "-1.000")])
def test_findings_of_chexpert_in_other_spellings(one: str, minus: str, tmp_path: Path):
    mini = BUILDERS["chexpert"](tmp_path)
    table = tmp_path / "CheXpert-v1.0-small" / "train.csv"
    table.write_text(table.read_text().replace(",-1.0", f",{minus}").replace(",1.0", f",{one}"))
    data = read(mini)
    assert data.counts() == mini.counts
    assert {"uncertain_label", "several_chosen_labels"} <= set(codes(data))


@pytest.mark.parametrize(
    ("name", "table", "before", "column", "count", "line"),
    [
        ("chexpert", "CheXpert-v1.0-small/train.csv", ",-1.0", "Pneumonia", 3, 4),
        ("vindr-cxr", "annotations/image_labels_train.csv", "R2,1,", "Pneumonia", 4, 3),
        ("vindr-cxr", "annotations/image_labels_test.csv", "f,1,", "Pneumonia", 1, 5),
    ],
)
def test_other_cells_of_findings_are_named(
    name: str, table: str, before: str, column: str, count: int, line: int, tmp_path: Path
):
    mini = BUILDERS[name](tmp_path)
    path = tmp_path / table
    text = path.read_text()
    assert text.count(before) == count
    path.write_text(text.replace(before, before.replace("-1.0", "yes").replace(",1,", ",yes,")))
    with pytest.raises(InputError) as caught:
        read(mini)
    assert caught.value.code == "finding_value"
    assert caught.value.fields["columns"] == {column: count}
    assert caught.value.fields["lines"] == {column: line}
    assert f"{column} ({count}, first in line {line})" in caught.value.message
    assert path.name in caught.value.message
