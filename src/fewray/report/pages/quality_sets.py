"""The page of a quality report; sets of synthetic images side by side; requirements as chips."""

from __future__ import annotations

from collections.abc import Mapping

from fewray.report.page import Bullets, Chips, Details, Page, Section
from fewray.report.pages.quality import metric_text, quality_sections, quality_tables, with_interval
from fewray.report.pages.quality_plots import set_dots
from fewray.report.tables import Column, Table
from fewray.report.text import count, percent, sentence
from fewray.results.quality import QualityReport
from fewray.results.quality_sets import QualityComparison, sets_of

Found = QualityReport | QualityComparison


def terminal_tables(found: Found) -> tuple[Table, ...]:
    """Return the tables of one set, or the one table of several."""
    return (_compared(found),) if isinstance(found, QualityComparison) else quality_tables(found)


def requirement_lines(found: Found) -> list[str]:
    """Return whether each set meets each requirement, one per line, with the reason."""
    return [
        f"{'pass' if each.passed else 'FAIL'}  {_named(name, each.text)}: {each.reason}"
        for name, report in sets_of(found).items()
        for each in report.requirements
    ]


def quality_page(found: Found) -> Page:
    """Return the page of a quality report without a study or a training run."""
    sets = sets_of(found)
    first = next(iter(sets.values()))
    compared = f": {', '.join(sets)}" if isinstance(found, QualityComparison) else ""
    subtitle = f"Classes {', '.join(first.classes)}. Extractor {first.extractor}."
    unmet = [
        _named(name, each.text)
        for name, report in sets.items()
        for each in report.requirements
        if not each.passed
    ]
    per_set = " per set" if compared else ""
    verdict = f"{count(first.pooled.num_fake, 'synthetic image')}{per_set}, compared with "
    verdict += f"{count(first.pooled.num_real, 'real image')}."
    if first.requirements:
        verdict = f"Requirements not met: {'; '.join(unmet)}." if unmet else "All requirements met."
    return Page.of(
        f"Quality of synthetic images{compared}", subtitle, [verdict], [], sections_of(found)
    )


def sections_of(found: Found | None, names: Mapping[str, str] | None = None) -> list[Section]:
    """Return the sections on one set or several; none without a report.

    ``names`` are the display names of the classes, by label.
    """
    if found is None:
        return []
    names = names or {}
    asked = _requirements(found, names)
    if isinstance(found, QualityReport):
        return [*asked, *quality_sections(found, names)]
    plots = [plot for label in found.first.classes for plot in set_dots(found.sets, label, names)]
    tables = _side_by_side(found, names)
    scores = [table for table in tables if not table.title.startswith("Baselines")]
    baselines = tuple(table for table in tables if table.title.startswith("Baselines"))
    notes = tuple(map(sentence, (*found.sentences, *found.remarks)))
    details = Details("Each score between real images and noise", baselines)
    blocks = (*plots, *scores, Bullets(notes), details)
    return [*asked, Section("quality", "Quality of the synthetic images", blocks)]


def _named(name: str, text: str) -> str:
    return f"{name} {text}" if name else text


def _requirements(found: Found, names: Mapping[str, str]) -> list[Section]:
    """Return the section with a chip per requirement and set, and the values."""
    sets = sets_of(found)
    checked = [(name, each) for name, report in sets.items() for each in report.requirements]
    if not checked:
        return []
    chips = [(_named(name, each.text), each.passed, each.reason) for name, each in checked]
    labels = list(next(iter(sets.values())).classes)
    shown = (names.get(label, label) for label in labels)
    columns = ("set", "requirement", "result", *shown, Column("why", wrap=True))
    rows = [
        (
            name or None,
            each.text,
            "pass" if each.passed else "fail",
            *(f"{v:.4g}" if (v := each.values[label]) is not None else "–" for label in labels),
            each.reason,
        )
        for name, each in checked
    ]
    caption = "Every class must meet a requirement; a value that was not measured does not."
    table = Table.of("", columns, rows, caption)
    return [Section("requirements", "Requirements", (Chips(tuple(chips)), table))]


def _compared(found: QualityComparison) -> Table:
    """Return one row per class and set: the scores to compare, in 100 columns."""
    unseen = bool(found.first.held_out)
    rows = []
    for label in found.first.classes:
        for name, report in found.sets.items():
            own, other = report.classes[label], report.held_out.get(label)
            kid = (own.kid, own.kid_ci)
            if unseen:
                kid = (other.kid, other.kid_ci) if other else (None, None)
            rows.append(
                (
                    label,
                    name,
                    with_interval(*kid),
                    *(metric_text(own, key) for key in ("fid", "precision", "coverage")),
                    percent(len(own.copies) / own.num_fake, 1),
                    percent(own.areas.copied_windows, 1) if own.areas else None,
                )
            )
    columns = (
        "class",
        "set",
        Column("KID to held-out" if unseen else "KID", align="right"),
        *("FID", "precision", "coverage", "copies", "windows"),
    )
    counts = ", ".join(f"{label} {own.num_fake}" for label, own in found.first.classes.items())
    caption = (
        f"Extractor {found.first.extractor}; images per set: {counts}. KID with its 95% interval: "
        "where intervals overlap, sets are not shown to differ. Windows: those copied from "
        "training images."
    )
    return Table.of("Sets of synthetic images", columns, rows, caption)


def _side_by_side(found: QualityComparison, names: Mapping[str, str]) -> list[Table]:
    """Return the tables of a quality report with a row per class, or metric, and set."""
    by_title: dict[str, dict[str, Table]] = {}
    for name, report in found.sets.items():
        for table in quality_tables(report):
            by_title.setdefault(table.title, {})[name] = table
    return [_merged(tables, names) for tables in by_title.values()]


def _merged(tables: Mapping[str, Table], names: Mapping[str, str]) -> Table:
    first = next(iter(tables.values()))
    columns = {column.heading: column for table in tables.values() for column in table.columns}
    rows = []
    for key in dict.fromkeys(row[0] for table in tables.values() for row in table.rows):
        for name, table in tables.items():
            headings = [column.heading for column in table.columns]
            for row in (row for row in table.rows if row[0] == key):
                cells = dict(zip(headings, row, strict=True))
                _, *rest = (cells.get(heading) for heading in columns)
                rows.append((names.get(key, key), name, *rest))
    head, *others = columns.values()
    return Table.of(first.title, (head, "set", *others), rows, first.caption)
