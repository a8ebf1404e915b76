"""CSV files of a user's images, and manifests as CSV."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fewray.config import ReadOptions
from fewray.data.audit.check import audit
from fewray.data.loading import load_dataset
from fewray.data.manifest import Manifest, Row
from fewray.errors import InputError
from tests.helpers import refused


def table(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    for grey in (1, 2):
        Image.fromarray(np.full((20, 16), grey, np.uint8)).save(tmp_path / f"{grey}.png")
    (tmp_path / "images.csv").write_text(text, encoding=encoding)
    return tmp_path / "images.csv"


def test_csv_with_all_columns_and_a_byte_order_mark(tmp_path: Path):
    path = table(
        tmp_path, "path,label,group,split\n1.png,a,p1,train\n2.png,b,p1,test\n", "utf-8-sig"
    )
    data = load_dataset(path)
    assert data.counts() == {"train": {"a": 1, "b": 0}, "test": {"a": 0, "b": 1}}
    assert {row.group for row in data.rows} == {"p1"}


@pytest.mark.parametrize(
    ("text", "codes", "words"),
    [
        ("file,label\n1.png,a\n", "csv_columns", "no column path"),
        ("path,label\n1.png,\n", "no_images", "the label of every row is blank"),
        ("path,label\n1.png,a\n2.png,\n", ["rows_without_label"], "row 3: the label is blank"),
        ("path,label\n1.png,a\n,b\n", ["missing_cell"], "row 3: column 'path' is empty, but"),
        ("path,label\n1.png,,a\n", ["too_many_cells"], "row 2: more cells than columns"),
        ("path,label,split\n1.png,a,validation\n", ["unknown_split"], "row 2: split 'validation'"),
        ("path,label\n1.png,a\n3.png,a\n", ["file_not_found"], "row 3: 3.png not found"),
        ("path,label\n1.png,a\n\n\n3.png,a\n", ["file_not_found"], "row 5: 3.png not found"),
        ("path,label\n1.png,a,b\n", ["too_many_cells"], "row 2: more cells than columns"),
        (
            "path,label\n1.png,NA\n.,a\n\0,b\n",
            ["missing_cell", "file_not_found", "file_not_found"],
            "row 3: . not found",
        ),
        ("path,label\n1.png,a\n2.png,nan\n", ["missing_cell"], "row 3: label 'nan' names no class"),
        (
            "path,label\n1.png,NA\n2.png,None\n",
            ["missing_cell", "missing_cell"],
            "if it is one; row 3: label 'None'",
        ),
        ("path,label,origin\n1.png,a,drawn\n", ["unknown_origin"], "row 2: origin 'drawn'"),
        (f"path,label,sha256\n1.png,a,{'0' * 64}\n", ["file_changed"], "1.png"),
        ('path,label\n"1.png,a\n', "csv_unreadable", "cannot be read as CSV"),
        ("path,label\n", "csv_empty", "no rows"),
        ("", "csv_empty", "no rows"),
    ],
)
def test_csv_faults_name_the_row(tmp_path: Path, text: str, codes: str | list[str], words: str):
    with pytest.raises(InputError) as caught:
        load_dataset(table(tmp_path, text))
    error = caught.value
    assert (error.fields["faults"] if error.code == "invalid_data" else error.code) == codes
    assert words in str(error)


def test_a_class_called_none_is_one_where_a_folder_has_that_name(tmp_path: Path):
    for label in ("none", "tumour"):
        (tmp_path / label).mkdir()
        Image.fromarray(np.full((20, 16), len(label), np.uint8)).save(tmp_path / label / "1.png")
    data = load_dataset(tmp_path)
    data.to_csv(tmp_path / "manifest.csv")
    assert data.classes == load_dataset(tmp_path).classes == ("none", "tumour")


def test_classes_that_differ_only_in_case_or_blanks_are_reported(tmp_path: Path):
    path = table(tmp_path, "path,label\n1.png,Viral pneumonia\n2.png,viral  Pneumonia\n")
    data = load_dataset(path)
    (found,) = [warning for warning in data.warnings if warning.code == "similar_classes"]
    assert found.items == ("Viral pneumonia", "viral  Pneumonia")
    (told,) = [each for each in audit(data).findings if each.code == found.code]
    assert told.items == found.items
    other = load_dataset(table(tmp_path, "path,label\n1.png,a\n2.png,b\n"))
    assert "similar_classes" not in {warning.code for warning in other.warnings}


@pytest.mark.parametrize(
    ("one", "other", "shown"),
    [
        ("M\u00fcde", "Mu\u0308de", "'Mu\\u0308de', 'M\\xfcde'"),
        ("1", "1.0", "'1', '1.0'"),
        ("M\u00fcde", "m\u00fcde", "'M\u00fcde', 'm\u00fcde'"),
    ],
)
def test_classes_that_look_alike_are_reported(tmp_path: Path, one: str, other: str, shown: str):
    data = load_dataset(table(tmp_path, f"path,label\n1.png,{other}\n2.png,{one}\n"))
    (found,) = [warning for warning in data.warnings if warning.code == "similar_classes"]
    assert shown in found.text


@pytest.mark.parametrize("cell", ["#N/A", "#REF!", "<NA>", "NaT"])
def test_cells_without_a_value_are_no_label_and_no_patient(tmp_path: Path, cell: str):
    with refused("invalid_data", f"row 3: label '{cell}' names no class"):
        load_dataset(table(tmp_path, f"path,label\n1.png,a\n2.png,{cell}\n"))
    nobody = table(tmp_path, f"path,label,group\n1.png,a,{cell}\n2.png,b,{cell}\n")
    data = load_dataset(nobody)
    assert [row.group for row in data.rows] == ["1.png", "2.png"]
    assert "patients_unknown" in {warning.code for warning in data.warnings}


@pytest.mark.parametrize("cell", ["unknown", "-", "?"])
def test_an_unknown_patient_is_no_patient(tmp_path: Path, cell: str):
    text = f"path,label,group\n1.png,a,{cell}\n2.png,b,{cell}\n"
    assert len({row.group for row in load_dataset(table(tmp_path, text)).rows}) == 2


def test_a_cell_that_could_not_be_computed_is_no_negative_finding(tmp_path: Path):
    path = table(tmp_path, "path,a,b\n1.png,1,0\n2.png,#N/A,1\n")
    with refused("invalid_data", "a '#N/A': expected 1"):
        load_dataset(path, read=ReadOptions(labels=("a", "b")))


def test_csv_accepts_semicolons_capitals_and_utf_16(tmp_path: Path):
    path = table(tmp_path, "Path ; Label;Split\n1.png;a, b;Training\n2.png;c;\n")
    data = load_dataset(path)  # no split among rows that have one: training
    assert data.counts() == {"train": {"a, b": 1, "c": 1}}
    (found,) = [warning for warning in data.warnings if warning.code == "no_split"]
    assert found.text.startswith("1 of 2 images have no split")
    assert len(load_dataset(table(tmp_path, "path,label\n1.png,a\n", "utf-16"))) == 1


def test_one_file_under_two_labels_of_a_csv_is_an_error(tmp_path: Path):
    path = table(tmp_path, "path,label\n1.png,a\n1.png,b\n")
    with pytest.raises(InputError) as caught:
        load_dataset(path)
    assert caught.value.fields["faults"] == ["two_classes"]
    assert len(load_dataset(path, strict=False)) == 2


NAMES = (
    st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=12)
    .map(str.strip)
    .filter(bool)
)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            NAMES,
            st.sampled_from(["train", "test", ""]),
            NAMES,
            st.sampled_from(["real", "synthetic"]),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_any_names_survive_the_csv(rows: list[tuple], tmp_path_factory: pytest.TempPathFactory):
    base = tmp_path_factory.getbasetemp()
    made = tuple(
        Row(
            path=base / f"{i}.png",
            label=label,
            split=split,
            group=group,
            sha256=f"{i:064}",
            origin=origin,
        )
        for i, (label, split, group, origin) in enumerate(rows)
    )
    data = Manifest(name="names", classes=tuple(sorted({row.label for row in made})), rows=made)
    data.to_csv(base / "names.csv")
    again = Manifest.from_csv(base / "names.csv", name="names")
    assert (again.classes, again.sha256()) == (data.classes, data.sha256())
    assert sum(sum(counts.values()) for counts in again.counts().values()) == len(rows)


@pytest.mark.parametrize(
    "text", ["a,b\n1,2\n", "path,label,split,group,sha256,origin\n1.png,a,,g,0,drawn\n"]
)
def test_from_csv_takes_manifests_only(tmp_path: Path, text: str):
    (tmp_path / "manifest.csv").write_text(text)
    for path in (tmp_path / "manifest.csv", tmp_path / "absent.csv"):
        with pytest.raises(InputError, match=path.name) as caught:
            Manifest.from_csv(path)
        assert caught.value.code == "manifest"
