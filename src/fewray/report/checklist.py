"""Items of four reporting guidelines in one table, filled in as far as a study holds them."""

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
from fewray.report.tables import Column, Table
from fewray.report.text import count, estimate, listed, spelled
from fewray.results.crossval import CrossvalStudy
from fewray.results.names import arm_name

AUTHORS = "to be completed by the authors"
FITS = {"pad": "padded to a square", "squash": "squashed to a square"}


def checklist_table(study: CrossvalStudy) -> Table:
    """Return all items in one table; those that only the authors know say so."""
    items = claim_items(study)
    blank = [topic for topic, reported in items if reported == AUTHORS]
    caption = (
        "Items of CLAIM 2024, TRIPOD+AI, STARD-AI and MI-CLAIM-GEN by topic: item numbers of the "
        "first two, sections of STARD-AI, parts of MI-CLAIM-GEN. The guidelines have further items "
        f"on the text of the paper. {len(blank)} of {len(items)} topics are blank and wait for the "
        f"authors: {'; '.join(blank)}."
    )
    columns = (
        Column("topic", wrap=True),
        Column("reported", wrap=True),
        *(Column(name, align="left") for name in ("CLAIM 2024", "TRIPOD+AI")),
        *(Column(name, align="left") for name in ("STARD-AI", "MI-CLAIM-GEN")),
    )
    rows = [
        (topic, reported, *places)
        for (topic, reported), (_, *places) in zip(items, TOPICS, strict=True)
    ]
    cites = ("claim2024", "tripodai2024", "stardai2025", "miclaimgen2024")
    return Table.of("", columns, rows, caption, cites=cites)


def claim_items(study: CrossvalStudy) -> list[tuple[str, str]]:
    """Return (topic, what the study reports or :data:`AUTHORS`), in the order of the guidelines."""
    topics = (topic for topic, *_ in TOPICS)
    return list(zip(topics, _reported(study), strict=True))


TOPICS: tuple[tuple[str, str, str, str, str], ...] = (
    ("Study aim", "4, 6", "4", "introduction", "study design"),
    ("Source of data", "7", "5a", "participants", "data and resources"),
    ("Setting, dates, eligibility", "5, 8", "5b, 6a, 6b", "participants", "study design"),
    ("Ethics, de-identification", "11", "17", "other information", "ethics"),
    ("Reference standard, annotators", "14 to 18", "8a to 8c", "test methods", "study design"),
    ("Participants", "35", "20a", "results: participants", "study design"),
    ("Demographics, fairness across groups", "36", "14, 20b", "results: participants",
     "examination"),
    ("Missing data", "12", "11", "analysis", "data and resources"),
    ("Image acquisition", "13", "9a, 9b", "test methods", "data and resources"),
    ("Preprocessing", "9", "7", "test methods", "data and resources"),
    ("Data partitions", "19, 20", "12a", "analysis", "data and resources"),
    ("Class imbalance", "10", "13", "analysis", "data and resources"),
    ("Sample size", "21", "10", "analysis", "study design"),
    ("Model", "22, 24", "12c, 22", "test methods", "optimisation"),
    ("Generators of synthetic images", "10, 22", "12c", "test methods", "optimisation"),
    ("Training", "25", "12c", "test methods", "optimisation"),
    ("Selection of model or settings", "26", "12c", "test methods", "optimisation"),
    ("Ensembling", "27", "12c", "test methods", "optimisation"),
    ("Performance measures", "28", "12e", "analysis", "evaluation"),
    ("Statistical comparison", "29", "12e", "analysis", "evaluation"),
    ("Robustness, sensitivity analyses", "30", "12e", "analysis", "evaluation"),
    ("Performance with uncertainty", "32, 37, 38", "23a", "results: test results", "evaluation"),
    ("External evaluation", "33", "23a", "results: test results", "evaluation"),
    ("Calibration", "28, 37", "12e, 23a", "results: test results", "evaluation"),
    ("Memorised training images", "30", "", "", "examination"),
    ("Failure analysis", "39", "23b", "results: test results", "examination"),
    ("Explainability", "31", "", "test methods", "examination"),
    ("Limitations", "40", "26", "discussion", "examination"),
    ("Intended use", "3, 41", "3a, 27a", "discussion", "study design"),
    ("Software and code", "23, 43", "18f", "other information", "reproducibility"),
    ("Registration, protocol", "34, 42", "18c, 18d", "other information", "reproducibility"),
    ("Data availability", "43", "18e", "other information", "reproducibility"),
    ("Funding, conflicts of interest", "44", "18a, 18b", "other information", "ethics"),
    ("Patient and public involvement", "", "19", "", "ethics"),
)  # fmt: skip
"""Topic, then where each guideline asks for it: items of CLAIM 2024 (Tejani et al. 2024) and
TRIPOD+AI (Collins et al. 2024), section of STARD-AI (Sounderajah et al. 2025), and part of
MI-CLAIM-GEN (Miao et al. 2024)."""


def _reported(study: CrossvalStudy) -> list[str]:
    """Return what the study reports on each of :data:`TOPICS`."""
    data, options, arms = study.data, study.options, study.arms
    classifier, size = options.classifier, options.classifier.image_size
    reference = arms[study.reference]
    patient = {"all": "patient and no ", "some": "identified patient and no ", "none": ""}[
        data.patients_known
    ]
    other = "" if study.reference == "no_augmentation" else "other forms of "
    change = "change" if other else "changes"
    analyses = [*study.sensitivity, *(subset_name(study, name) for name in study.subsets)]
    steps = sorted({arm.steps for arm in arms.values()})
    return [
        f"to determine whether {other}augmentation {change} classifier accuracy relative to "
        f"{arm_name(study.reference)}",
        f"data set `{data.name}`; SHA-256 of its image list starts with {data.sha256[:16]}",
        AUTHORS,
        AUTHORS,
        AUTHORS,
        f"{cohort(data)}: {class_counts(data)}",
        AUTHORS,
        AUTHORS,
        AUTHORS,
        f"greyscale, {FITS[classifier.fit]}, resized to {size} × {size} pixels",
        f"{splits(study)}; no {patient}{DUPLICATE} appears in more than one fold",
        "folds stratified by class",
        "no prior sample-size calculation; smallest difference detectable with 80% power: "
        f"{detectable(study)}",
        NETWORKS[classifier.network],
        _generators(study),
        f"{spelled(len(arms), 'arm')}, {' or '.join(map(str, steps))} optimiser steps each, "
        f"{spelled(len(study.seeds), 'classifier seed')}",
        ". ".join([_selection(study), *earlier(study)]),
        "none in cross-validation"
        + ("" if study.external is None else "; external predictions average networks"),
        "accuracy, balanced accuracy, AUROC, Brier score, calibration error; per class: "
        "sensitivity, specificity, PPV, F1, AUROC; 95% confidence intervals",
        f"paired by {units(data)} after averaging over seeds; {variance(study)}; Student's t; "
        f"{_holm(study)}",
        "; ".join(analyses) or "none",
        f"{arm_name(study.reference)}: accuracy {estimate(reference.accuracy)}, AUROC "
        f"{estimate(reference.auroc)}; all arms in the report",
        _external(study),
        f"{arm_name(study.reference)}: calibration error {estimate(reference.calibration_error)}, "
        f"Brier score {estimate(reference.brier)}",
        _memorised(study),
        f"confusion matrices included; review of individual errors {AUTHORS}",
        f"shortcut audit (what can be predicted with {audit_view(data)}); no saliency maps",
        f"{count(len(limits(study)), 'limitation')} listed in the report; clinical limitations "
        f"{AUTHORS}",
        AUTHORS,
        f"fewray {study.provenance.versions.get('fewray', 'undefined')}; options in the report",
        AUTHORS,
        AUTHORS,
        AUTHORS,
        AUTHORS,
    ]


def _holm(study: CrossvalStudy) -> str:
    n = len(study.comparisons)
    return f"Holm correction for {spelled(n, 'comparison')}" if n > 1 else "one comparison"


def _selection(study: CrossvalStudy) -> str:
    if not study.selections:
        return "none based on these data"
    taken = listed(sorted({row.selected for row in study.selections}))
    return (
        f"{study.options.select}: selected on an inner split of each fold's training images, then "
        f"refitted; selected: {taken}"
    )


def _generators(study: CrossvalStudy) -> str:
    if not study.generators:
        return "none"
    recipes = {name for each in study.generators.values() for name in each.recipes}
    names = listed(sorted({name.partition(":")[0] for name in recipes}))
    return f"recipe {names}, trained on the training images of each fold alone"


def _memorised(study: CrossvalStudy) -> str:
    if not study.generators:
        return "no synthetic images"
    if study.rejected_copies is None:
        return "not checked"
    rejected = sum(each.rejected for each in study.rejected_copies.values())
    drawn = rejected + sum(each.kept for each in study.rejected_copies.values())
    return f"{rejected} of {drawn} synthetic images rejected as copies of training images"


def _external(study: CrossvalStudy) -> str:
    found = study.external
    if found is None:
        return "none"
    return f"{external_kind(found)}: {found.name}, {count(found.images, 'image')}"
