"""Choose and write the page of a folder, as report.html, Markdown or a summary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fewray.errors import InputError
from fewray.generators.log import LOG
from fewray.report.files import read_run, read_timing, read_training_report
from fewray.report.html.document import page_html
from fewray.report.limits import limits
from fewray.report.page import Bullets, Code, Page, Section, Text, page_markdown
from fewray.report.pages import crossval_checks, crossval_tables
from fewray.report.pages.crossval import crossval_page, forest_block
from fewray.report.pages.generators import read_training, training_page, training_tables
from fewray.report.pages.published import published_page, published_tables
from fewray.report.pages.quality_sets import quality_page, sections_of
from fewray.report.pages.readers.page import reader_page, reader_sections
from fewray.report.tables import Table
from fewray.report.text import named_class, sentence
from fewray.results.crossval import CrossvalStudy
from fewray.results.files import STUDY, Study, read_study
from fewray.results.quality import QualityReport
from fewray.results.quality_sets import QualityComparison, read_quality_sets
from fewray.results.readers.scores import RESULTS
from fewray.storage.files import write_bytes

LAST = (
    *(
        "training",
        "requirements",
        "quality",
        "readers",
        "audit",
        "data",
        "folds",
        "sensitivity",
        "subsets",
        "methods",
    ),
    *("checklist", "limits", "reproducibility", "commands"),
)
"""Sections that follow all others, in this order."""
READERS = "readers"
"""Where a run keeps its reader study."""
CAVEATS = 3
"""Caveats on the summary page."""


def write_report(folder: Path) -> Path:
    """Write ``folder/report.html`` of a study or of generators alone and return its path.

    The page is one file that needs no other. InputError for a folder that holds neither, or for
    damaged files.
    """
    path = folder / "report.html"
    write_bytes(path, page_html(page_of(folder)).encode())
    return path


def render_markdown(folder: Path, pictures: Path | None = None, level: int = 1) -> str:
    """Return the page of ``folder`` as Markdown; ``pictures`` is where the page will lie."""
    return page_markdown(page_of(folder), pictures, level)


def page_of(folder: Path) -> Page:
    """Return the page of a study, or else of generators, a quality report or a reader study."""
    if not folder.is_dir():
        what = "expected a folder, found a file" if folder.exists() else "no such folder"
        raise InputError("no_run", f"{folder}: {what}.", path=folder)
    if (folder / RESULTS).exists():
        return reader_page(folder)
    if not (folder / STUDY).exists():
        folders = {path.parent.name: path.parent for path in sorted(folder.glob(f"*/{LOG}"))}
        quality = _quality(folder)
        if quality is not None and not folders:
            return quality_page(quality)
        return training_page(read_training(folder), folders, sections_of(quality))
    study, timing = read_study(folder), read_timing(folder)
    if isinstance(study, CrossvalStudy):
        if study.reference not in study.arms:
            message = f"{folder / STUDY}: the reference {study.reference!r} is not among the arms."
            raise InputError("study_damaged", message, path=folder / STUDY)
        page = crossval_page(study, timing, folder)
    else:
        page = published_page(study, timing, folder)
    return replace(page, sections=ordered((*page.sections, *_beside(folder, study))))


def ordered(sections: Sequence[Section]) -> tuple[Section, ...]:
    """Return the sections in reading order: those named in :data:`LAST` at the end."""
    first = [section for section in sections if section.name not in LAST]
    last = sorted(
        (section for section in sections if section.name in LAST),
        key=lambda section: LAST.index(section.name),
    )
    return (*first, *last)


def _beside(folder: Path, study: Study) -> list[Section]:
    """Return sections on the files that people put beside a committed study."""
    found = []
    if trained := read_training_report(folder):
        tables = training_tables(trained)
        found.append(Section("training", "Training of the generators", tables))
    names = {label: named_class(study.data, label) for label in study.data.classes}
    found += sections_of(_quality(folder), names)
    found += reader_sections(folder / READERS)
    if run := read_run(folder):
        made = Text(sentence(f"{run.hardware}; {run.date}; {run.made_by}"))
        blocks = (Code("\n".join(run.commands)), made, Bullets(run.caveats))
        found.append(Section("commands", "How these results were made", blocks))
    return found


def _quality(folder: Path) -> QualityReport | QualityComparison | None:
    path = folder / "quality.json"
    return read_quality_sets(path) if path.exists() else None


def terminal_tables(study: Study) -> list[Table]:
    """Return the tables that ``fewray study`` prints."""
    if isinstance(study, CrossvalStudy):
        return crossval_checks.terminal_tables(study)
    return published_tables(study)


def render_summary(folder: Path, pictures: Path, more: Sequence[str]) -> str:
    """Return a short Markdown page of the cross-validation study in ``folder``.

    It has the verdict, the forest plot, one table and three caveats; ``more`` are lines of Markdown
    at its end. ``pictures`` is where the page will lie.
    """
    study, run = read_study(folder), read_run(folder)
    if not isinstance(study, CrossvalStudy):
        raise InputError(
            "not_crossval", f"{folder}: expected a cross-validation study.", path=folder
        )
    page = crossval_page(study, read_timing(folder), folder)
    caveats = [*page.warnings, *limits(study)][:CAVEATS]
    made = []
    if run and run.made_by:
        stale = "The present version of fewray gives slightly different numbers"
        made = [Text(f"Made on {run.date} with {run.made_by}. {stale}.")]
    blocks = (
        *forest_block(study),
        crossval_tables.summary_table(study),
        Bullets(tuple(caveats)),
        *made,
    )
    short = replace(
        page, warnings=(), lead=(), sections=(Section("arms", "Results by arm", blocks),)
    )
    return "\n".join([page_markdown(short, pictures), "".join(f"- {line}\n" for line in more)])
