"""The page of a cross-validation study."""

from __future__ import annotations

import json
from pathlib import Path

from fewray.data.audit.models import SEPARABLE, STANDARD_ERRORS
from fewray.report.checklist import checklist_table
from fewray.report.commands import study_command
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
from fewray.report.pages.first_screen import (
    external_sentence,
    images_note,
    memorised_sentence,
    strips,
    verdict,
)
from fewray.report.pages.generator_folders import class_folders, generator_home
from fewray.report.pages.generators import generator_blocks, page_warnings, took
from fewray.report.pages.lens import lens_blocks
from fewray.report.pages.run_images import ClassImages, run_images
from fewray.report.phrases import class_counts, cohort, merged, splits, title
from fewray.report.text import class_name, listed, named_class, sentence, spelled
from fewray.report.traced import named_arm, pointer
from fewray.results.crossval import CrossvalStudy
from fewray.results.names import arm_name, sentence_case

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
    home = generator_home(timing, folder)
    folders = class_folders(study, home) if study.generators else {}
    images = _images(study, folder, home)
    shown = strips(study, images, folders)
    uncorrected = Text("Not corrected for multiple comparisons, so no verdicts are given.", "soft")
    again = Text(
        "Predictions of the main analysis, scored on some classes only and again not corrected.",
        "soft",
    )
    sensitivity = checks.analysis_tables(study, study.sensitivity)
    subsets = checks.analysis_tables(study, study.subsets)
    sections = [
        Section("comparisons", f"Each arm compared with {arm_name(study.reference)}",
                comparison_blocks(study)),
        Section("arms", "Arms, training budgets and scores", _arm_blocks(study)),
        Section("classes", "Results by class", tuple(tables.class_tables(study))),
        Section("confusion", "Confusion matrices", _matrices(study)),
        Section("external", "External evaluation", tuple(checks.external_tables(study))),
        Section("images", "Synthetic images and their nearest training images",
                lens_blocks(images)),
        Section("generators", "Generators", _generator_section(study, folders)),
        Section("audit", "Shortcut audit", _audit_blocks(study)),
        Section("folds", "Cohort and folds", _fold_blocks(study)),
        Section("sensitivity", "Sensitivity analyses",
                (uncorrected, *sensitivity) if sensitivity else ()),
        Section("subsets", "Subsets of the classes", (again, *subsets) if subsets else ()),
        Section("methods", "Methods text to copy", (Text(methods_paragraph(study), "paste"),)),
        Section("limits", "Limitations", (Bullets(tuple(limits(study))),)),
        Section("reproducibility", "Reproducibility", _reproducibility(study, timing)),
    ]  # fmt: skip
    shown_sections = {section.name for section in sections if section.blocks}
    answers = checklist_table(study, shown_sections)
    checklist = Section("checklist", "Reporting checklist", (answers,))
    return Page.of(
        title(study),
        subtitle,
        verdict(study),
        page_warnings(data.origin, study.warnings) or limits(study)[:1],
        [*sections[:-2], checklist, *sections[-2:]],
        beside=(external_sentence(study), "" if shown else memorised_sentence(study)),
        lead=(*forest_block(study), *shown),
        images_note=images_note(data.origin),
        names=(*map(named_arm, study.arms), *(named_class(data, label) for label in data.classes)),
    )


def _images(study: CrossvalStudy, folder: Path, home: Path) -> dict[str, ClassImages]:
    if not study.generators:
        return {}
    found = run_images(study, folder, home)
    return {class_name(study.data, label): images for label, images in found.items()}


def forest_block(study: CrossvalStudy) -> tuple[Drawing, ...]:
    """Return the forest plot, if any arm was compared."""
    drawn = forest_plot(study)
    if drawn is None:
        return ()
    holm = " (after Holm correction)" if len(study.comparisons) > 1 else ""
    return (
        Drawing(
            drawn,
            "Forest plot of the differences in accuracy; the table of comparisons has the same "
            "numbers",
            "Square: difference in accuracy. Line: its 95% confidence interval. Right of 0: in "
            f"favour of the arm over {arm_name(study.reference)}. Shaded: differences too "
            f"small for this study to detect with 80% power{holm}.",
            narrow=True,
            file=FOREST,
            command=study_command(study),
            cites=("cameron2011", *(["holm1979"] if holm else [])),
        ),
    )


def comparison_blocks(study: CrossvalStudy) -> tuple[Block, ...]:
    """Return the tables of comparisons."""
    if not study.comparisons:
        return (Text("No arm was compared with another.", "soft"),)
    table, described = tables.comparison_table(study), tables.descriptive_table(study)
    return (table, described, *tables.pair_tables(study))


def _matrices(study: CrossvalStudy) -> tuple[Block, ...]:
    labels = tuple(class_name(study.data, c) for c in study.data.classes)
    reading = "Mean counts over seeds and repeats. Rows: true class. Columns: predicted class."
    shading = "Cells are shaded by their share of the row total."
    matrices = tuple(
        Matrix(
            sentence_case(arm_name(name)),
            labels,
            arm.confusion,
            named_arm(name).key,
            pointer("arms", name, "confusion"),
        )
        for name, arm in study.arms.items()
    )
    return (
        Text(reading, "soft"),
        Text(shading, "soft", html_only=True),
        Group(matrices, "pair matrices"),
    )


def _arm_blocks(study: CrossvalStudy) -> tuple[Block, ...]:
    drawn = (
        (seed_figure(study), "Accuracy of each arm by seed", "One dot per seed, all folds "
         "combined. Tick: overall value. Bar: 95% confidence interval."),
        (fold_figure(study), "Accuracy of each arm by fold", "One dot per fold, averaged over "
         "seeds. Thin lines join results from the same fold."),
    )  # fmt: skip
    command = study_command(study)
    figures = tuple(
        Drawing(svg, label, caption, narrow=True, command=command, cites=("wilson1927",))
        for svg, label, caption in drawn
        if svg
    )
    spread = Details("Accuracy by seed and by fold", (tables.spread_table(study),))
    return (tables.score_table(study), tables.arm_table(study), Group(figures), spread)


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


def _generator_section(study: CrossvalStudy, folders: dict[str, Path]) -> tuple[Block, ...]:
    if not study.generators:
        return ()
    several = len(study.folds) > 1 and folders
    shown = (
        "The sample images for each class come from a single generator: the first when folders are "
        "sorted by name."
    )
    note = (Text(shown, "soft", html_only=True),) if several else ()
    blocks = generator_blocks(
        folders, phantom=study.data.origin == "phantom", command=study_command(study)
    )
    return (tables.generator_table(study), *note, *blocks)


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
        Code(study_command(study)),
        Details("All options", (Code(json.dumps(study.options.to_json(), indent=1)),)),
        Details("Hashes of data and inputs", (Code(json.dumps(hashes, indent=1)),)),
    )
