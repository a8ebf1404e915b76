"""Methods paragraph, limits and checklist say what the study's fields hold, and nothing else."""

import re
from pathlib import Path

import msgspec
import pytest

from fewray.config import ClassicAugmentation
from fewray.report.checklist import AUTHORS, TOPICS, checklist_table, claim_items
from fewray.report.files import Timing
from fewray.report.html.document import page_html
from fewray.report.limits import limits
from fewray.report.methods import DUPLICATE, augmentation, methods_paragraph
from fewray.report.pages.crossval import crossval_page
from fewray.report.phrases import cohort, detectable, earlier, splits, title
from fewray.results.crossval import CrossvalStudy, EarlierStudy, Selection
from tests.crossval_study import changed, crossval_study


def everything(study: CrossvalStudy) -> dict[str, str]:
    """Return all text that authors copy."""
    items = "; ".join(f"{name}: {text}" for name, text in claim_items(study))
    return {
        "methods": methods_paragraph(study),
        "limits": " ".join(limits(study)),
        "checklist": items,
    }


def item(study: CrossvalStudy, name: str) -> str:
    return dict(claim_items(study))[name]


def selected(*values: str) -> tuple[Selection, ...]:
    return tuple(
        Selection(repeat=0, fold=fold, selected=value, accuracies={"1": 0.6, "2": 0.5})
        for fold, value in enumerate(values)
    )


def test_the_paragraph_follows_the_fields():
    study = crossval_study(repeats=3, seeds=5)
    text = methods_paragraph(study)
    assert study.rejected_copies is not None
    rejected = sum(each.rejected for each in study.rejected_copies.values())
    for words in (
        "306 images of 288 patients",
        "69 COVID-19, 79 normal, 79 bacterial pneumonia, 79 pneumonia vir",
        "4-fold cross-validation, stratified by class and grouped by patient",
        "repeated three times with new splits",
        "eight arms",
        "for 300 optimiser steps",
        "batch size 64, learning rate 0.01, Nesterov momentum 0.9",
        "five classifier seeds",
        "20 variants of each image",
        "rotation by up to 7°, translation by up to 6%, scaling by a factor of 0.9 to 1.1, and",
        "changes in brightness and contrast of up to 15%. Images were never mirrored",
        "one generator per class was trained on the training images only (fewray recipe `fast`: 40 epochs, 1400 "
        "steps)",
        "In four arms (PCA samples, ",
        "shuffled labels), one image of the same class was added for each real image",
        "2nd percentile",
        f"({rejected} rejected, 960 kept)",
        "clustered by patient and by training run",
        "Holm's method for seven comparisons",
        "apply only to the particular generators trained in this study",
        "bootstrap over patients (1000 resamples)",
        "synthetic images with PCA samples, for information only",
        "without COVID-19; bacterial pneumonia and pneumonia vir",
        "0.768 with invented view: metadata",
        "fewray 0.1.0",
    ):
        assert words in text, words
    assert ".." not in text
    assert "\n" not in text


def test_unequal_budgets_and_missing_generators_are_reported():
    study = crossval_study(generators={}, rejected_copies=None)
    mixup = msgspec.structs.replace(study.arms["mixup"], steps=301)
    text = methods_paragraph(
        msgspec.structs.replace(study, arms=study.arms | {"mixup": mixup}, comparisons={})
    )
    assert "mixup 301" in text
    assert "different numbers of optimiser steps (" in text
    assert "No generator was trained" in text
    assert "No arm was compared" in text
    assert "with new splits" not in text


def test_the_checklist_leaves_to_the_authors_what_it_cannot_know():
    study = crossval_study()
    assert len(dict(claim_items(study))) == len(claim_items(study))
    assert item(study, "Ethics, de-identification") == AUTHORS
    assert item(study, "Selection of model or settings").startswith("none")
    assert item(study, "External evaluation").startswith("external test set: invented other")
    assert "4-fold" in item(study, "Data partitions")
    chosen = crossval_study(external=None, selections=selected("2", "1", "2"))
    chosen = changed(chosen, options={"select": "ratio", "candidates": ("1", "2")})
    assert "selected: 1 and 2" in item(chosen, "Selection of model or settings")
    assert item(chosen, "External evaluation") == "none"


# The items of the published checklists: Tejani et al. (2024); Collins et al. (2024), Table 1;
# Sounderajah et al. (2025), Table 2. "12g" stands for 12a to 12g.
ITEMS = {
    "CLAIM 2024": [*map(str, range(1, 45))],
    "TRIPOD+AI": ["1", "2", "3c", "4", "5b", "6c", "7", "8c", "9c", "10", "11", "12g",
                  *map(str, range(13, 18)), "18f", "19", "20c", "21", "22", "23b", "24", "25", "26",
                  "27c"],
    "STARD-AI": [*map(str, range(1, 15)), "15d", "16c", "17b", *map(str, range(18, 26)), "26b",
                 *map(str, range(27, 40)), "40b"],
}  # fmt: skip


def numbers(last: str) -> list[str]:
    """Return "12a" to "12g" for "12g", and "13" for "13"."""
    if last.isdigit():
        return [last]
    return [last[:-1] + chr(letter) for letter in range(ord("a"), ord(last[-1]) + 1)]


@pytest.mark.parametrize(
    ("guideline", "count"), [("CLAIM 2024", 44), ("TRIPOD+AI", 52), ("STARD-AI", 48)]
)
def test_items_of_the_checklist_exist_in_their_guideline(guideline: str, count: int):
    known = [number for last in ITEMS[guideline] for number in numbers(last)]
    assert len(known) == count  # as each publication states
    column = 2 + list(ITEMS).index(guideline)
    for row in TOPICS:
        for part in filter(None, row[column].split(", ")):
            ends = part.split(" to ")
            assert set(ends) <= set(known), row
            assert [known.index(end) for end in ends] == sorted(map(known.index, ends)), row


def test_the_checklist_links_to_sections_that_are_there():
    study = crossval_study()
    page = page_html(crossval_page(study, Timing(), Path()))
    links = re.findall(r'data-label="where"><a href="#([a-z]+)"', page)
    assert len(links) > 15
    assert set(links) <= set(re.findall(r'<section id="([a-z]+)"', page))
    table = checklist_table(study, ())
    assert "where" not in [column.name for column in table.columns]
    answered = {topic for topic, reported in claim_items(study) if reported != AUTHORS}
    assert {topic for topic, place, *_ in TOPICS if place} == answered


def test_limits_depend_on_the_study():
    found = " ".join(limits(crossval_study()))
    assert "COVID-19 can be recognised by a shortcut" in found
    assert "run once" in found
    assert "Extra seeds" in found
    assert "No external images" not in found
    assert "patient ID" not in found
    study = crossval_study(external=None, seeds=1, comparisons={})
    found = " ".join(limits(changed(study, data={"patients_known": "none"})))
    for words in ("No external images", "one classifier seed", "patient ID"):
        assert words in found


def test_unknown_patients_are_never_called_patients():
    study = changed(crossval_study(), data={"patients_known": "none", "patients": 305})
    assert (
        cohort(study.data) == "306 images without patient IDs, each counted as a separate patient"
    )
    assert splits(study) == "4-fold cross-validation, run once"
    for where, text in everything(study).items():
        for false in ("305", "grouped by patient", "No patient,", "by patient", "over patients"):
            assert false not in text, (where, false)
    assert "patient may have appeared in both" in methods_paragraph(study)
    some = changed(study, data={"patients_known": "some"})
    assert "grouped by patient where the patient was known" in methods_paragraph(some)
    assert "Some images lack a patient ID" in everything(some)["limits"]


@pytest.mark.parametrize("known", ["all", "some", "none"])
def test_searched_and_unsearched_duplicates_are_named(known: str):
    study = changed(crossval_study(), data={"patients_known": known})
    text = methods_paragraph(study)
    who = {"all": "No patient and no ", "some": "No identified patient and no ", "none": "No "}
    assert f"{who[known]}{DUPLICATE} appeared in both" in text
    assert f"{who[known][1:]}{DUPLICATE} appears" in item(study, "Data partitions")
    assert "We did not search for mirrored, rotated, cropped or inverted duplicates." in text
    assert any("mirrored, rotated, cropped or inverted" in line for line in limits(study))


def test_operations_of_the_augmentation_that_do_nothing_are_left_out():
    assert "mirroring (2 times)" in augmentation(ClassicAugmentation())
    assert "rotation" not in augmentation(ClassicAugmentation(rotation_repeats=0))
    assert "brightness" not in augmentation(ClassicAugmentation(intensity=0))


def test_the_paragraph_says_what_was_selected_where():
    study = changed(
        crossval_study(selections=selected("1", "1")),
        options={"select": "ratio", "candidates": ("1", "2")},
    )
    assert "The ratio was selected from 1 and 2 in each fold" in methods_paragraph(study)
    assert "1 in every fold" in methods_paragraph(study)
    study = msgspec.structs.replace(study, selections=selected("1", "2"))
    assert "1 in fold 0 and 2 in fold 1" in methods_paragraph(study)


def test_nothing_is_called_rejected_without_a_search():
    text = methods_paragraph(crossval_study(rejected_copies=None))
    assert "not checked for copies of training images" in text
    assert "were replaced" not in text


@pytest.mark.parametrize(
    ("data", "noun", "hidden"),
    [
        ({}, "306 images", "middle of the image"),
        ({"name": "covid4"}, "306 chest radiographs", "lungs"),
        (
            {"origin": "phantom"},
            "306 computer-generated chest images of 288 simulated patients",
            "lungs",
        ),
    ],
)
def test_only_known_data_sets_show_the_chest(data: dict[str, str], noun: str, hidden: str):
    text = methods_paragraph(changed(crossval_study(), data=data))
    assert noun in text
    assert f"view of the {hidden}" in text


def test_earlier_studies_in_the_folder_are_reported_if_they_differ():
    study = crossval_study()
    same = EarlierStudy(reference="classic", arms=tuple(study.arms), seeds=3)
    assert earlier(msgspec.structs.replace(study, history=(same,))) == []
    assert "prespecified reference" in methods_paragraph(study)
    fewer = msgspec.structs.replace(same, seeds=2)
    one = msgspec.structs.replace(study, history=(fewer,))
    (words,) = earlier(one)
    assert "two seeds" in words
    assert "prespecified reference" in methods_paragraph(one)
    for text in everything(one).values():
        assert words in text
    other = EarlierStudy(reference="no_augmentation", arms=("no_augmentation", "pca"), seeds=3)
    both = msgspec.structs.replace(study, history=(fewer, other))
    (words,) = earlier(both)
    assert "two seeds; then no augmentation as the reference" in words
    assert "the arms no augmentation and PCA samples" in words
    assert "prespecified" not in methods_paragraph(both)


def test_the_smallest_detectable_difference_is_the_corrected_one():
    study = crossval_study()
    found = [c.minimal_detectable_holm for c in study.comparisons.values()]
    low, high = 100 * min(found), 100 * max(found)
    corrected = f"{low:.1f} to {high:.1f} percentage points"
    assert detectable(study).startswith(f"{corrected} after Holm")
    assert all(corrected in text for text in everything(study).values())
    assert detectable(crossval_study(comparisons={})) == "undefined"


def test_the_own_test_split_is_no_external_evaluation():
    study = changed(crossval_study(), external={"own_test_split": True})
    found = everything(study)
    assert "No external images were tested" in found["limits"]
    assert item(study, "External evaluation").startswith("test split of the same data set")
    assert "was never used for training; each prediction averages 4 networks" in found["methods"]


def test_one_seed_is_clustered_by_patient_only():
    assert "clustered by patient only" in methods_paragraph(crossval_study(seeds=1))


def test_the_title_asks_about_the_arms_of_the_study():
    study = crossval_study()
    assert title(study).startswith("Does synthetic augmentation help on")
    arms = {name: arm for name, arm in study.arms.items() if "synthetic" not in name}
    assert title(msgspec.structs.replace(study, arms=arms)).startswith("Does augmentation help on")


@pytest.mark.parametrize(("share", "high"), [(0.12, False), (0.31, True), (None, False)])
def test_high_training_variance_is_a_limit(share: float | None, high: bool):
    study = crossval_study()
    found = msgspec.structs.replace(study.comparisons["synthetic"], seed_disagreement=share)
    study = msgspec.structs.replace(study, comparisons=study.comparisons | {"synthetic": found})
    assert any("disagree on up to 31% of the images" in line for line in limits(study)) is high
