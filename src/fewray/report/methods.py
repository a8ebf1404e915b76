"""The trial in sentences: a methods paragraph ready to paste. Only what the study's fields hold is said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fewray.report.fields import (
    cohort,
    counted,
    detectable,
    earlier,
    every,
    is_chest,
    kept_split,
    patients_known,
    reference_named,
    rejected,
    shape,
    units,
)
from fewray.report.text import count, listed, number, sentence

NETWORKS = {
    "paper": "the three-block CNN of the published protocol",
    "resnet": "a small residual network",
}

COPY = "no byte-equal, resized or re-encoded copy of an image"
UNSOUGHT = "Mirrored, turned, cropped or inverted copies"
"""Of an image, what would be found in train and test, and what would not."""


def methods_paragraph(study: Mapping[str, Any]) -> str:
    """Return one paragraph of plain English on how the trial was done, true to ``study`` (schema 3)."""
    parts = (
        _folds,
        _arms,
        _added,
        _generators,
        _chosen,
        _comparison,
        _scores,
        _beside,
        _audit,
        _software,
    )
    return " ".join(sentence(text) for part in parts for text in part(study))


def _folds(study: Mapping[str, Any]) -> list[str]:
    data, (k, repeats) = study["data"], shape(study)
    what = (
        "drawn phantom films; "
        if data.get("origin") == "phantom"
        else "chest films; "
        if is_chest(data)
        else ""
    )
    counts = listed([f"{label} {data['counts'].get(label, 0)}" for label in data["classes"]])
    how = {
        "all": " and grouped by patient",
        "some": " and grouped by patient where one is named",
        "none": ", image by image, since no patient is known",
    }
    apart = {
        "all": f"No patient and {COPY} was found on both sides of a fold",
        "some": f"No named patient and {COPY} was found on both sides of a fold; of images that name no patient it is not "
        "known whether one patient was on both sides",
        "none": f"N{COPY[1:]} was found on both sides of a fold; whether a patient was is not known",
    }
    known = patients_known(data)
    text = [
        f"The data were {cohort(data)}, from {data['name']} ({what}{counts})",
        f"They were split into {k} folds, stratified by class{how[known]} (StratifiedGroupKFold)"
        + ("" if repeats <= 1 else f", repeated over {repeats} repeats"),
        apart[known],
        f"{UNSOUGHT} were not looked for",
    ]
    if joined := study.get("joined_groups"):
        text.append(
            f"{count(len(joined), 'pair')} counted as {counted(data)[1]}, since images of theirs look alike or are equal"
        )
    return text


def _arms(study: Mapping[str, Any]) -> list[str]:
    arms, classifier = study["arms"], (study.get("options") or {}).get("classifier") or {}
    network = classifier.get("network")
    named = NETWORKS.get(network, f"the network {network}") if network else "the same network"
    size = (
        f" on {classifier['image_size']} x {classifier['image_size']} pixels"
        if classifier.get("image_size")
        else ""
    )
    batch = f" of {classifier['batch_size']} images" if classifier.get("batch_size") else ""
    rate = (
        classifier.get("learning_rate") if network == "paper" else None
    )  # other networks have their own
    step = (
        f" (SGD, learning rate {rate:g}, Nesterov momentum {classifier.get('momentum') or 0:g})"
        if rate
        else ""
    )
    steps = every(arms, "steps")
    budget = (
        f"All arms had the same real training images, {steps} optimiser steps{batch}{step} and the same seeds"
        if steps is not None
        else "Optimiser steps differed between arms: "
        + listed([f"{name} {arm.get('steps') or 'undefined'}" for name, arm in arms.items()])
    )
    return [
        f"In each fold a classifier ({named}{size}) was trained in {count(len(arms), 'arm')}: "
        + "; ".join(
            f"{name} ({arm['description']})" if arm.get("description") else name
            for name, arm in arms.items()
        ),
        budget,
        f"Each was trained with {count(len(study['seeds']), 'random seed')} a fold; test images were predicted once by each",
    ]


def _added(study: Mapping[str, Any]) -> list[str]:
    """Say the classic arm's strengths and the ratio."""
    arms, options = study["arms"], study.get("options") or {}
    text = []
    if any("classic" in arm for arm in arms) and (classic := options.get("classic")):
        beside = (
            f": {options['augmented_copies']} versions beside every image, which count as one with it"
            if options.get("augmented_copies")
            else ""
        )
        text.append(f"Classic augmentation{beside}; {augmentation(classic)}")
    added = [arm for arm in arms if "synthetic" in arm or arm in ("pca", "shuffled")]
    if added and options.get("ratio") is not None:
        chosen = "; the synthetic arms' was chosen" if options.get("select") == "ratio" else ""
        text.append(
            f"Images added per real one of the class in {listed(added)}: {options['ratio']:g}{chosen}"
        )
    return text


def augmentation(classic: Mapping[str, Any]) -> str:
    """Return an augmentation's strengths in words, from its options; operations that do nothing are left out."""

    def often(name: str) -> str:
        repeats = classic.get(f"{name}_repeats", 1)
        return "" if repeats == 1 else f" ({repeats} times over)"

    done = [
        (classic["rotation_repeats"] and classic["rotation_degrees"],
         f"turned by up to {classic['rotation_degrees']:g} degrees{often('rotation')}"),
        (classic["translation_repeats"] and classic["translation"],
         f"shifted by up to {100 * classic['translation']:g} % of each side{often('translation')}"),
        (classic["scale_repeats"], f"scaled by {classic['scale_low']:g} to {classic['scale_high']:g}{often('scale')}"),
        (classic["intensity"], f"brightness and contrast changed by up to {100 * classic['intensity']:g} %"),
        (True, f"mirrored{often('flip')}" if classic["flip_repeats"] else "never mirrored"),
    ]  # fmt: skip
    return f"{', '.join(words for there, words in done if there)}; each change with probability {classic['p']:g}"


def _generators(study: Mapping[str, Any]) -> list[str]:
    generators, options = study.get("generators"), study.get("options") or {}
    if not generators:
        return ["No generator was trained"]
    recipes = " or ".join(
        dict.fromkeys(str(g.get("recipe") or "undefined") for g in generators.values())
    )
    steps = sorted({g["steps"] for g in generators.values() if g.get("steps") is not None})
    length = "a number of steps that is undefined" if not steps else f"{steps[0]:.0f}"
    length += "" if len(steps) < 2 else f" to {steps[-1]:.0f}"
    length += " steps" if steps else ""
    text = [
        f"Generators (recipe {recipes}; one a class, {length}) were trained inside each fold on its training rows alone"
    ]
    if found := rejected(study):
        gone = sum(facts.get("rejected") or 0 for facts in found.values())
        kept = sum(facts.get("kept") or 0 for facts in found.values())
        share = options.get("copy_percentile")
        bar = (
            f": those nearer to one than the nearest {share:g} % of real images held out"
            if share
            else ""
        )
        text.append(
            f"Synthetic images that copied a training image were replaced{bar} ({gone} rejected, {kept} kept)"
        )
    else:
        text.append("Synthetic images were not searched for copies of training images")
    return text


def _chosen(study: Mapping[str, Any]) -> list[str]:
    rows, what = study.get("chosen") or [], (study.get("options") or {}).get("select")
    if not rows or not what:
        return []
    several = len({row["repeat"] for row in rows}) > 1
    places = [
        f"repeat {row['repeat']} fold {row['fold']}" if several else f"fold {row['fold']}"
        for row in rows
    ]
    same = len({row["chosen"] for row in rows}) == 1
    found = (
        f"{rows[0]['chosen']} in every fold"
        if same
        else listed(
            [f"{row['chosen']} in {place}" for row, place in zip(rows, places, strict=True)]
        )
    )
    among = listed(list(rows[0].get("accuracies") or {}))
    return [
        f"The {what} was chosen among {among} in each fold, by the accuracy of classic+synthetic on an inner split of its "
        f"training images alone: {found}"
    ]


def _comparison(study: Mapping[str, Any]) -> list[str]:
    comparisons, reference, of = (
        study.get("comparisons") or {},
        study["reference"],
        units(study["data"]),
    )
    if not comparisons:
        return ["No arm was compared with another"]
    ways = (
        f"clustered two ways, over {of} and over trainings"
        if len(study["seeds"]) > 1
        else (f"clustered over {of} alone, since one seed does not show how trainings scatter")
    )
    return [
        f"The outcome was the paired difference in out-of-fold accuracy between each arm and {reference}, "
        f"{reference_named(study)}, over {of}, after averaging over seeds",
        *earlier(study),
        f"One rule gave interval (95 %), p and verdict: variance {ways} "
        "(Cameron, Gelbach & Miller 2011), Student's t with Satterthwaite's degrees of freedom (docs/crossval.md of fewray)",
        f"p was corrected by Holm's method over {count(len(comparisons), 'comparison')}, at 0.05; intervals were not corrected",
        "Intervals and p are conditional on the generators trained" if study.get("generators") else
        "Intervals and p are conditional on the images added",
        f"The smallest difference this design sees with 80 % power is {detectable(study)}",
        "Exact McNemar and Nadeau-Bengio corrected t tests are descriptive",
    ]  # fmt: skip


def _scores(study: Mapping[str, Any]) -> list[str]:
    how = study.get("score_intervals") or {}
    draws = f", {how['draws']} draws" if how.get("draws") else ""
    trainings = (
        "and, over trainings, the score's variance divided by their number"
        if len(study["seeds"]) * shape(study)[1] > 1
        else "conditional on the trained networks"
    )
    return [
        f"Intervals of scores (95 %) are Wilson's, with the number that the score's variance is worth and Student's t, "
        f"symmetric for the calibration error; the variance is that of a bootstrap of {units(study['data'])}{draws}, {trainings}"
    ]


def _beside(study: Mapping[str, Any]) -> list[str]:
    """Say what was analysed beside the primary design: descriptive pairs, sensitivity analyses, subsets, an external set."""
    text = []
    if pairs := study.get("descriptive"):
        text.append(f"Compared without a verdict: {listed(list(pairs))}")
    if analyses := study.get("sensitivity"):
        named = "; ".join(
            f"{n} ({b['description']})" if b.get("description") else n for n, b in analyses.items()
        )
        text.append(
            f"Sensitivity analyses, not corrected for their number and without a verdict: {named}"
        )
    if subsets := study.get("subsets"):
        text.append(
            f"The same predictions were scored on some classes only: {listed(list(subsets))}"
        )
    if external := study.get("external"):
        what = "the data set's own test split" if kept_split(study) else "an external set"
        text.append(
            f"{external['name']}, {count(external['rows'], 'image')}, {what}, was only predicted: {averaged(external)}"
        )
    return text


def averaged(external: Mapping[str, Any]) -> str:
    """Return how an external set is predicted, and what its accuracy may not be compared with."""
    many = f" {external['networks']}" if external.get("networks") else ""
    return (
        f"by the mean probability of all{many} folds' networks of a seed, so that its accuracies are not comparable with the "
        "out-of-fold ones, which are of single networks"
    )


def _audit(study: Mapping[str, Any]) -> list[str]:
    models = (study.get("audit") or {}).get("models") or {}
    if not models:
        return []
    figures = listed([f"{name} {number(model.get('accuracy'))}" for name, model in models.items()])
    return [
        f"A shortcut audit fitted models that see {unseen(study)} in the same folds; their accuracy: {figures}"
    ]


def unseen(study: Mapping[str, Any]) -> str:
    """Return what the models of the shortcut audit do not see."""
    return f"little or nothing of {'the lungs' if is_chest(study['data']) else 'the middle of the image'}"


def _software(study: Mapping[str, Any]) -> list[str]:
    about = study.get("provenance") or {}
    versions = about.get("versions") or {}
    named = listed(
        [
            f"{name} {versions[name]}"
            for name in ("fewray", "torch", "scikit-learn")
            if name in versions
        ]
    )
    where = f" on {about.get('device') or 'undefined'} in {about.get('precision') or 'undefined'}"
    return [f"Software: {named}{where}, {count(about.get('threads'), 'thread')} a training"]
