"""Selected items of CLAIM 2024 and TRIPOD+AI, filled in as far as a study holds the information."""

from __future__ import annotations

from fewray.report.limits import limits
from fewray.report.methods import DUPLICATE, NETWORKS
from fewray.report.phrases import (
    audit_view,
    class_counts,
    cohort,
    detectable,
    earlier,
    external_kind,
    splits,
    subset_name,
    units,
    variance,
)
from fewray.report.text import count, estimate, listed, spelled
from fewray.results.crossval import CrossvalStudy
from fewray.results.names import arm_name

AUTHORS = "to be completed by the authors"
FITS = {"pad": "padded to a square", "squash": "squashed to a square"}


def claim_items(study: CrossvalStudy) -> list[tuple[str, str]]:
    """Return (item, what the study reports or :data:`AUTHORS`), by topic."""
    data, options, arms = study.data, study.options, study.arms
    classifier, size = options.classifier, options.classifier.image_size
    reference = arms[study.reference]
    patient = {"all": "patient and no ", "some": "identified patient and no ", "none": ""}[
        data.patients_known
    ]
    other = "" if study.reference == "no_augmentation" else "other forms of "
    change = "change" if other else "changes"
    analyses = [*study.sensitivity, *(subset_name(study, name) for name in study.subsets)]
    selection = "none based on these data"
    if study.selections:
        taken = listed(sorted({row.selected for row in study.selections}))
        selection = (
            f"{options.select}: selected on an inner split of each fold's training images, then "
            f"refitted; selected: {taken}"
        )
    n = len(study.comparisons)
    holm = f"Holm correction for {spelled(n, 'comparison')}" if n > 1 else "one comparison"
    steps = sorted({arm.steps for arm in arms.values()})
    return [
        ("Study aim", f"to determine whether {other}augmentation {change} classifier accuracy "
         f"relative to {arm_name(study.reference)}"),
        ("Source of data", f"data set `{data.name}`; SHA-256 of its image list starts with "
         f"{data.sha256[:16]}"),
        ("Setting, dates, eligibility", AUTHORS),
        ("Ethics, de-identification", AUTHORS),
        ("Reference standard, annotators", AUTHORS),
        ("Participants", f"{cohort(data)}: {class_counts(data)}"),
        ("Demographics, fairness across groups", AUTHORS),
        ("Missing data", AUTHORS),
        ("Preprocessing", f"greyscale, {FITS[classifier.fit]}, resized to {size} × {size} pixels"),
        ("Data partitions", f"{splits(study)}; no {patient}{DUPLICATE} "
         "appears in more than one fold"),
        ("Class imbalance", "folds stratified by class"),
        ("Sample size", "no prior sample-size calculation; smallest difference detectable with "
         f"80% power: {detectable(study)}"),
        ("Model", NETWORKS[classifier.network]),
        ("Training", f"{spelled(len(arms), 'arm')}, {' or '.join(map(str, steps))} optimiser steps "
         f"each, {spelled(len(study.seeds), 'classifier seed')}"),
        ("Selection of model or settings", ". ".join([selection, *earlier(study)])),
        ("Performance measures", "accuracy, balanced accuracy, AUROC, Brier score, calibration "
         "error; per class: sensitivity, specificity, PPV, F1, AUROC; 95% confidence intervals"),
        ("Statistical comparison", f"paired by {units(data)} after averaging over seeds; "
         f"{variance(study)}; Student's t; {holm}"),
        ("Robustness, sensitivity analyses", '; '.join(analyses) or 'none'),
        ("External evaluation", _external(study)),
        ("Calibration", f"{arm_name(study.reference)}: calibration error "
         f"{estimate(reference.calibration_error)}, Brier score {estimate(reference.brier)}"),
        ("Failure analysis", "confusion matrices included; review of individual errors "
         f"{AUTHORS}"),
        ("Explainability", f"shortcut audit (what can be predicted with {audit_view(data)}); no "
         "saliency maps"),
        ("Limitations", f"{count(len(limits(study)), 'limitation')} listed in the report; clinical "
         f"limitations {AUTHORS}"),
        ("Software and code", f"fewray {study.provenance.versions.get('fewray', 'undefined')}; "
         "options in the report"),
        ("Registration, protocol", AUTHORS),
        ("Data availability", AUTHORS),
        ("Funding, conflicts of interest", AUTHORS),
        ("Patient and public involvement", AUTHORS),
    ]  # fmt: skip


def _external(study: CrossvalStudy) -> str:
    found = study.external
    if found is None:
        return "none"
    return f"{external_kind(found)}: {found.name}, {count(found.images, 'image')}"
