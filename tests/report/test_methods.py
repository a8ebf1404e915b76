"""The methods paragraph and the checklist say what the fields hold, and nothing else."""

import copy
from typing import Any

import pytest

from fewray.config import ClassicAugmentation
from fewray.report.checklist import AUTHORS, claim_items
from fewray.report.fields import cohort, detectable, earlier, folding, patients_known, title
from fewray.report.limits import limits
from fewray.report.methods import augmentation, methods_paragraph
from fewray.report.text import escaped, interval, number, p_value, points, points_interval, score
from tests.crossval_study import trial_study


def test_the_paragraph_follows_the_fields():
    study = trial_study(repeats=3, seeds=5)
    text = methods_paragraph(study)
    for words in (
        "306 images",
        "288 patients",
        "covid 69, normal 79, pneumonia_bac 79 and pneumonia_vir 79",
        "4 folds, stratified by class and grouped by patient (StratifiedGroupKFold), repeated over 3 repeats",
        "8 arms",
        "300 optimiser steps of 64 images",
        "5 random seeds",
        "inside each fold on its training rows alone",
        f"{sum(r['rejected'] for r in study['rejected'].values())} rejected, 960 kept",
        "Holm's method over 7 comparisons",
        "conditional on the generators trained",
        "metadata 0.768",
        "fewray 0.1.0",
    ):
        assert words in text, words
    assert ".." not in text
    assert "\n" not in text


def test_unequal_budgets_and_missing_generators_are_told():
    study = trial_study() | {"generators": None, "rejected": None, "options": {}}
    study["arms"]["mixup"]["steps"] = 301
    undefined = {"minimal_detectable": None, "minimal_detectable_holm": None}
    study["comparisons"] = {name: c | undefined for name, c in study["comparisons"].items()}
    text = methods_paragraph(study)
    assert "mixup 301" in text
    assert "All arms had" not in text
    assert "No generator was trained" in text
    assert "80 % power is undefined" in text
    assert "conditional on the images added" in text
    assert "repeated over" not in text


def test_the_checklist_leaves_to_the_authors_what_it_cannot_know():
    study = trial_study()
    items = dict(claim_items(study))
    assert len(items) == len(claim_items(study))
    assert items["Ethics, de-identification"] == AUTHORS
    assert items["Selection of model or settings"] == "nothing was chosen on these data"
    assert items["External evaluation"].startswith(
        "invented other hospital, 120 images, predicted by the mean"
    )
    assert "4 folds" in items["Data repeats"]
    rows = [
        {"repeat": 0, "fold": f, "chosen": str(2 - f % 2), "accuracies": {"1": 0.5, "2": 0.5}}
        for f in range(4)
    ]
    options = {"select": "ratio"}
    chosen = dict(
        claim_items(study | {"external": None, "audit": None, "options": options, "chosen": rows})
    )
    assert chosen["Selection of model or settings"].startswith("ratio: on an inner")
    assert chosen["Selection of model or settings"].endswith("taken: 1 and 2")
    assert chosen["External evaluation"] == "none"
    assert chosen["Preprocessing"] == AUTHORS
    assert dict(claim_items(study | {"options": {}}))["Selection of model or settings"] == AUTHORS


def test_limits_depend_on_the_study():
    study = trial_study()
    found = " ".join(limits(study))
    assert "covid can be told by a shortcut" in found
    assert "One repeat" in found
    assert "No external test set" not in found
    assert "phantoms" not in found
    assert "patient of its own" not in found
    study["data"] |= {"origin": "phantom", "patients_known": "none"}
    found = " ".join(limits(study | {"external": None, "seeds": [0], "preset": "quick"}))
    for words in (
        "phantoms",
        "No external test set",
        "One classifier seed",
        "Preset quick",
        "patient of its own",
    ):
        assert words in found


def said(study: dict[str, Any]) -> dict[str, str]:
    """Return all that is ready to paste."""
    items = "; ".join(f"{name}: {text}" for name, text in claim_items(study))
    return {
        "methods": methods_paragraph(study),
        "limits": " ".join(limits(study)),
        "checklist": items,
    }


def test_unknown_patients_are_never_called_patients():
    study = trial_study()
    study["data"] |= {"patients_known": "none", "groups": 305}  # one copy was joined
    shown = f"{cohort(study['data'])}, {folding(study)}"
    assert (
        shown
        == "306 images, each counted as a patient of its own (none is known), 4 folds, 1 repeat"
    )
    for where, text in said(study).items():
        for false in (
            "305 patients",
            "grouped by patient",
            "No patient and",
            "by patient, hash",
            "over patients",
            "of patients",
        ):
            assert false not in text, (where, false)
    assert "each counted as a patient of its own (none is known)" in said(study)["checklist"]
    assert "whether a patient was is not known" in methods_paragraph(study)
    assert "No patient is known" in said(study)["limits"]
    study["data"]["patients_known"] = "some"
    assert "patients of their own" in said(study)["limits"]
    assert "grouped by patient where one is named" in methods_paragraph(study)


@pytest.mark.parametrize("known", ["all", "some", "none"])
def test_what_copies_are_looked_for_and_what_are_not_is_said(known: str):
    study = trial_study()
    study["data"]["patients_known"] = known
    text = methods_paragraph(study)
    assert (
        "o byte-equal, resized or re-encoded copy of an image was found on both sides of a fold"
        in text
    )
    assert "Mirrored, turned, cropped or inverted copies were not looked for." in text
    assert "near-duplicate" not in " ".join(said(study).values())
    (limit,) = [line for line in limits(study) if line.startswith("Copies were looked for")]
    assert limit.endswith(f"counts as another {'image' if known == 'none' else 'patient'}.")


def test_studies_without_the_field_are_read_by_their_warnings():
    data = trial_study()["data"]
    del data["patients_known"]
    assert patients_known(data) == "all"
    assert patients_known(data | {"warnings": ["no patients are known: every"]}) == "none"
    assert patients_known(data | {"warnings": ["3 of 9 images name no patient: each"]}) == "some"


def test_the_paragraph_names_rule_augmentation_threshold_and_intervals():
    study = trial_study()
    text = methods_paragraph(study)
    for words in (
        "clustered two ways, over patients and over trainings (Cameron, Gelbach & Miller 2011), Student's t with Satterthwaite's",
        "SGD, learning rate 0.01, Nesterov momentum 0.9",
        "20 versions beside every image",
        "turned by up to 7 degrees, shifted by up to 6 % of each side, scaled by 0.9 to 1.1, brightness and contrast changed by "
        "up to 15 %, never mirrored; each change with probability 0.8",
        "Images added per real one of the class in pca, synthetic, classic+synthetic and shuffled: 1.",
        "nearer to one than the nearest 2 % of real images held out",
        "Compared without a verdict: synthetic - pca",
        "bootstrap of patients, 1000 draws, and, over trainings, the score's variance divided by their number",
        "paper classic (the paper's classic augmentation); ratio 2 (two images a real film)",
        "some classes only: without covid and pneumonia_bac:pneumonia_vir",
        "an external set, was only predicted: by the mean probability of all 4 folds' networks of a seed",
    ):
        assert words in text, words
    assert "mirrored (2 times over)" in augmentation(ClassicAugmentation().to_json())


def test_the_paragraph_says_what_was_chosen_where():
    study = trial_study()
    study["options"] |= {"select": "ratio"}
    rows = [
        {"repeat": 0, "fold": f, "chosen": "1", "accuracies": {"1": 0.6, "2": 0.5}}
        for f in range(2)
    ]
    assert "among 1 and 2 in each fold" in methods_paragraph(study | {"chosen": rows})
    assert "1 in every fold" in methods_paragraph(study | {"chosen": rows})
    rows[1]["chosen"] = "2"
    assert "1 in fold 0 and 2 in fold 1" in methods_paragraph(study | {"chosen": rows})


def test_nothing_is_called_rejected_where_nothing_was_searched():
    study = trial_study() | {"rejected": None}
    assert "not searched for copies" in methods_paragraph(study)
    assert "replaced" not in methods_paragraph(study)
    earlier = trial_study()  # counted what was kept all the same
    earlier["options"]["copy_percentile"] = 0.0
    assert "not searched for copies" in methods_paragraph(earlier)


@pytest.mark.parametrize(
    ("changed", "chest"), [({}, False), ({"name": "covid4"}, True), ({"origin": "phantom"}, True)]
)
def test_only_known_sets_are_of_the_chest(changed: dict[str, str], chest: bool):
    study = trial_study()
    study["data"] |= changed
    text = methods_paragraph(study)
    assert (any(words in text for words in ("chest films", "phantom films")), "lungs" in text) == (
        chest,
        chest,
    )


def test_earlier_studies_of_the_folder_are_told_and_only_where_they_differ():
    study = trial_study()
    assert earlier(study) == []
    assert "the reference named before" in methods_paragraph(study)
    then = {"reference": "classic", "arms": list(study["arms"]), "seeds": 2}
    words = (
        "An earlier study in this folder had 2 seeds; its results were there when this one was run"
    )
    study["earlier"] = [then]
    assert earlier(study) == [words]
    assert "the reference named before" in methods_paragraph(study)
    assert f"{words}." in methods_paragraph(study)
    assert f"{words}." in limits(study)
    assert (
        dict(claim_items(study))["Selection of model or settings"]
        == f"nothing was chosen on these data; a{words[1:]}"
    )
    study["earlier"] = [
        then,
        {"reference": "no_augmentation", "arms": ["no_augmentation", "pca"], "seeds": 3},
    ]
    words = (
        "Earlier studies in this folder had 2 seeds; then the reference no_augmentation, the arms no_augmentation and pca; "
        "their results were there when this one was run"
    )
    assert f"{words}." in methods_paragraph(study)
    assert "named before" not in methods_paragraph(study)


def test_the_smallest_difference_is_the_corrected_one():
    study = trial_study()
    found = [c["minimal_detectable_holm"] for c in study["comparisons"].values()]
    assert detectable(study).startswith(
        f"{100 * min(found):.1f} to {100 * max(found):.1f} points, by arm (as the first"
    )
    assert all(detectable(study) in text for text in said(study).values())


def test_the_own_test_split_is_no_external_evaluation():
    study = trial_study()
    study["external"] |= {"kept_split": True}
    found = said(study)
    assert (
        "No external test set (the test split that was kept is of the same set)" in found["limits"]
    )
    assert dict(claim_items(study))["External evaluation"].startswith(
        "none; its own test split, kept apart: "
    )
    assert "the data set's own test split, was only predicted" in found["methods"]
    assert "not comparable with the out-of-fold ones" in found["methods"]


def test_studies_without_the_mark_are_read_by_their_options():
    study = trial_study()
    del study["external"]["kept_split"]
    assert "No external test set" not in said(study)["limits"]
    study["options"]["keep_test"] = True
    assert "No external test set (the test split" in said(study)["limits"]


def test_one_seed_clusters_over_patients_alone():
    assert "clustered over patients alone" in methods_paragraph(trial_study(seeds=1))


def test_the_title_asks_what_the_arms_ask():
    study = trial_study()
    assert title(study).startswith("Does synthetic augmentation help on")
    arms = {
        name: arm for name, arm in copy.deepcopy(study["arms"]).items() if "synthetic" not in name
    }
    assert title(study | {"arms": arms}).startswith("Does augmentation help on")


def test_numbers_are_shown_one_way():
    assert (
        number(None)
        == interval(None)
        == points(None)
        == p_value(None)
        == score(None)
        == "undefined"
    )
    assert interval([0.5, None]) == points_interval([None, 1]) == "undefined"
    assert (points(0.0214), points(-0.0004), points(-0.021), points(0.06, signed=False)) == (
        "+2.1",
        "0.0",
        "-2.1",
        "6.0",
    )
    assert points_interval([-0.021, 0.043]) == "-2.1 to +4.3"
    assert score({"value": 0.7666, "ci": [0.7161, 0.811]}) == "0.767 [0.72, 0.81]"
    assert score({"value": 0.7666, "ci": None}) == "0.767 [undefined]"
    assert (p_value(0.0496), p_value(0.0504), p_value(0.0004), p_value(1)) == (
        "0.0496",
        "0.0504",
        "< 0.001",
        "1.000",
    )
    assert escaped("a|b <c>\n& d") == "a\\|b &lt;c&gt; &amp; d"


@pytest.mark.parametrize(("apart", "said"), [(0.12, False), (0.31, True), (None, False)])
def test_restless_trainings_are_a_limit(apart: float | None, said: bool):
    study = trial_study()
    study["comparisons"]["synthetic"]["seeds_disagree"] = apart
    found = " ".join(limits(study))
    assert ("disagree on up to 31 % of the images" in found) is said
    assert ("restless" in found) is said
