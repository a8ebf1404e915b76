"""Phrases about a cross-validation study that its page, methods, limits and checklist share."""

from __future__ import annotations

from fewray.report.text import class_name, count, listed, points, spelled
from fewray.results.crossval import CrossvalStudy, DataSummary, EarlierStudy, External
from fewray.results.names import arm_name

CHEST = "covid4"
"""The named data set whose images are known to be chest radiographs."""


def title(study: CrossvalStudy) -> str:
    """Return the question that the study asks."""
    synthetic, name = any("synthetic" in arm for arm in study.arms), study.data.name
    return f"Does {'synthetic ' if synthetic else ''}augmentation help on the {name} data set?"


def is_chest(data: DataSummary) -> bool:
    """Return whether the images are known to show the chest."""
    return data.origin == "phantom" or data.name == CHEST


def image_noun(data: DataSummary) -> str:
    """Return what the images are, as a singular noun."""
    if data.origin == "phantom":
        return "computer-generated chest image"
    return "chest radiograph" if data.name == CHEST else "image"


def cohort(data: DataSummary, noun: str = "image", of: str = "from") -> str:
    """Return "306 images from 256 patients", or what is counted instead of unknown patients."""
    images = count(data.images, noun)
    if data.patients_known == "none":
        return f"{images} without patient IDs, each counted as a separate patient"
    patient = "simulated patient" if data.origin == "phantom" else "patient"
    return f"{images} {of} {count(data.patients, patient)}"


def class_counts(data: DataSummary) -> str:
    """Return "69 COVID-19, 79 normal"."""
    return ", ".join(f"{data.counts[label]} {class_name(data, label)}" for label in data.classes)


def folds_and_repeats(study: CrossvalStudy) -> tuple[int, int]:
    """Return the number of folds per repeat and the number of repeats."""
    repeats = len({fold.repeat for fold in study.folds})
    return (len(study.folds) // repeats if repeats else 0), repeats


def splits(study: CrossvalStudy) -> str:
    """Return "4-fold cross-validation grouped by patient, run once"."""
    k, repeats = folds_and_repeats(study)
    grouped = {"all": " grouped by patient", "some": " grouped by patient where known", "none": ""}[
        study.data.patients_known
    ]
    times = "run once" if repeats == 1 else f"repeated {spelled(repeats, 'time')} with new splits"
    return f"{k}-fold cross-validation{grouped}, {times}"


def units(data: DataSummary) -> str:
    """Return what differences are paired by: "patient", or "image" if no patient is known."""
    return "image" if data.patients_known == "none" else "patient"


def merged(study: CrossvalStudy) -> str:
    """Return why some patients were merged, or an empty text."""
    n, unit = len(study.merged_patients), units(study.data)
    if not n:
        return ""
    was = "was" if n == 1 else "were each"
    return (
        f"{spelled(n, 'pair')} of {unit}s {was} counted as a single {unit} "
        "because their images are identical or nearly so"
    )


def detectable(study: CrossvalStudy, one: str = "", several: str = "") -> str:
    """Return the range over arms of the smallest difference detectable with 80% power.

    It begins with the verb ``one`` ("is") or, if arms differ, ``several`` ("ranges").
    """
    if not study.comparisons:
        return "undefined"
    corrected, alone = (
        _range([getattr(found, key) for found in study.comparisons.values()])
        for key in ("minimal_detectable_holm", "minimal_detectable")
    )
    verb = one and f"{one} "
    if " to " in corrected:
        verb = several and f"{several} from "
    text = f"{verb}{corrected} percentage points"
    text += " across arms" if several and " to " in corrected else ""
    return text if corrected == alone else f"{text} after Holm correction ({alone} without it)"


def _range(found: list[float]) -> str:
    low, high = (points(value, signed=False) for value in (min(found), max(found)))
    return low if low == high else f"{low} to {high}"


def recipe_name(recipe: str, steps: str = "") -> str:
    """Return "`quick`: 16 epochs, 250 augmented images added per class" for a recipe's text.

    ``steps``, as "288 steps", follow the first change.
    """
    name, _, changes = recipe.partition(": ")
    first, _, rest = changes.partition(", ")
    found = ", ".join(filter(None, (first, steps, rest)))
    return f"`{name}`: {found}" if found else f"`{name}`"


def variance(study: CrossvalStudy) -> str:
    """Return how the variance of the differences was estimated."""
    unit = units(study.data)
    if len(study.seeds) > 1:
        return f"two-way cluster-robust variance, clustered by {unit} and by training run"
    return f"cluster-robust variance, clustered by {unit} only, because there was one seed"


def external_kind(external: External) -> str:
    """Return what the external set is."""
    return "test split of the same data set" if external.own_test_split else "external test set"


def subset_name(study: CrossvalStudy, name: str) -> str:
    """Return the display name of a subset: "without COVID-19", "normal and COVID-19"."""
    if name.startswith("without "):
        return f"without {class_name(study.data, name.removeprefix('without '))}"
    return listed([class_name(study.data, label) for label in name.split(":")])


def audit_view(data: DataSummary) -> str:
    """Return what the models of the shortcut audit see."""
    hidden = "the lungs" if is_chest(data) else "the middle of the image"
    return f"little or no view of {hidden}"


def earlier(study: CrossvalStudy) -> list[str]:
    """Return at most one sentence on earlier studies in the same folder with other options."""
    asked = [text for then in study.history if (text := _differences(then, study))]
    if not asked:
        return []
    if len(asked) == 1:
        return [f"An earlier study in this folder used {asked[0]}; its results were known."]
    return [f"Earlier studies in this folder used {'; then '.join(asked)}; results were known."]


def prespecified(study: CrossvalStudy) -> bool:
    """Return whether no earlier study in the folder used another reference."""
    return all(then.reference == study.reference for then in study.history)


def _differences(then: EarlierStudy, study: CrossvalStudy) -> str:
    found = []
    if then.seeds != len(study.seeds):
        found.append(spelled(then.seeds, "seed"))
    if then.reference != study.reference:
        found.append(f"{arm_name(then.reference)} as the reference")
    if set(then.arms) != set(study.arms):
        found.append(f"the arms {listed([arm_name(arm) for arm in then.arms])}")
    return ", ".join(found)
