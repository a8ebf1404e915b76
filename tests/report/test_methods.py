"""The methods paragraph and the checklist say what the fields hold, and nothing else."""

from trial_study import trial_study

from fewray.report.limits import limits
from fewray.report.methods import AUTHORS, claim_items, methods_paragraph
from fewray.report.text import escaped, interval, number, p_value, points, points_interval, score


def test_the_paragraph_follows_the_fields():
    study = trial_study(partitions=3, seeds=5)
    text = methods_paragraph(study)
    for words in (
        "306 images",
        "288 patients",
        "covid 69, normal 79, pneumonia_bac 79 and pneumonia_vir 79",
        "4 folds, stratified by class and grouped by patient (StratifiedGroupKFold), repeated over 3 partitions",
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
    study["comparisons"] = {name: c | {"minimal_detectable": None} for name, c in study["comparisons"].items()}
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
    assert items["External evaluation"] == "invented other hospital, 120 images"
    assert "4 folds" in items["Data partitions"]
    chosen = dict(claim_items(study | {"external": None, "audit": None, "options": {"choose": "ratio"}}))
    assert chosen["Selection of model or settings"].startswith("ratio: on an inner")
    assert chosen["External evaluation"] == "none"
    assert chosen["Preprocessing"] == AUTHORS
    assert dict(claim_items(study | {"options": {}}))["Selection of model or settings"] == AUTHORS


def test_limits_depend_on_the_study():
    study = trial_study()
    found = " ".join(limits(study))
    assert "covid can be told by a shortcut" in found
    assert "One partition" in found
    assert "No external test set" not in found
    assert "phantoms" not in found
    study["data"] |= {"origin": "phantom", "groups": 306}
    found = " ".join(limits(study | {"external": None, "seeds": [0], "preset": "quick"}))
    for words in ("phantoms", "No external test set", "One classifier seed", "Preset quick", "patient of its own"):
        assert words in found


def test_numbers_are_shown_one_way():
    assert number(None) == interval(None) == points(None) == p_value(None) == score(None) == "undefined"
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
    assert (p_value(0.0496), p_value(0.0504), p_value(0.0004), p_value(1)) == ("0.0496", "0.0504", "< 0.001", "1.000")
    assert escaped("a|b <c>\n& d") == "a\\|b &lt;c&gt; &amp; d"
