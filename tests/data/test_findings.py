"""The label of an image with several findings, and what is said of the images left out."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fewray.data.findings import FindingOptions, LabelChooser, LeftOut, choose_label
from fewray.errors import InputError

TWO = ("Pneumonia", "No Finding")


@pytest.mark.parametrize(
    ("positive", "uncertain", "drop", "as_positive", "as_negative"),
    [
        (["Pneumonia"], [], "Pneumonia", "Pneumonia", "Pneumonia"),
        (["Pneumonia", "Edema"], [], "Pneumonia", "Pneumonia", "Pneumonia"),
        (["pneumonia "], ["Edema"], "Pneumonia", "Pneumonia", "Pneumonia"),
        (["no_finding"], [], "No Finding", "No Finding", "No Finding"),
        (["Edema"], [], LeftOut.NONE, LeftOut.NONE, LeftOut.NONE),
        ([], [], LeftOut.NONE, LeftOut.NONE, LeftOut.NONE),
        (TWO, [], LeftOut.SEVERAL, LeftOut.SEVERAL, LeftOut.SEVERAL),
        ([], ["Pneumonia"], LeftOut.UNCERTAIN, "Pneumonia", LeftOut.NONE),
        (["No Finding"], ["Pneumonia"], LeftOut.UNCERTAIN, LeftOut.SEVERAL, "No Finding"),
        (["Pneumonia"], ["Pneumonia"], "Pneumonia", "Pneumonia", "Pneumonia"),
        ([], TWO, LeftOut.UNCERTAIN, LeftOut.SEVERAL, LeftOut.NONE),
    ],
)
def test_one_label_per_image(
    positive: Sequence[str], uncertain: Sequence[str], drop: str, as_positive: str, as_negative: str
):
    def chosen(choice: Any) -> str:
        options = FindingOptions(labels=TWO, uncertain=choice)
        return choose_label(positive, uncertain, options)

    assert [chosen(c) for c in ("drop", "positive", "negative")] == [drop, as_positive, as_negative]


FINDINGS = st.sets(st.sampled_from(["Pneumonia", "No Finding", "Edema"]))


@given(
    images=st.lists(st.tuples(FINDINGS, FINDINGS)), uncertain=st.sampled_from(["drop", "negative"])
)
def test_every_image_is_kept_or_counted_once(images: list, uncertain: Any):
    chooser = LabelChooser(FindingOptions(labels=TWO, uncertain=uncertain))
    kept = [label for image in images if (label := chooser.label(*image)) is not None]
    assert set(kept) <= set(TWO)
    assert len(kept) + chooser.excluded.total() == len(images)
    assert sum(int(warning.items[0]) for warning in chooser.warnings()) == chooser.excluded.total()
    assert all(warning.items[0] in warning.text for warning in chooser.warnings())


def test_a_label_that_no_image_has_is_refused_with_those_there_are():
    chooser = LabelChooser(FindingOptions(labels=("Pneumonia", "Normal")))
    for positive, uncertain in ((["Pneumonia"], []), (["No Finding"], []), ([], ["Edema"])):
        chooser.label(positive, uncertain)
    with pytest.raises(InputError) as caught:
        chooser.check("films.csv")
    assert caught.value.code == "unknown_label"
    assert caught.value.fields["labels"] == ["Normal"]
    assert caught.value.fields["known"] == ["Edema", "No Finding", "Pneumonia"]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"labels": ("Edema", "edema ")}, "duplicate_label"),
        ({"labels": ("Edema", " ")}, "empty_label"),
        ({"uncertain": "maybe"}, "unknown_value"),
    ],
)
def test_options_check_themselves(options: dict, code: str):
    with pytest.raises(InputError) as caught:
        FindingOptions(**options)
    assert caught.value.code == code
