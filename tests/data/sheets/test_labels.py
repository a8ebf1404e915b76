"""Labels that join findings, mark doubt or are numbers."""

from collections.abc import Sequence

import pytest

from fewray.config import ReadOptions
from fewray.data.sheets.labels import LabelReader, doubtful_labels, joined_labels
from fewray.errors import InputError


def labels(cells: Sequence[str], **options) -> list[str | None]:
    reader = LabelReader(ReadOptions(**options))
    return [reader.label(cell, "a.png") for cell in cells]


def codes(cells: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
    reader = LabelReader(ReadOptions())
    for cell in cells:
        reader.label(cell, "a.png")
    return [(warning.code, warning.items) for warning in reader.check("t.csv", strict=False)]


@pytest.mark.parametrize(
    ("cell", "label"),
    [
        ("Mass", "Mass"),
        ("Mass|Edema", "Mass"),
        ("Edema; mass", "Mass"),
        ("Edema,Mass ,Nodule", "Mass"),
        ("['Edema', 'Mass']", "Mass"),
        ("No Finding", "No Finding"),
        ("Mass|No Finding", None),
        ("Mass?|No Finding", None),
        ("Edema?|No Finding", "No Finding"),
        ("Massive", None),
        ("", None),
        ("nan", None),
    ],
)
def test_several_findings_in_a_cell(cell: str, label: str | None):
    assert labels([cell], labels=("Mass", "No Finding")) == [label]


def test_doubt_in_a_cell_counts_as_the_user_says():
    cells = ["Mass?", "possible|uncertain Mass", "No Finding"]
    for uncertain, expected in (("drop", None), ("positive", "Mass"), ("negative", None)):
        found = labels(cells, labels=("Mass", "No Finding"), uncertain=uncertain)
        assert found == [expected, expected, "No Finding"]


def test_one_column_of_yes_no_and_doubt():
    cells = ["1.0", "0.0", "-1.0", "1", "0", "-1"]
    for uncertain, doubt in (("drop", None), ("positive", "1"), ("negative", "0")):
        found = labels(cells, labels=("1", "0"), uncertain=uncertain)
        assert found == ["1", "0", doubt, "1", "0", doubt]


@pytest.mark.parametrize("yes", ["1", "1.0", "TRUE", "yes", "x"])
@pytest.mark.parametrize("no", ["0", "0.0", "False", "no", "", "nan"])
@pytest.mark.parametrize("unsure", ["-1", "-1.0", "?", "uncertain"])
def test_a_column_per_finding(yes: str, no: str, unsure: str):
    reader = LabelReader(ReadOptions(labels=("Mass", "Normal")), {"Mass": 1, "Normal": 2})
    rows = [(yes, no), (no, yes), (yes, yes), (no, no), (unsure, no)]
    found = [reader.label(reader.raw(["a.png", *row], None), "a.png") for row in rows]
    assert found == ["Mass", "Normal", None, None, None]
    assert dict(reader.chooser.excluded) == {
        "several_chosen_labels": 1,
        "no_chosen_label": 1,
        "uncertain_label": 1,
    }


def test_a_cell_that_is_neither_yes_nor_no():
    reader = LabelReader(ReadOptions(labels=("Mass", "Normal")), {"Mass": 1, "Normal": 2})
    with pytest.raises(ValueError, match="Mass"):
        reader.label(reader.raw(["a.png", "3", "0"], None), "a.png")


@pytest.mark.parametrize(
    ("cells", "joined"),
    [
        (["Cardiomegaly", "Cardiomegaly|Emphysema"], ["Cardiomegaly|Emphysema"]),
        (["a;b", "c"], ["a;b"]),
        (["a", "b", "a, b"], ["a, b"]),
        (["a|b", "c, b", "d"], ["a|b", "c, b"]),
        (["a, b", "c"], []),
        (["pneumonia, bacterial", "pneumonia, viral"], []),
        (["|", "a"], []),
    ],
)
def test_labels_that_join_findings(cells: list[str], joined: list[str]):
    assert joined_labels(cells) == joined


@pytest.mark.parametrize(
    ("cells", "doubt"),
    [
        (["1.0", "0.0", "-1.0"], ["-1.0"]),
        (["0", "1", "-1"], ["-1"]),
        (["-1", "2", "3"], []),
        (["tb", "?"], ["?"]),
        (["tb", "normal", "Uncertain"], ["Uncertain"]),
        (["tb", "tb?"], ["tb?"]),
        (["tb", "normal"], []),
    ],
)
def test_labels_that_mark_doubt(cells: list[str], doubt: list[str]):
    assert doubtful_labels(cells) == doubt


def test_labels_that_are_none_are_said_and_refused():
    assert codes(["1.0", "0.0", "-1.0"]) == [
        ("label_doubt", ("-1.0",)),
        ("label_numbers", ("1.0", "0.0")),
    ]
    assert codes(["a", "a|b"]) == [("joined_labels", ("a|b",))]
    assert codes(["tb", "normal"]) == []
    for cells, code in ((["a", "a|b"], "labels_needed"), (["a", "?"], "uncertain_labels")):
        reader = LabelReader(ReadOptions())
        for cell in cells:
            reader.label(cell, "a.png")
        with pytest.raises(InputError) as caught:
            reader.check("t.csv", strict=True)
        assert caught.value.code == code


def test_the_refusal_counts_the_findings():
    reader = LabelReader(ReadOptions())
    for cell in ["a", "a|b", "b|c", "c"]:
        reader.label(cell, "a.png")
    with pytest.raises(InputError) as caught:
        reader.check("t.csv", strict=True)
    assert caught.value.fields["known"] == ["a", "b", "c"]
    assert "a (2), b (2), c (2)" in str(caught.value)
