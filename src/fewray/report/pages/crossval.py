"""The page of a cross-validation study."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from fewray.data.audit.models import SEPARABLE, STANDARD_ERRORS
from fewray.errors import InputError
from fewray.report.checklist import claim_items
from fewray.report.files import Timing
from fewray.report.forest import fold_figure, forest_plot, seed_figure
from fewray.report.limits import limits
from fewray.report.methods import machine, methods_paragraph
from fewray.report.page import (
    Block,
    Bullets,
    Code,
    Details,
    Drawing,
    Group,
    Matrix,
    Page,
    Section,
    Text,
)
from fewray.report.pages import crossval_checks as checks
from fewray.report.pages import crossval_tables as tables
from fewray.report.pages.generators import generator_blocks, page_warnings, took
from fewray.report.phrases import class_counts, cohort, external_kind, merged, splits, title
from fewray.report.tables import Column, Table
from fewray.report.text import class_name, count, listed, percent, sentence, spelled
from fewray.results.crossval import CrossvalStudy
from fewray.results.names import arm_name, sentence_case
from fewray.results.training import ALL_CLASSES
from fewray.storage.files import read_json

FOREST = "forest.svg"
"""The forest plot beside a Markdown page."""
FLAGGED = (
    "A shortcut is flagged if one of these models identifies a class with an AUROC of at least "
    f"{SEPARABLE:g} that is also at least {STANDARD_ERRORS:g} standard errors above 0.5."
)


def crossval_page(study: CrossvalStudy, timing: Timing, folder: Path) -> Page:
    """Return the whole page of ``study``; ``folder`` holds its generators' logs and pictures."""
    data = study.data
    subtitle = (
        f"{cohort(data)}; {splits(study)}; {spelled(len(study.seeds), 'classifier seed')} per arm "
        f"({study.preset} preset). Differences in accuracy are "
        f"relative to {arm_name(study.reference)}."
    )
    matrices = tuple(
        Matrix(
            sentence_case(arm_name(name)),
            tuple(class_name(data, c) for c in data.classes),
            arm.confusion,
        )
        for name, arm in study.arms.items()
    )
    reading = "Mean counts over seeds and repeats. Rows: true class. Columns: predicted class."
    shading = "Cells are shaded by their share of the row total."
    items = [(item, text) for item, text in claim_items(study)]
    checklist = Table.of(
        "",
        (Column("item", wrap=True), Column("reported", wrap=True)),
        items,
        "Selected CLAIM 2024 and TRIPOD+AI items, grouped by topic and completed where fewray has "
        "the information. These are not the full checklists.",
    )
    methods = Text(methods_paragraph(study), "paste")
    uncorrected = Text("Not corrected for multiple comparisons, so no verdicts are given.", "soft")
    again = Text(
        "Predictions of the main analysis, scored on some classes only and again not corrected.",
        "soft",
    )
    sensitivity = checks.analysis_tables(study, study.sensitivity)
    subsets = checks.analysis_tables(study, study.subsets)
    return Page.of(
        title(study),
        subtitle,
        verdict(study),
        page_warnings(data.origin, study.warnings),
        [
            Section("comparisons", f"Each arm compared with {arm_name(study.reference)}",
                    comparison_blocks(study)),
            Section("arms", "Arms, training budgets and scores", _arm_blocks(study)),
            Section("classes", "Results by class", tuple(tables.class_tables(study))),
            Section("confusion", "Confusion matrices", (
                Text(reading, "soft"),
                Text(shading, "soft", html_only=True),
                Group(matrices, "pair matrices"))),
            Section("sensitivity", "Sensitivity analyses",
                    (uncorrected, *sensitivity) if sensitivity else ()),
            Section("subsets", "Subsets of the classes", (again, *subsets) if subsets else ()),
            Section("external", "External evaluation", tuple(checks.external_tables(study))),
            Section("audit", "Shortcut audit", _audit_blocks(study)),
            Section("folds", "Cohort and folds", _fold_blocks(study)),
            Section("generators", "Generators", _generator_section(study, timing, folder)),
            Section("limits", "Limitations", (Bullets(tuple(limits(study))),)),
            Section("checklist", "Reporting checklist", (checklist,)),
            Section("methods", "Methods text to copy", (methods,)),
            Section("reproducibility", "Reproducibility", _reproducibility(study, timing)),
        ],
    )  # fmt: skip


def verdict(study: CrossvalStudy) -> list[str]:
    """Return the verdicts, and what was found on an external set."""
    found = [sentence(each.text) for each in study.conclusion.verdicts]
    if (external := study.external) is None:
        return found
    concerned = (study.reference, *(each.arm for each in study.conclusion.verdicts))
    scores = [
        f"{percent(accuracy.value, 1)} with {arm_name(arm)}"
        for arm, accuracy in external.accuracy.items()
        if arm in concerned and accuracy.value is not None
    ]
    return [
        *found,
        f"Accuracy on the {external_kind(external)} ({external.name}, "
        f"{count(external.images, 'image')}): {listed(scores)}.",
    ]


def comparison_blocks(study: CrossvalStudy) -> tuple[Block, ...]:
    """Return the forest plot and the tables of comparisons."""
    drawn = forest_plot(study)
    if drawn is None:
        return (Text("No arm was compared with another.", "soft"),)
    reference = arm_name(study.reference)
    holm = ", after Holm correction" if len(study.comparisons) > 1 else ""
    plot = Drawing(
        drawn,
        "Forest plot of the differences in accuracy; the table below has the same numbers",
        "The square marks the difference in accuracy, and the line marks its 95% confidence "
        "interval (given in brackets at the top right of each row). Values to the right of 0 "
        f"favour the arm over {reference}. "
        f"Shaded: differences this study had less than 80% power to detect{holm}.",
        narrow=True,
        file=FOREST,
    )
    table, described = tables.comparison_table(study), tables.descriptive_table(study)
    return (plot, table, described, *tables.pair_tables(study))


def _arm_blocks(study: CrossvalStudy) -> tuple[Block, ...]:
    drawn = (
        (seed_figure(study), "Accuracy of each arm by seed", "One dot per seed, all folds "
         "combined. Tick: overall value. Bar: 95% confidence interval."),
        (fold_figure(study), "Accuracy of each arm by fold", "One dot per fold, averaged over "
         "seeds. Thin lines join results from the same fold."),
    )  # fmt: skip
    figures = tuple(
        Drawing(svg, label, caption, narrow=True) for svg, label, caption in drawn if svg
    )
    spread = Details("Accuracy by seed and by fold", (tables.spread_table(study),))
    return (tables.arm_table(study), tables.score_table(study), Group(figures), spread)


def _audit_blocks(study: CrossvalStudy) -> tuple[Block, ...]:
    found = checks.audit_tables(study)
    if not found:
        return ()
    named = [class_name(study.data, label) for label in study.audit.identified]
    identified = (
        Text(f"A shortcut was flagged for {listed(named)}. {FLAGGED}", "warn")
        if named
        else Text(f"No shortcut was flagged. {FLAGGED}")
    )
    return (*found, identified)


def _fold_blocks(study: CrossvalStudy) -> tuple[Block, ...]:
    blocks: list[Block] = [
        Text(f"{cohort(study.data)}: {class_counts(study.data)}."),
        tables.fold_table(study),
    ]
    if study.merged_patients:
        pairs = tuple(listed(pair) for pair in study.merged_patients)
        blocks.append(Details(sentence(merged(study)), (Bullets(pairs),)))
    return tuple(blocks)


def _generator_section(study: CrossvalStudy, timing: Timing, folder: Path) -> tuple[Block, ...]:
    if not study.generators:
        return ()
    home = Path(timing.generators) if timing.generators else folder
    home = home if home.is_dir() else folder
    found = generator_folders(home, study.data.classes)
    folders = {class_name(study.data, label): paths[0] for label, paths in found.items()}
    phantom = study.data.origin == "phantom"
    shown = (
        "The sample images for each class come from a single generator: the first when folders are "
        "sorted by name."
    )
    note = (
        (Text(shown, "soft", html_only=True),)
        if any(len(paths) > 1 for paths in found.values())
        else ()
    )
    return (tables.generator_table(study), *note, *generator_blocks(folders, phantom=phantom))


def generator_folders(home: Path, classes: Sequence[str]) -> dict[str, list[Path]]:
    """Return by class, or for pooled generators, the folders with a training log, sorted by path.

    They lie under ``home``. The class is the label in the folder's ``options.json``, or else the
    folder's own name.
    """
    found = defaultdict(list)
    for log in sorted(home.rglob("stats.jsonl")):
        found[_label(log.parent)].append(log.parent)
    return {label: found[label] for label in (*classes, ALL_CLASSES) if label in found}


def _label(folder: Path) -> str:
    try:
        options = read_json(folder / "options.json")
    except InputError:
        return folder.name
    label = options.get("label") if isinstance(options, dict) else None
    return label if isinstance(label, str) else folder.name


def _reproducibility(study: CrossvalStudy, timing: Timing) -> tuple[Block, ...]:
    about = study.provenance
    seeds = listed(list(map(str, study.seeds)))
    noun = "seed" if len(study.seeds) == 1 else "seeds"
    packages = ", ".join(f"{name} {version}" for name, version in about.versions.items())
    where = f"Run {machine(about.device, about.precision, about.threads)}"
    hashes = {"data": study.data.sha256, "keys": about.keys}
    return (
        Text(f"{where}; classifier {noun}: {seeds}. Versions: {packages}."),
        *took(timing),
        Details("All options", (Code(json.dumps(study.options.to_json(), indent=1)),)),
        Details("Hashes of data and inputs", (Code(json.dumps(hashes, indent=1)),)),
    )
