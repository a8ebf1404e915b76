"""Items of four reporting guidelines in one table, filled in as far as a study holds them.

Item numbers were compared with copies of the published checklists:

- CLAIM, 2024 update, 44 items: Tejani et al. (2024), doi 10.1148/ryai.240300.
- TRIPOD+AI, 27 items: Collins et al. (2024), Table 1, doi 10.1136/bmj-2023-078378.
- STARD-AI, 40 items: Sounderajah et al. (2025), Table 2, doi 10.1038/s41591-025-03953-8.
- MI-CLAIM-GEN: Miao et al. (2025), doi 10.1038/s41591-024-03470-0. Its item numbers could not be
  compared, so none are shown; the themes are those of the abstract of arXiv 2403.02558.
"""

from __future__ import annotations

from collections.abc import Container

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
from fewray.report.traced import Link
from fewray.results.crossval import CrossvalStudy
from fewray.results.names import arm_name

AUTHORS = "to be completed by the authors"
GUIDELINES = ("CLAIM 2024", "TRIPOD+AI", "STARD-AI", "MI-CLAIM-GEN")
FITS = {"pad": "padded to a square", "squash": "squashed to a square"}


def checklist_table(study: CrossvalStudy, sections: Container[str]) -> Table:
    """Return all items in one table; those that only the authors know say so.

    ``sections`` are the names of the page's sections: the table links to them.
    """
    items = claim_items(study)
    blank = [topic for topic, reported in items if reported == AUTHORS]
    caption = (
        "Topics of CLAIM (2024 update), TRIPOD+AI and STARD-AI with their item numbers, and themes "
        "of MI-CLAIM-GEN, whose item numbers we could not verify. An empty cell means that we know "
        "of no item on the topic. Items on title, abstract and discussion, and clinical items that "
        f"a study of images cannot report, are not listed. {len(blank)} of {len(items)} topics are "
        f"blank and wait for the authors: {'; '.join(blank)}."
    )
    columns = (
        Column("topic", wrap=True),
        Column("reported", wrap=True),
        Column("where", narrow=True),
        *(Column(name, align="left", narrow=True) for name in GUIDELINES),
    )
    rows = [
        (topic, reported, Link.of(place, place) if place in sections else "", *numbers)
        for (topic, reported), (_, place, *numbers) in zip(items, TOPICS, strict=True)
    ]
    cites = ("claim2024", "tripodai2024", "stardai2025", "miclaimgen2025")
    return Table.of("", columns, rows, caption, cites=cites)


def claim_items(study: CrossvalStudy) -> list[tuple[str, str]]:
    """Return (topic, what the study reports or :data:`AUTHORS`), in the order of the guidelines."""
    topics = (topic for topic, *_ in TOPICS)
    return list(zip(topics, _reported(study), strict=True))


TOPICS: tuple[tuple[str, str, str, str, str, str], ...] = (
    ("Study aim", "comparisons", "4, 6", "4", "4", ""),
    ("Source of data", "folds", "7", "5a", "11", ""),
    ("Design, setting, dates, eligibility", "", "5, 8, 10", "5b, 6a, 6b", "5, 7 to 10",
     "cohort selection"),
    ("Ethics, de-identification", "", "11", "17", "6, 35", "ethical standards"),
    ("Reference standard, annotators", "", "14 to 18", "8a to 8c", "12, 16a to 16c, 17b", ""),
    ("Participants", "folds", "35", "20a, 21", "24", "cohort selection"),
    ("Demographics, representativeness, fairness across groups", "", "36", "3c, 14, 20b",
     "23, 25, 28", "ethical standards"),
    ("Missing data", "", "12", "11", "20", ""),
    ("Image acquisition", "", "13", "9b", "13, 14", ""),
    ("Preprocessing", "methods", "9", "7", "14", ""),
    ("Data partitions", "folds", "19, 20", "12a", "15b", "training"),
    ("Class imbalance", "folds", "19", "13", "", ""),
    ("Sample size", "comparisons", "21", "10", "22", ""),
    ("Model and its output", "methods", "22, 24", "12c, 15, 22", "15a, 15c", "training"),
    ("Generators of synthetic images", "generators", "25", "12c", "15b", "training"),
    ("Training", "arms", "25", "12c", "15b", "training"),
    ("Selection of model or settings", "methods", "26", "12c", "15b", "training"),
    ("Ensembling", "external", "27", "12c", "", ""),
    ("Performance measures", "arms", "28", "12e", "18", "evaluation"),
    ("Statistical comparison", "comparisons", "29", "12e", "18", "evaluation"),
    ("Robustness, sensitivity analyses", "sensitivity", "30", "", "21", "evaluation"),
    ("Performance with uncertainty", "arms", "32, 37, 38", "23a", "30, 31", "evaluation"),
    ("External evaluation", "external", "33", "16, 23a", "29", "evaluation"),
    ("Calibration", "arms", "28, 37", "12e, 23a", "", "evaluation"),
    ("Memorised training images", "generators", "", "", "", "evaluation"),
    ("Failure analysis", "confusion", "39", "", "23, 30", "evaluation"),
    ("Explainability", "audit", "31", "", "", "interpretability"),
    ("Limitations", "limits", "40", "26", "33", ""),
    ("Intended use and users", "", "3, 41", "3a, 3b, 27a to 27c", "3, 15d, 34", ""),
    ("Software and code", "reproducibility", "23, 43", "18f", "13, 40a", "reproducibility"),
    ("Stored outputs", "reproducibility", "", "", "40b", "reproducibility"),
    ("Registration, protocol", "", "34, 42", "18c, 18d", "36, 37", ""),
    ("Data availability", "", "43", "18e", "40a", "reproducibility"),
    ("Funding, conflicts of interest", "", "44", "18a, 18b", "38, 39", ""),
    ("Patient and public involvement", "", "", "19", "", ""),
)  # fmt: skip
"""Topic, the section of the page that answers it, items of CLAIM 2024, TRIPOD+AI and STARD-AI, and
a theme of MI-CLAIM-GEN."""


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
        f"{NETWORKS[classifier.network]}; predicted: the class with the highest probability",
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
        "the prediction of every classifier for every test image, in predictions.csv",
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
    kind = f"{external_kind(found)}: {found.name}, {count(found.images, 'image')}"
    return f"{kind}; how it differs from the training data {AUTHORS}"
