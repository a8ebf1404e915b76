"""The report in a real browser: scripts on and off, tools, exports, keyboard, accessibility, widths."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from fewray.report.render import write_report
from fewray.results.files import write_study
from fewray.storage.files import append_jsonl, write_json
from fewray.storage.jobs import JobStore
from tests.chromium import Watched, watched
from tests.crossval_study import CLASSES, changed, crossval_study
from tests.helpers import smooth_images
from tests.report.test_published_page import row
from tests.report.test_quality_tables import report as quality_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser

WIDTHS = (390, 1280, 1920)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an invented study with every section, and its report."""
    folder = make_run(tmp_path_factory.mktemp("run"))
    write_report(folder)
    return folder


def make_run(folder: Path) -> Path:
    """Write an invented study with images, training logs and a quality report."""
    study = crossval_study(1, repeats=2)
    study = changed(
        study, provenance={"keys": {"synthetic/0/0/0": "made"}}, data={"origin": "phantom"}
    )
    write_study(folder, study)
    store, images = JobStore(folder / "jobs"), smooth_images(4 * 6, 64, seed=1)[:, None]
    store.save_array("synthetic", "made", images)
    store.save("synthetic", "made", {"counts": [6] * 4})
    for index, label in enumerate(CLASSES):
        home = folder / "generators" / "repeat-0-fold-0" / label
        home.mkdir(parents=True)
        write_json(home / "options.json", {"label": label})
        real = smooth_images(8, 64, seed=10 + index)[:, None]
        JobStore(home).save_array("training", "seen", real)
        for epoch in (1, 2):
            append_jsonl(home / "stats.jsonl", row(epoch=epoch, epochs=2))
    (folder / "quality.json").write_bytes(msgspec.json.encode(quality_of(held_out=True)))
    return folder


@pytest.fixture
def opened(run: Path, browser: Browser) -> Iterator[Watched]:
    """Return the report, opened at 1280 pixels."""
    found = watched(browser, viewport={"width": 1280, "height": 900}, accept_downloads=True)
    found.page.goto((run / "report.html").as_uri())
    yield found
    found.assert_quiet()
    found.page.context.close()


def test_it_is_complete_without_scripts(run: Path, browser: Browser):
    found = watched(browser, java_script_enabled=False)
    page = found.page
    page.goto((run / "report.html").as_uri())
    assert page.locator(".toolbox").is_hidden()  # no control that does nothing
    assert page.locator(".exports").count() == 0
    for title in ("Each arm compared", "Confusion matrices", "Limitations", "References"):
        assert page.get_by_role("heading", name=title).is_visible()
    item = page.locator(".lens-item").first
    assert not item.locator(".lens-body").is_visible()
    item.locator("summary").click()
    assert item.get_by_alt_text("Nearest training image").is_visible()
    found.assert_quiet()
    page.context.close()


def test_switches_hide_and_highlight_everywhere(opened: Watched):
    page = opened.page
    page.get_by_text("Arms: show and highlight").click()
    rows = page.locator('tr[data-key="arm:mixup"]')
    assert rows.count() > 5
    forest = page.locator('.first svg [data-key="arm:mixup"]')
    assert forest.count() > 0
    page.get_by_label("Show mixup").uncheck()
    assert all(not each.is_visible() for each in rows.all())
    assert forest.first.evaluate("part => getComputedStyle(part).visibility") == "hidden"
    page.locator(".switch-reset").first.click()
    assert rows.first.is_visible()
    page.get_by_label("Highlight mixup").check()
    assert "is-marked" in (rows.first.get_attribute("class") or "")
    page.get_by_text("Classes: show and highlight").click()
    page.get_by_label("Show COVID-19").uncheck()
    assert not page.locator('.strip[data-key="class:covid"]').is_visible()
    assert page.locator('.strip[data-key="class:normal"]').is_visible()


def test_the_lens_follows_clicks_and_arrow_keys(opened: Watched):
    page = opened.page
    lens = page.locator(".lens").first
    panel = lens.locator(".lens-panel")
    assert "Synthetic image 1, COVID-19" in panel.inner_text()
    lens.locator("summary").nth(2).click()
    assert "Synthetic image 3," in panel.inner_text()
    page.keyboard.press("ArrowRight")
    assert "Synthetic image 4," in panel.inner_text()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert "Synthetic image 2," in panel.inner_text()
    assert lens.locator("summary").nth(1).evaluate("part => part === document.activeElement")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")  # beyond the first: stays
    assert "Synthetic image 1," in panel.inner_text()
    assert panel.get_by_alt_text("Nearest training image").is_visible()


def test_figures_and_tables_are_exported_singly_and_as_one_archive(opened: Watched, run: Path):
    page = opened.page
    with page.expect_download() as svg:
        page.locator("figure.drawing .exports").first.get_by_text("SVG").click()
    text = svg.value.path().read_text()
    assert "var(--" not in text
    assert 'xmlns="http://www.w3.org/2000/svg"' in text
    with page.expect_download() as csv:
        page.locator("#comparisons .exports").first.get_by_text("CSV").click()
    lines = csv.value.path().read_text().splitlines()
    assert lines[0].startswith("arm,verdict,difference (points),95% CI (points)")
    study = json.loads((run / "study.json").read_text())
    assert len(lines) == 1 + len(study["comparisons"])
    page.get_by_text("Export", exact=True).click()
    with page.expect_download(timeout=60_000) as everything:
        page.get_by_text("All figures and tables").click()
    with zipfile.ZipFile(io.BytesIO(everything.value.path().read_bytes())) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert len(set(names)) == len(names)
        figures, tables = (
            page.locator(kind).count() for kind in ("figure.drawing", "table.data, table.dense")
        )
        for ending, count in (("svg", figures), ("png", figures), ("csv", tables), ("tex", tables)):
            assert sum(name.endswith(f".{ending}") for name in names) == count
        picture = Image.open(archive.open(next(name for name in names if name.endswith(".png"))))
        assert np.asarray(picture.convert("L")).std() > 5  # not blank
        assert "\\toprule" in archive.read(next(n for n in names if n.endswith(".tex"))).decode()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessibility_without_serious_findings(scheme: str, run: Path, browser: Browser):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    found = watched(browser, color_scheme=scheme, bypass_csp=True)  # axe is added as a script
    found.page.goto((run / "report.html").as_uri())
    found.page.evaluate(
        "for (const part of document.querySelectorAll('details:not(.lens-item)')) part.open = true"
    )
    result: dict[str, Any] = axe.Axe().run(found.page).response
    serious = [
        (each["id"], each["nodes"][0]["target"], each["nodes"][0]["failureSummary"])
        for each in result["violations"]
        if each["impact"] in ("serious", "critical")
    ]
    assert serious == []
    found.page.context.close()


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_overflows(width: int, run: Path, browser: Browser):
    found = watched(browser, viewport={"width": width, "height": 900})
    found.page.goto((run / "report.html").as_uri())
    assert found.page.evaluate("document.documentElement.scrollWidth") <= width
    first = found.page.locator(".verdict").first.bounding_box()
    assert first is not None
    assert first["y"] < 900
    if width == 390:
        header = found.page.locator("#comparisons thead").first.bounding_box()
        assert (
            header is None or header["height"] <= 1
        )  # rows stack: the headings stand in the cells
        scrolls = "[...document.querySelectorAll('.scroll')].filter((part) => part.scrollWidth > part.clientWidth + 1).length"
        assert found.page.evaluate(scrolls) == 0
    found.assert_quiet()
    found.page.context.close()


def test_the_policy_stops_other_scripts(run: Path, browser: Browser, tmp_path: Path):
    raw = (run / "report.html").read_text(encoding="utf-8")
    path = tmp_path / "changed.html"
    path.write_text(raw.replace("</body>", "<script>document.title = 'changed'</script></body>"))
    found = watched(browser)
    found.page.goto(path.as_uri())
    assert found.page.title() != "changed"
    assert found.page.locator(".toolbox").is_visible()  # our own script still ran
    found.page.context.close()
