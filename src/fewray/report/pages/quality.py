"""The tables of a quality report, on the terminal and on pages.

Held-out images come first: copies of training images have the lowest KID to training images.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from fewray.report.page import Bullets, Details, Section
from fewray.report.pages.copied_areas import area_tables
from fewray.report.pages.quality_plots import quality_dots
from fewray.report.tables import Column, Field, Table, fields_table
from fewray.report.text import interval, number, sentence
from fewray.results.held_out import COPYING, HeldOutQuality
from fewray.results.quality import METRICS, Baseline, ClassQuality, QualityReport
from fewray.results.scores import Interval


def _metrics(*keys: str) -> tuple[Field, ...]:
    return tuple((METRICS[k][0], k, partial(number, digits=METRICS[k][1])) for k in keys)


FIDELITY: tuple[Field, ...] = (
    ("real", "num_real", str),
    ("synthetic", "num_fake", str),
    *_metrics("kid"),
    (Column("95% CI", align="right"), "kid_ci", partial(interval, digits=3)),
    *_metrics("fid", "is_mean", "precision", "density"),
)
DIVERSITY: tuple[Field, ...] = (
    *_metrics("recall", "coverage", "vendi", "ms_ssim", "auth_pct"),
    ("copies", "copies", len),
)
HELD_OUT = (
    "class",
    Column("held out", align="right"),
    Column("KID to held-out", align="right"),
    Column("real to held-out", align="right"),
    Column("KID to training", align="right"),
    Column("C_T", align="right"),
    Column("SD", align="right"),
)


def quality_tables(quality: QualityReport) -> tuple[Table, ...]:
    """Return the scores by class, held-out images first, copied areas, and the baselines."""
    return *_scores(quality), *area_tables(quality), *_baselines(quality)


def quality_sections(
    quality: QualityReport | None, names: Mapping[str, str] | None = None
) -> list[Section]:
    """Return the section with a dot plot, the tables and remarks; none without a report.

    ``names`` are the display names of the classes, by label.
    """
    if quality is None:
        return []
    names = names or {}
    notes = tuple(map(sentence, (*quality.sentences, *quality.remarks)))
    tables = [_named(table, names) for table in (*_scores(quality), *area_tables(quality))]
    details = Details("Each score between real images and noise", _baselines(quality, names))
    blocks = (*quality_dots(quality, names), *tables, Bullets(notes), details)
    return [Section("quality", "Quality of the synthetic images", blocks)]


def _named(table: Table, names: Mapping[str, str]) -> Table:
    """Return a table with a class per row under the display names of the classes."""
    rows = tuple((names.get(first, first), *rest) for first, *rest in table.rows)
    return replace(table, rows=rows)


def _scores(quality: QualityReport) -> tuple[Table, ...]:
    measured = f"extractor {quality.extractor}"
    held_out = (_held_out(quality, measured),) if quality.held_out else ()
    fidelity = f"Against all real training images; {measured}; nearest neighbours k = "
    diversity = (
        "Vendi, the effective number of different images, is that of all synthetic images and "
        "grows with their number; the tables below compare it at equal numbers."
    )
    rows = quality.rows
    return (
        *held_out,
        fields_table("Fidelity", "class", rows, FIDELITY, f"{fidelity}{quality.k_text}."),
        fields_table("Diversity and copying", "class", rows, DIVERSITY, diversity),
    )


def _held_out(quality: QualityReport, measured: str) -> Table:
    caption = (
        f"Images of patients that no generator saw; {measured}. KID to held-out: of the synthetic "
        "images, with 95% CI. Real to held-out: of the real training images, the value to reach. "
        "KID does not see copying; C_T does: it is 0 ± SD if nothing is copied, and below "
        f"{COPYING:.0f} SD if synthetic images lie too near to training images."
    )
    rows = [
        _held_out_row(label, found, quality.rows[label])
        for label, found in quality.held_out_rows.items()
    ]
    return Table.of("Held-out images", HELD_OUT, rows, caption)


def _held_out_row(label: str, found: HeldOutQuality, of: ClassQuality) -> tuple[object, ...]:
    return (
        label,
        found.num_held_out,
        with_interval(found.kid, found.kid_ci),
        with_interval(found.real_kid, found.real_kid_ci),
        number(of.kid),
        number(found.c_t, 1),
        None if found.c_t_sd is None else number(found.c_t_sd, 2),
    )


def metric_text(found: ClassQuality, key: str) -> str:
    """Return a metric of :data:`METRICS` with its digits."""
    return number(getattr(found, key), METRICS[key][1])


def with_interval(value: float | None, ends: Interval | None) -> str:
    """Return "0.125 [-0.01, 0.25]"."""
    shown = number(value)
    return shown if ends is None else f"{shown} [{number(ends[0], 2)}, {number(ends[1], 2)}]"


def _baselines(quality: QualityReport, names: Mapping[str, str] | None = None) -> tuple[Table, ...]:
    """Return a table per class, and one for all pooled: every score with its baselines."""
    found = {label: each.baselines for label, each in quality.rows.items() if each.baselines}
    if not found:
        return ()
    how = (
        "These scores differ from those above, which use all images. Each is the mean ± SD over "
        "random sets of m synthetic images, m being half of the real patients: only so can it be "
        "compared with one half of the real images against the other (real vs real) and with "
        "noise. MS-SSIM does not depend on n: it is of all images, with its standard error."
    )
    columns = ("metric", "synthetic", "real vs real", "noise", "verdict")
    tables = []
    for label, by_metric in found.items():
        rows = [_baseline(key, by_metric[key]) for key in METRICS if key in by_metric]
        caption = "" if tables else how
        m = min(base.m for base in by_metric.values())
        title = f"Baselines: {(names or {}).get(label, label)} (m = {m})"
        tables.append(Table.of(title, columns, rows, caption))
    return tuple(tables)


def _baseline(key: str, base: Baseline) -> tuple[object, ...]:
    shown, digits = METRICS[key]
    return (
        shown,
        f"{number(base.synthetic, digits)} ± {number(base.synthetic_sd, digits)}",
        f"{number(base.real_vs_real, digits)} ± {number(base.real_vs_real_sd, digits)}",
        None if base.noise is None else number(base.noise, digits),
        base.text,
    )
