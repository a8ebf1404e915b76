"""The trial in sentences: a methods paragraph ready to paste, and what a study can answer of CLAIM 2024 and TRIPOD+AI.

Only what the study's fields hold is said; what they do not hold is left to the authors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fewray.report.text import count, listed, number, points, score, sentence

AUTHORS = "to be filled by the authors"
NETWORKS = {"paper": "the three-block CNN of the published protocol"}


def methods_paragraph(study: Mapping[str, Any]) -> str:
    """Return one paragraph of plain English on how the trial was done, true to ``study`` (schema 3)."""
    parts = (_folds(study), _arms(study), _generators(study), _comparison(study), _audit(study), _software(study))
    return " ".join(sentence(text) for part in parts for text in part)


def shape(study: Mapping[str, Any]) -> tuple[int, int]:
    """Return the number of folds in a partition and the number of partitions."""
    folds = study.get("folds") or []
    partitions = {fold["partition"] for fold in folds}
    return (len(folds) // len(partitions) if partitions else 0), len(partitions)


def every(arms: Mapping[str, Any], key: str) -> Any:
    """Return the value that all arms share, or None where they differ."""
    values = [arm.get(key) for arm in arms.values()]
    return values[0] if values and all(value == values[0] for value in values) else None


def _folds(study: Mapping[str, Any]) -> list[str]:
    data, (k, partitions) = study["data"], shape(study)
    what = "drawn phantom films" if data.get("origin") == "phantom" else "chest films"
    again = "" if partitions <= 1 else f", repeated over {partitions} partitions"
    counts = listed([f"{label} {data['counts'].get(label, 0)}" for label in data["classes"]])
    text = [
        f"{count(data['rows'], 'image')} ({what}; {counts}) of {count(data['groups'], 'patient')} from {data['name']} "
        f"were split into {k} folds, stratified by class and grouped by patient (StratifiedGroupKFold){again}",
        "No patient and no byte-equal or near-duplicate film was on both sides of a fold",
    ]
    if joined := study.get("joined_groups"):
        text.append(f"Patients joined, since films of theirs look alike or are equal: {count(len(joined), 'pair')}")
    return text


def _arms(study: Mapping[str, Any]) -> list[str]:
    arms, options = study["arms"], study.get("options") or {}
    classifier = options.get("classifier") or {}
    network = classifier.get("network")
    named = NETWORKS.get(network, f"the network {network}") if network else "the same network"
    size = f" on {classifier['image_size']} x {classifier['image_size']} pixels" if classifier.get("image_size") else ""
    batch = f" of {classifier['batch_size']} images" if classifier.get("batch_size") else ""
    steps = every(arms, "steps")
    budget = (
        f"All arms had the same real training films, {steps} optimiser steps{batch} and the same seeds"
        if steps is not None
        else "Optimiser steps differed between arms: "
        + listed([f"{name} {arm.get('steps') or 'undefined'}" for name, arm in arms.items()])
    )
    return [
        f"In each fold a classifier ({named}{size}) was trained in {count(len(arms), 'arm')}: "
        + "; ".join(f"{name} ({arm['description']})" if arm.get("description") else name for name, arm in arms.items()),
        budget,
        f"Each was trained with {count(len(study['seeds']), 'random seed')} a fold; test films were predicted once by each",
    ]


def _generators(study: Mapping[str, Any]) -> list[str]:
    generators = study.get("generators")
    if not generators:
        return ["No generator was trained"]
    recipes = listed(sorted({str(g.get("recipe") or "undefined") for g in generators.values()}))
    steps = sorted({g["steps"] for g in generators.values() if g.get("steps") is not None})
    length = "a number of steps that is undefined" if not steps else f"{steps[0]:.0f}"
    length += "" if len(steps) < 2 else f" to {steps[-1]:.0f}"
    length += " steps" if steps else ""
    text = [
        f"Generators (recipe {recipes}, one a class, {length}) were trained inside each fold on its training rows alone"
    ]
    if rejected := study.get("rejected"):
        gone = sum(facts.get("rejected") or 0 for facts in rejected.values())
        kept = sum(facts.get("kept") or 0 for facts in rejected.values())
        text.append(f"Synthetic images that copied a training film were replaced ({gone} rejected, {kept} kept)")
    return text


def _comparison(study: Mapping[str, Any]) -> list[str]:
    comparisons, reference = study.get("comparisons") or {}, study["reference"]
    if not comparisons:
        return ["No arm was compared with another"]
    return [
        f"The outcome was the paired difference in out-of-fold accuracy between each arm and {reference}, the reference "
        "named before, over patients, after averaging over seeds",
        f"One rule gave interval (95 %), p and verdict; p was corrected by Holm's method over "
        f"{count(len(comparisons), 'comparison')}, at 0.05",
        "Intervals and p are conditional on the generators trained" if study.get("generators") else
        "Intervals and p are conditional on the images added",
        f"The smallest difference this design sees with 80 % power is {detectable(study)}",
        "Exact McNemar and Nadeau-Bengio corrected t tests are descriptive",
    ]  # fmt: skip


def detectable(study: Mapping[str, Any]) -> str:
    """Return the range over arms of the minimal detectable difference: "5.5 to 7.3 points"."""
    found = [c.get("minimal_detectable") for c in (study.get("comparisons") or {}).values()]
    there = [value for value in found if value is not None]
    if not there:
        return "undefined"
    low, high = (points(value, signed=False) for value in (min(there), max(there)))
    return f"{low} points" if low == high else f"{low} to {high} points, by arm"


def _audit(study: Mapping[str, Any]) -> list[str]:
    models = (study.get("audit") or {}).get("models") or {}
    if not models:
        return []
    figures = listed([f"{name} {number(model.get('accuracy'))}" for name, model in models.items()])
    return [
        f"A shortcut audit fitted models that see little or nothing of the lungs in the same folds; their accuracy: {figures}"
    ]


def _software(study: Mapping[str, Any]) -> list[str]:
    about = study.get("provenance") or {}
    versions = about.get("versions") or {}
    named = listed([f"{name} {versions[name]}" for name in ("fewray", "torch", "scikit-learn") if name in versions])
    where = f" on {about.get('device') or 'undefined'} in {about.get('precision') or 'undefined'}"
    return [f"Software: {named}{where}, {count(about.get('threads'), 'thread')} a training"]


def claim_items(study: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (item, what the study says or :data:`AUTHORS`), items of CLAIM 2024 and TRIPOD+AI by topic, not number."""
    data, (k, partitions), arms = study["data"], shape(study), study["arms"]
    options = study.get("options") or {}
    counts = ", ".join(f"{label} {data['counts'].get(label, 0)}" for label in data["classes"])
    classifier, external = options.get("classifier") or {}, study.get("external")
    size = classifier.get("image_size")
    extra = [*(study.get("sensitivity") or {}), *(study.get("subsets") or {})]
    reference = arms.get(study["reference"]) or {}
    chosen = options.get("choose")
    choice = f"{chosen}: on an inner grouped split, then refitted" if chosen else "nothing was chosen on these data"
    versions = (study.get("provenance") or {}).get("versions") or {}
    return [
        ("Study aim", f"does an augmentation arm change a classifier's accuracy; reference {study['reference']}"),
        ("Source of data", f"{data['name']}; sha256 of its table {_hash(data.get('sha256'))}"),
        ("Setting, dates, eligibility", AUTHORS),
        ("Ethics, de-identification", AUTHORS),
        ("Reference standard, annotators", AUTHORS),
        ("Participants", f"{count(data['rows'], 'image')}, {count(data['groups'], 'patient')}: {counts}"),
        ("Demographics, fairness between groups", AUTHORS),
        ("Missing data", AUTHORS),
        ("Preprocessing", f"grey, {size} x {size} pixels, {classifier.get('fit', 'fit undefined')}" if size else AUTHORS),
        ("Data partitions", f"{k} folds, {count(partitions, 'partition')}; disjoint by patient, hash, near-duplicate"),
        ("Class imbalance", f"folds stratified by class; {counts}"),
        ("Sample size", f"not planned by fewray; smallest difference seen with 80 % power: {detectable(study)}"),
        ("Model", NETWORKS.get(classifier.get("network", ""), str(classifier.get("network") or AUTHORS))),
        ("Training", f"{count(len(arms), 'arm')}, {_steps(arms)}, {count(len(study['seeds']), 'seed')}"),
        ("Selection of model or settings", choice if "choose" in options else AUTHORS),
        ("Measures of performance", "accuracy, balanced accuracy, AUROC, Brier, calibration error; by class: sensitivity, "
         "specificity, PPV, F1, AUROC; 95 % intervals"),
        ("Statistical comparison", "paired over patients, seeds averaged first; Holm over arms"),
        ("Robustness, sensitivity analyses", listed(extra) if extra else "none"),
        ("External evaluation", f"{external['name']}, {count(external['rows'], 'image')}" if external else "none"),
        ("Calibration", f"arm {study['reference']}: calibration error {score(reference.get('calibration_error'))}, "
         f"Brier {score(reference.get('brier'))}"),
        ("Analysis of failures", f"confusion matrices are in the report; reading of single films: {AUTHORS}"),
        ("Explainability", "shortcut audit (what is told from little or nothing of the lungs); no saliency maps"
         if study.get("audit") else AUTHORS),
        ("Limitations", f"listed in the report; clinical ones: {AUTHORS}"),
        ("Software and code", f"fewray {versions.get('fewray', 'undefined')}; options in the report"),
        ("Registration, protocol", AUTHORS),
        ("Data availability", AUTHORS),
        ("Funding, conflicts of interest", AUTHORS),
        ("Patient and public involvement", AUTHORS),
    ]  # fmt: skip


def _steps(arms: Mapping[str, Any]) -> str:
    steps = every(arms, "steps")
    return "optimiser steps differ between arms" if steps is None else f"{steps} optimiser steps each"


def _hash(value: Any) -> str:
    return value[:16] if isinstance(value, str) else "undefined"
