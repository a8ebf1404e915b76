"""Which column of a table holds what."""

import pytest

from fewray.config import ReadOptions
from fewray.data.sheets.columns import find_columns, finding_columns
from fewray.errors import InputError

NIH = ("Image Index", "Finding Labels", "Follow-up #", "Patient ID")


def test_columns_are_found_by_name_without_case_and_blanks():
    found = find_columns(("Path ", "LABEL", "other", "Group", "Split"), ReadOptions(), "t.csv")
    assert found == {"path": 0, "label": 1, "group": 3, "split": 4}


def test_named_columns_come_before_the_usual_ones():
    options = ReadOptions(
        path_column="image index", label_column="Finding Labels", group_column="Patient ID"
    )
    assert find_columns(NIH, options, "t.csv") == {"path": 0, "label": 1, "group": 3}
    options = ReadOptions(label_column="Label")
    assert find_columns(("path", "Label", "label"), options, "t.csv") == {"path": 0, "label": 1}


@pytest.mark.parametrize(
    ("columns", "options", "code"),
    [
        (("path", "Label", "label"), {}, "column_twice"),
        (("path", "label", "label"), {}, "column_twice"),
        (("path", "Path ", "label"), {}, "column_twice"),
        (("path", "label", "group", "GROUP"), {}, "column_twice"),
        (("path", "label", "split", "Split"), {}, "column_twice"),
        (("path", "label", "label"), {"label_column": "label"}, "column_twice"),
        (("path", "Label", "lABEL"), {"label_column": "label"}, "column_twice"),
        (
            ("path", "label", "Edema", "edema"),
            {"label_column": "edema", "path_column": "path"},
            None,
        ),
        (("path", "label"), {"group_column": "Patient"}, "csv_columns"),
        (("path", "label"), {"path_column": "label"}, "column_named_twice"),
        (NIH, {}, "csv_columns"),
        (NIH, {"path_column": "Image Index"}, "csv_columns"),
        (("path", "Edema", "No Finding"), {"labels": ("Edema", "Normal")}, "csv_columns"),
        (("path", "Edema", "edema", "Mass"), {"labels": ("Edema", "Mass")}, "column_twice"),
    ],
)
def test_columns_that_are_missing_or_alike(columns, options, code):
    if code is None:
        assert find_columns(columns, ReadOptions(**options), "t.csv")["label"] == 3
        return
    with pytest.raises(InputError) as caught:
        find_columns(columns, ReadOptions(**options), "t.csv")
    assert caught.value.code == code


def test_the_error_lists_the_columns_and_the_options():
    with pytest.raises(InputError) as caught:
        find_columns(NIH, ReadOptions(), "t.csv")
    assert caught.value.fields["missing"] == ["label", "path"]
    assert caught.value.fields["columns"] == list(NIH)


def test_a_column_of_identifiers_stands_for_the_paths():
    columns = ("Accession Number", "Diagnosis")
    with pytest.raises(InputError) as caught:
        find_columns(columns, ReadOptions(), "t.csv")
    assert caught.value.fields["missing"] == ["label"]
    assert find_columns(columns, ReadOptions(label_column="Diagnosis"), "t.csv") == {"label": 1}


def test_a_column_per_finding():
    options = ReadOptions(labels=("no finding", "Pleural Effusion"))
    columns = ("Path", "No Finding", "Pleural_Effusion", "Edema")
    assert find_columns(columns, options, "t.csv") == {"path": 0}
    assert finding_columns(columns, options, "t.csv") == {"no finding": 1, "Pleural Effusion": 2}


@pytest.mark.parametrize("name", ["tab", "\\t", "\t", "TAB"])
def test_separators_have_names(name: str):
    assert ReadOptions(separator=name).separator == "\t"


@pytest.mark.parametrize("options", [{"separator": "::"}, {"separator": '"'}, {"separator": "\n"}])
def test_separators_that_are_none(options: dict):
    with pytest.raises(InputError) as caught:
        ReadOptions(**options)
    assert caught.value.code == "separator"
