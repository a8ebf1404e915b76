"""What a study can answer of CLAIM 2024 and TRIPOD+AI; what its fields do not hold is left to the authors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fewray.report.fields import (
    cohort,
    detectable,
    earlier,
    every,
    kept_split,
    patients_known,
    shape,
    units,
)
from fewray.report.methods import NETWORKS, averaged, unseen
from fewray.report.text import count, listed, score

AUTHORS = "to be filled by the authors"
DISJOINT = {
    "all": "disjoint by patient, hash, resized or re-encoded copy",
    "some": "disjoint by patient where one is named, by hash, resized or re-encoded copy",
    "none": "disjoint by hash, resized or re-encoded copy; no patient is known, so not by patient",
}


def claim_items(study: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (item, what the study says or :data:`AUTHORS`), items of CLAIM 2024 and TRIPOD+AI by topic, not number."""
    data, (k, repeats), arms = study["data"], shape(study), study["arms"]
    options = study.get("options") or {}
    counts = ", ".join(f"{label} {data['counts'].get(label, 0)}" for label in data["classes"])
    classifier = options.get("classifier") or {}
    size = classifier.get("image_size")
    extra = [*(study.get("sensitivity") or {}), *(study.get("subsets") or {})]
    reference = arms.get(study["reference"]) or {}
    chosen = options.get("select")
    taken = listed(sorted({str(row["chosen"]) for row in study.get("chosen") or []}))
    choice = (
        f"{chosen}: on an inner split of each fold's training images, then refitted; taken: {taken}"
    )
    choice = choice if chosen else "nothing was chosen on these data"
    choice = "; ".join([choice, *(said[0].lower() + said[1:] for said in earlier(study))])
    versions = (study.get("provenance") or {}).get("versions") or {}
    return [
        ("Study aim", f"does an augmentation arm change a classifier's accuracy; reference {study['reference']}"),
        ("Source of data", f"{data['name']}; sha256 of its table {_hash(data.get('sha256'))}"),
        ("SelectedConfig, dates, eligibility", AUTHORS),
        ("Ethics, de-identification", AUTHORS),
        ("Reference standard, annotators", AUTHORS),
        ("Participants", f"{cohort(data)}: {counts}"),
        ("Demographics, fairness between groups", AUTHORS),
        ("Missing data", AUTHORS),
        ("Preprocessing", f"grey, {size} x {size} pixels, {classifier.get('fit', 'fit undefined')}" if size else AUTHORS),
        ("Data repeats", f"{k} folds, {count(repeats, 'repeat')}; {DISJOINT[patients_known(data)]}"),
        ("Class imbalance", f"folds stratified by class; {counts}"),
        ("Sample size", f"not planned by fewray; smallest difference seen with 80 % power: {detectable(study)}"),
        ("Model", NETWORKS.get(classifier.get("network", ""), str(classifier.get("network") or AUTHORS))),
        ("Training", f"{count(len(arms), 'arm')}, {_steps(arms)}, {count(len(study['seeds']), 'seed')}"),
        ("Selection of model or settings", choice if "select" in options else AUTHORS),
        ("Measures of performance", "accuracy, balanced accuracy, AUROC, Brier, calibration error; by class: sensitivity, "
         "specificity, PPV, F1, AUROC; 95 % intervals"),
        ("Statistical comparison", f"paired over {units(data)}, seeds averaged first; two-way clustered variance, Student's t; Holm over "
         "arms"),
        ("Robustness, sensitivity analyses", listed(extra) if extra else "none"),
        ("External evaluation", _external(study)),
        ("Calibration", f"arm {study['reference']}: calibration error {score(reference.get('calibration_error'))}, "
         f"Brier {score(reference.get('brier'))}"),
        ("Analysis of failures", f"confusion matrices are in the report; reading of single images: {AUTHORS}"),
        ("Explainability", f"shortcut audit (what is told from {unseen(study)}); no saliency maps"
         if study.get("audit") else AUTHORS),
        ("Limitations", f"listed in the report; clinical ones: {AUTHORS}"),
        ("Software and code", f"fewray {versions.get('fewray', 'undefined')}; options in the report"),
        ("Registration, protocol", AUTHORS),
        ("Data availability", AUTHORS),
        ("Funding, conflicts of interest", AUTHORS),
        ("Patient and public involvement", AUTHORS),
    ]  # fmt: skip


def _external(study: Mapping[str, Any]) -> str:
    found = study.get("external")
    if not found:
        return "none"
    what = "none; its own test split, kept apart: " if kept_split(study) else ""
    return f"{what}{found['name']}, {count(found['rows'], 'image')}, predicted {averaged(found)}"


def _steps(arms: Mapping[str, Any]) -> str:
    steps = every(arms, "steps")
    return (
        "optimiser steps differ between arms" if steps is None else f"{steps} optimiser steps each"
    )


def _hash(value: Any) -> str:
    return value[:16] if isinstance(value, str) else "undefined"
