"""What the fields of a trial's study.json (schema 3) hold, read in one way by all its pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fewray.report.text import count, listed, points

CHEST = "covid4"
"""The named data set whose images are known to be chest films."""


def accuracies(arm: Mapping[str, Any], key: str) -> list[float | None]:
    """Return an arm's accuracies ``by_seed``, or ``by_fold``: those of the first repeat's folds, then the next one's."""
    found = arm["accuracy"].get(key) or []
    return [value for part in found for value in (part if isinstance(part, list) else [part])]


def shape(study: Mapping[str, Any]) -> tuple[int, int]:
    """Return the number of folds in a repeat and the number of repeats."""
    folds = study.get("folds") or []
    repeats = {fold["repeat"] for fold in folds}
    return (len(folds) // len(repeats) if repeats else 0), len(repeats)


def every(arms: Mapping[str, Any], key: str) -> Any:
    """Return the value that all arms share, or None where they differ."""
    values = [arm.get(key) for arm in arms.values()]
    return values[0] if values and all(value == values[0] for value in values) else None


def patients_known(data: Mapping[str, Any]) -> str:
    """Return of how many images the patient is known: ``all``, ``some``, ``none``; from the warnings of older studies."""
    if found := data.get("patients_known"):
        return found
    warnings = " ".join(map(str, data.get("warnings") or []))
    return (
        "none"
        if "no patients are known" in warnings
        else "some"
        if "name no patient" in warnings
        else "all"
    )


def cohort(data: Mapping[str, Any]) -> str:
    """Return "306 images of 288 patients", or what takes the place of the patients that are not known."""
    images, known = count(data["rows"], "image"), patients_known(data)
    if known == "none":
        return f"{images}, each counted as a patient of its own (none is known)"
    rest = ", images that name none counted as patients of their own" if known == "some" else ""
    return f"{images} of {count(data['groups'], 'patient')}{rest}"


def folding(study: Mapping[str, Any]) -> str:
    """Return "4 folds grouped by patient, 1 repeat"."""
    k, repeats = shape(study)
    grouped = {
        "all": " grouped by patient",
        "some": " grouped by patient where one is named",
        "none": "",
    }
    return f"{count(k, 'fold')}{grouped[patients_known(study['data'])]}, {count(repeats, 'repeat')}"


def units(data: Mapping[str, Any]) -> str:
    """Return over what differences are paired: patients, or images where no patient is known."""
    return "images" if patients_known(data) == "none" else "patients"


def counted(data: Mapping[str, Any]) -> tuple[str, str]:
    """Return what the groups of a fold are called, and what images that look alike count as.

    ``("patients", "one patient")``; where no patient is known, a group is an image with its copies.
    """
    none = patients_known(data) == "none"
    return ("images without copies", "one image") if none else ("patients", "one patient")


def is_chest(data: Mapping[str, Any]) -> bool:
    """Whether the images are known to show the chest: those of covid4 and the phantoms."""
    return data.get("origin") == "phantom" or data.get("name") == CHEST


def title(study: Mapping[str, Any]) -> str:
    """Return the question that the arms ask."""
    asked = (
        "synthetic augmentation"
        if any("synthetic" in arm for arm in study["arms"])
        else "augmentation"
    )
    return f"Does {asked} help on {study['data']['name']}?"


def external_title(study: Mapping[str, Any]) -> str:
    """Return what the external set is: a set from elsewhere, or the data set's own test split."""
    return "Kept test split" if kept_split(study) else "External test set"


def kept_split(study: Mapping[str, Any]) -> bool:
    """Whether what is called external is the data set's own test split; older studies say so in their options alone."""
    external = study.get("external") or {}
    return bool(
        external and external.get("kept_split", (study.get("options") or {}).get("keep_test"))
    )


def rejected(study: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return by class how many images were kept and how many rejected as copies, or None where none were searched."""
    searched = (study.get("options") or {}).get(
        "copy_percentile"
    ) != 0  # older studies counted without a search
    return (study.get("rejected") or None) if searched else None


def earlier(study: Mapping[str, Any]) -> list[str]:
    """Return one sentence on the studies finished before in the same folder where they asked otherwise, or none."""
    then = [said for each in study.get("earlier") or [] if (said := _asked(each, study))]
    if not then:
        return []
    studies, whose = ("An earlier study", "its") if len(then) == 1 else ("Earlier studies", "their")
    return [
        f"{studies} in this folder had {'; then '.join(then)}; {whose} results were there when this one was run"
    ]


def reference_named(study: Mapping[str, Any]) -> str:
    """Return "the reference named before", or "the reference" where an earlier study in the folder had another."""
    other = any(each.get("reference") != study["reference"] for each in study.get("earlier") or [])
    return "the reference" if other else "the reference named before"


def _asked(then: Mapping[str, Any], study: Mapping[str, Any]) -> str:
    """Return what another study asked that ``study`` does not: "2 seeds, the reference none"."""
    said = []
    if then["seeds"] != len(study["seeds"]):
        said.append(count(then["seeds"], "seed"))
    if then["reference"] != study["reference"]:
        said.append(f"the reference {then['reference']}")
    if set(then["arms"]) != set(study["arms"]):
        said.append(f"the arms {listed(then['arms'])}")
    return ", ".join(said)


def detectable(study: Mapping[str, Any]) -> str:
    """Return the range over arms of the smallest difference seen, after Holm's correction and without it.

    "6.0 to 8.2 points, by arm (as the first in Holm's order; without correction 4.5 to 6.1 points, by arm)".
    """
    corrected, plain = (
        _range(study, key) for key in ("minimal_detectable_holm", "minimal_detectable")
    )
    both = f"{corrected} (as the first in Holm's order; without correction {plain})"
    return corrected if corrected == plain else both


def _range(study: Mapping[str, Any], key: str) -> str:
    found = [c.get(key) for c in (study.get("comparisons") or {}).values()]
    there = [value for value in found if value is not None]
    if not there:
        return "undefined"
    low, high = (points(value, signed=False) for value in (min(there), max(there)))
    return f"{low} points" if low == high else f"{low} to {high} points, by arm"
