"""The tables of a quality report: held-out images first, both spreads, 100 columns."""

from typing import Any

import msgspec
import pytest

from fewray.report.html.document import page_html
from fewray.report.page import Page, page_markdown
from fewray.report.pages.quality import quality_sections, quality_tables
from fewray.report.tables import print_table
from fewray.results.quality import METRICS, QualityReport
from tests.report.test_published_page import quality_report

CLASSES = ("covid", "normal", "pneumonia_bac", "pneumonia_vir")


def report(*, held_out: bool) -> QualityReport:
    """Return an invented report with every metric, with values as long as they come."""
    found: dict[str, Any] = quality_report()
    base = {"m": 135, "splits": 20, "real_vs_real": 0.0, "real_vs_real_sd": 12.0, "synthetic": 12.0,
            "synthetic_sd": 12.0, "noise": 45.0, "position": 0.31, "verdict": "low_diversity_or_copies"}  # fmt: skip
    longest = {"fid": {"real_vs_real": 1012.3, "synthetic": 1512.3, "noise": 1888.8}}
    each = next(iter(found["classes"].values()))
    each |= {"is_mean": 12.34, "ms_ssim": 0.512, "vendi": 12.34, "auth_pct": 100.0, "num_real": 70}
    each |= {"num_fake": 1000, "kid": 12.345, "kid_ci": [-12.345, 12.345], "fid": 1512.3}
    each["baselines"] = {name: base | longest.get(name, {}) for name in METRICS}
    found |= {"classes": dict.fromkeys(CLASSES, each), "pooled": each}
    if held_out:
        unseen = {"num_held_out": 9, "kid": -0.123, "kid_ci": [-0.52, 0.41], "real_kid": 0.021,
                  "real_kid_ci": [-0.33, 0.35], "c_t": -5.2, "c_t_sd": 1.0, "c_t_cells": 1, "copies": []}  # fmt: skip
        found |= {"held_out": dict.fromkeys(CLASSES, unseen), "pooled_held_out": unseen}
    return msgspec.convert(found, QualityReport)


def test_held_out_images_stand_first_beside_the_training_images():
    found = quality_tables(report(held_out=True))
    table = found[0]
    assert table.title == "Held-out images"
    headings = [column.heading for column in table.columns]
    assert headings.index("KID to held-out") < headings.index("KID to training")
    assert table.rows[0] == (
        *("covid", "9", "-0.123 [-0.52, 0.41]", "0.021 [-0.33, 0.35]", "12.345", "-5.2", "1.00"),
    )
    assert [row[0] for row in table.rows] == [*CLASSES, "all"]
    assert all(one.title != "Held-out images" for one in quality_tables(report(held_out=False)))


def test_every_metric_is_shown_and_has_its_baseline():
    quality = report(held_out=False)
    fidelity, diversity, *baselines = quality_tables(quality)
    shown = {column.name for table in (fidelity, diversity) for column in table.columns}
    assert {name for name, _ in METRICS.values()} <= shown
    assert len(baselines) == len(CLASSES) + 1
    for table in baselines:
        assert [row[0] for row in table.rows] == [name for name, _ in METRICS.values()]
        assert table.title.endswith("(m = 135)")
        assert table.rows[0][1:4] == ("1512.3 ± 12.0", "1012.3 ± 12.0", "1888.8")


@pytest.mark.parametrize("held_out", [True, False])
def test_tables_fit_into_100_columns(held_out: bool, capsys: pytest.CaptureFixture[str]):
    for table in quality_tables(report(held_out=held_out)):
        print_table(table)
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    rules = [line for line in lines if line.lstrip().startswith("──")]
    assert len(rules) == 7 + held_out
    assert max(map(len, rules)) <= 100


def test_pages_show_the_same_tables():
    quality = report(held_out=True)
    page = Page.of("Title", "", [], [], quality_sections(quality))
    html, markdown = page_html(page), page_markdown(page)
    for table in quality_tables(quality):
        assert table.title in html
    for title in ("Held-out images", "Fidelity", "Diversity and copying"):
        assert title in markdown
    assert html.index(">KID to held-out<") < html.index(">precision</th>")
    assert markdown.index("KID to held-out") < markdown.index("precision")
