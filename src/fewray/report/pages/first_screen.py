"""The first screen of a cross-validation study: verdict, external result, caveats, images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fewray.report.blocks import Strip
from fewray.report.page import Warned
from fewray.report.pages.run_images import ClassImages, addresses, tiles
from fewray.report.phrases import external_kind
from fewray.report.text import (
    count,
    listed,
    named_class,
    percent,
    points,
    points_interval,
    sentence,
)
from fewray.results.crossval import CrossvalStudy
from fewray.results.headings import heading
from fewray.results.names import arm_name
from fewray.results.scores import StudyWarning

TILES = 8
"""Images per class and side of the strip."""
NO_GENERATOR = "No generator was trained, so this study says nothing about synthetic images."
EVIDENCE = {
    "phantom_data": "folds",
    "identified_without_lungs": "audit",
    "simple_models_near_best_arm": "audit",
    "negative_control_helps": "comparisons",
    "patients_unknown": "folds",
    "external_patients_unknown": "external",
    "external_patients_merged": "external",
    "made_of_training_images": "images",
    "generator_not_finished": "generators",
    "quality_not_measured": "quality",
    "split_leaks": "data",
    "class_mix": "quality",
}
"""By code of a warning: the section with its evidence."""
PHANTOM = (
    "The images are computer-generated phantoms, not X-rays of patients. This report "
    "demonstrates the method; its results are not findings."
)


MEANING = {
    "identified_without_lungs": "The classifiers may recognise where an image comes from instead "
    "of the disease."
}
"""By code of a warning: what it means for the reader."""


def warned(warning: StudyWarning) -> Warned:
    """Return a warning with its label and the place of its evidence; others point to the limits."""
    text = " ".join(filter(None, (warning.text, MEANING.get(warning.code))))
    return Warned.of(text, heading(warning.code), EVIDENCE.get(warning.code, "limits"))


def verdict(study: CrossvalStudy) -> list[str]:
    """Return the verdicts; a study without generators says so."""
    found = [sentence(each.text) for each in study.conclusion.verdicts]
    return found if study.generators else [*found, NO_GENERATOR]


def external_sentence(study: CrossvalStudy) -> str:
    """Return what was found on the external set, with paired differences; empty without one."""
    if (external := study.external) is None:
        return ""
    arms = [each.arm for each in study.conclusion.verdicts]
    scores = [
        f"{percent(accuracy.value, 1)} with {arm_name(arm)}"
        for arm in (study.reference, *arms)
        if (accuracy := external.accuracy.get(arm)) and accuracy.value is not None
    ]
    kind = external_kind(external)
    text = (
        f"Accuracy on the {kind} ({external.name}, {count(external.images, 'image')}): "
        f"{listed(scores)}."
    )
    pairs = [
        f"{arm_name(arm)} {points(found.difference)} points (95% CI {points_interval(found.ci)})"
        for arm in arms
        if (found := external.comparisons.get(arm))
    ]
    if pairs:
        text += f" Paired difference from {arm_name(study.reference)}: {'; '.join(pairs)}."
    return text


def strips(
    study: CrossvalStudy, found: Mapping[str, ClassImages], folders: Mapping[str, Path]
) -> list[Strip]:
    """Return real and synthetic images of each class side by side; none without images.

    They are those of the first fold (``found``), or the first of the sample grids that training
    wrote into ``folders``.
    """
    made, size = [], study.options.gan.image_size
    for label in study.data.classes:
        name = named_class(study.data, label)
        if images := found.get(name):
            sides = images.real[:TILES], images.synthetic[:TILES]
        elif (folder := folders.get(name)) and (grids := sorted(folder.glob("fakes-*.png"))):
            sides = tiles(folder / "reals.png", size, TILES), tiles(grids[-1], size, TILES)
        else:
            continue
        if all(map(len, sides)):
            real, synthetic = map(addresses, sides)
            made.append(Strip(name, real, synthetic, memorised(study, label)))
    return made


def images_note(origin: str) -> str:
    """Return what the images are: the first ones, not chosen, and real ones are training images."""
    note = (
        "The first images of each class, not chosen. Memorised: synthetic images that copy a "
        "training image. "
    )
    if origin == "phantom":
        return f"{note}Real: computer-generated phantoms."
    return f"{note}Real images are training images: share this page only where they may be shared."


def memorised_sentence(study: CrossvalStudy) -> str:
    """Return how many synthetic images were copies of training images; empty if not searched."""
    if not study.rejected_copies:
        return ""
    rejected = sum(copies.rejected for copies in study.rejected_copies.values())
    drawn = rejected + sum(copies.kept for copies in study.rejected_copies.values())
    replaced = " and were replaced" if rejected else ""
    return f"Memorised: {rejected} of {drawn} synthetic images copy a training image{replaced}."


def memorised(study: CrossvalStudy, label: str) -> str:
    """Return "memorised: 3 of 210": images rejected as copies, of all that were drawn."""
    if not study.rejected_copies or label not in study.rejected_copies:
        return "memorised: not checked"
    copies = study.rejected_copies[label]
    replaced = ", replaced" if copies.rejected else ""
    return f"memorised: {copies.rejected} of {copies.kept + copies.rejected}{replaced}"
