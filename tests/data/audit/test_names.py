"""Names that say that a class is no class, that a label is in doubt, that two patients are one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fewray.data.audit.names import name_findings
from fewray.data.manifest import Manifest
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


def with_patients(*names: str) -> Manifest:
    data = manifest_of(*["a", "b"] * len(names))
    rows = [
        replace(row, group=names[index // 2], path=Path(f"{row.label}/{index}.png"))
        for index, row in enumerate(data.rows)
    ]
    return replace(data, rows=tuple(rows))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("P7", "p7"),
        ("P 7", "P7"),
        ("007", "7"),
        ("P007", "P7"),
        ("7.0", "7"),
        ("Ann Lee", "annlee"),
    ],
)
def test_patients_that_differ_in_spelling_are_reported(first: str, second: str):
    found = codes(with_patients(first, second, "someone"))["similar_patients"]
    assert found.items == (" = ".join(sorted((first, second))),)


@pytest.mark.parametrize(
    ("first", "second"), [("P70", "P7"), ("100", "1"), ("A1", "B1"), ("1.5", "15")]
)
def test_different_patients_are_quiet(first: str, second: str):
    assert codes(with_patients(first, second)) == {}


def test_images_without_a_patient_are_not_compared():
    data = manifest_of("a", "b")
    rows = [
        replace(row, path=Path(name), group=name)
        for row, name in zip(data.rows, ("a/img1.png", "b/IMG01.png"), strict=True)
    ]
    assert "similar_patients" not in codes(replace(data, rows=tuple(rows)))
