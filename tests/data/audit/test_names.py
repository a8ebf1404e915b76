"""Names that say that a class is no class, or that a label is in doubt."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fewray.data.audit.names import name_findings
from fewray.data.manifest import DataWarning, Manifest
from fewray.results.data_check import Finding
from tests.helpers import manifest_of


def codes(data: Manifest) -> dict[str, Finding]:
    return {each.code: each for each in name_findings(data)}


@pytest.mark.parametrize(
    ("labels", "code", "items"),
    [
        (("0", "1"), "label_numbers", ("0", "1")),
        (("1.0", "normal"), "label_numbers", ("1.0",)),
        (("-1", "0", "1"), "label_doubt", ("-1",)),
        (("pneumonia?", "normal"), "label_doubt", ("pneumonia?",)),
        (("possible_pneumonia", "normal"), "label_doubt", ("possible_pneumonia",)),
        (("Unknown", "normal"), "label_doubt", ("Unknown",)),
        (("Effusion|Mass", "Effusion"), "joined_labels", ("Effusion|Mass",)),
        (("Effusion; Mass", "normal"), "joined_labels", ("Effusion; Mass",)),
        (("Effusion, Mass", "mass"), "joined_labels", ("Effusion, Mass",)),
        (("effusion_and_mass", "mass"), "joined_labels", ("effusion_and_mass",)),
        (("images", "normal"), "wrapper_class", ("images",)),
        (("normal", "Masks"), "wrapper_class", ("Masks",)),
        (("patient1", "patient2", "patient3"), "classes_like_patients", None),
        (("a", "b", "c", "d", "e"), "classes_like_patients", None),
        (("normal", "normal"), "one_class", ("normal",)),
    ],
)
def test_doubtful_names_are_reported(labels: tuple[str, ...], code: str, items: tuple | None):
    found = codes(manifest_of(*labels))
    assert found[code].items == (items or tuple(sorted(set(labels))))
    assert found[code].advice


@pytest.mark.parametrize(
    "labels",
    [
        ("covid", "normal", "pneumonia_bac", "pneumonia_vir"),
        ("No Finding", "Pleural Effusion", "Pleural_Thickening"),
        ("COVID-19", "Lung Opacity", "Viral Pneumonia", "Normal"),
        ("Enlarged Cardiomediastinum", "Nodule and Mass", "stage 2", "T1, N0"),
        ("1st degree", "benign", "malignant"),
    ],
)
def test_usual_classes_are_quiet(labels: tuple[str, ...]):
    assert codes(manifest_of(*labels * 4)) == {}


def test_what_loading_has_said_is_not_repeated():
    data = manifest_of("0", "1", "0", "1")
    assert "label_numbers" in codes(data)
    said = (DataWarning("label_numbers", "said"),)
    assert "label_numbers" not in codes(replace(data, warnings=said))
