"""The app in Chromium: a reader study by keyboard, live pages, accessibility, no outside request."""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
import pytest
import uvicorn

from fewray.app.server import create_app, open_sockets
from fewray.config import ReaderStudyOptions
from fewray.data.loading import load_dataset
from fewray.generators.log import read_log
from fewray.readers.answers import read_answers
from fewray.readers.invitations import invite_reader
from fewray.readers.study import ReaderStudy, create_study, open_study
from fewray.storage.files import append_jsonl
from tests.app.conftest import OPTIONS, Served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Request

ALL = OPTIONS.num_real + OPTIONS.num_synthetic + OPTIONS.num_repeats + OPTIONS.num_practice


@dataclass
class Site:
    """A server in a thread, and the pages opened on it."""

    origin: str
    browser: Browser
    complaints: list[str] = field(default_factory=list)
    opened: list[Page] = field(default_factory=list)

    def page(self, width: int = 1280, scheme: str = "light") -> Page:
        """Return a new page; messages of its console and requests to other hosts are kept."""
        size = {"width": width, "height": 900}
        context = self.browser.new_context(base_url=self.origin, viewport=size, color_scheme=scheme)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("console", lambda message: self.complaints.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("request", self._watch)
        self.opened.append(page)
        return page

    def _watch(self, request: Request) -> None:
        if not request.url.startswith((f"{self.origin}/", "data:")):
            self.complaints.append(f"request: {request.url}")


@contextmanager
def site_of(served: Served, chromium: Browser) -> Iterator[Site]:
    """Serve ``served`` from a thread while the block runs; fail if a page complained."""
    opened = open_sockets("127.0.0.1", 0)[0]
    app = create_app(served.runs, data=[str(served.real)], origin=_origin(opened.getsockname()[1]))
    app.state.context.pages.poll_seconds = 0.2
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]})
    thread.start()
    site = Site(app.state.context.origin, chromium)
    try:
        yield site
        assert not site.complaints
    finally:
        for page in site.opened:
            page.context.close()
        server.should_exit = True
        thread.join()
        opened.close()


def _origin(port: int) -> str:
    return f"http://127.0.0.1:{port}"


@pytest.fixture
def site(served: Served, browser: Browser) -> Iterator[Site]:
    with site_of(served, browser) as found:
        yield found


def check_accessible(page: Page) -> None:
    """Fail for serious findings of axe, and for a page wider than the screen."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    serious = [each for each in found if each["impact"] in ("serious", "critical")]
    shown = [(each["id"], [node["html"] for node in each["nodes"]]) for each in serious]
    assert not shown, page.url
    wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not page.evaluate(wide), f"{page.url} is wider than the screen"


PAGES = (
    "/runs",
    "/runs/gan",
    "/runs/study",
    "/compare?run=gan&run=study",
    "/images",
    "/images/synthetic/made?class=a",
    "/walk/gan?class=a&from=1&to=2",
    "/reader-studies",
    "/reader-studies/readers",
    "/runs/none",
)


@pytest.mark.parametrize(("width", "scheme", "step"), [(1280, "light", 1), (390, "dark", 2)])
def test_pages_of_the_owner(site: Site, width: int, scheme: str, step: int):
    page = site.page(width, scheme)
    for address in PAGES[::step]:
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == (404 if "none" in address else 200)
        check_accessible(page)
        empty = "[...document.images].filter((i) => i.loading != 'lazy' && !i.naturalWidth)"
        assert page.evaluate(f"{empty}.map((i) => i.src)") == []
    page.goto("/images/synthetic/made?class=a")
    page.locator(".thumbs a").first.click()
    page.wait_for_selector(".near img")
    check_accessible(page)
    name = page.locator("h1").inner_text()
    page.keyboard.press("ArrowRight")
    page.locator("h1").filter(has_not_text=name).wait_for()
    # Chromium reports the missing page on its console; nothing else may.
    site.complaints = [text for text in site.complaints if "404" not in text]


def test_the_report_opens_beside_the_app(site: Site):
    page = site.page()
    page.goto("/runs/study")
    page.get_by_role("link", name="Report").click()
    page.wait_for_url("**/reports/study")
    assert page.get_by_text("It harms.").is_visible()


def test_the_slider_walks(site: Site):
    page = site.page()
    page.goto("/walk/gan?class=a&from=1&to=2")
    page.locator("input[type=range]").focus()
    page.keyboard.press("End")
    assert "/8.png" in (page.locator(".big").get_attribute("src") or "")
    page.wait_for_url("**&step=8")  # every view is a link
    page.reload()
    assert "/8.png" in (page.locator(".big").get_attribute("src") or "")


def test_a_mark_is_made_and_removed(site: Site):
    page = site.page()
    page.goto("/images/synthetic/made?class=a")
    page.locator(".thumbs a").first.click()
    page.get_by_label("What is wrong").fill("three lungs")
    page.get_by_role("button", name="Mark as an artefact").click()
    page.get_by_text("Marked as an artefact: three lungs").wait_for()
    page.get_by_role("button", name="Remove the mark").click()
    page.get_by_role("button", name="Mark as an artefact").wait_for()


def test_runs_are_chosen_and_compared(site: Site):
    page = site.page()
    page.goto("/runs")
    button = page.get_by_role("button", name="Compare")
    assert button.is_disabled()
    page.get_by_label("Choose gan to compare").check()
    page.get_by_label("Choose study to compare").check()
    button.click()
    page.get_by_role("heading", name="Runs side by side").wait_for()


def test_a_running_page_refreshes_by_itself(site: Site, served: Served):
    folder = served.runs / "gan" / "a"
    row = read_log(folder)[-1]
    with (folder / ".lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        page = site.page()
        page.goto("/runs/gan")
        page.get_by_text("running").first.wait_for()
        page.evaluate("window.same = true")
        later = msgspec.structs.replace(row, epoch=4, epochs=9, loss_g=1.25)
        append_jsonl(folder / "stats.jsonl", msgspec.to_builtins(later))
        page.get_by_label("4 of 9 epochs").first.wait_for()
        page.locator("svg[aria-label*='Loss_G 1.25']").wait_for()
        assert page.evaluate("window.same")
    page.wait_for_selector("[data-live]:not(:has(.running))")


def read_by_keyboard(page: Page, before: Callable[[int], None] = lambda number: None) -> None:
    """Answer everything that is left of a study, without the mouse."""
    for number in range(ALL):
        page.locator("#answer, [data-enter], h1:has-text('last image')").first.wait_for()
        if page.get_by_text("last image").count():
            return
        while page.locator("[data-enter]").count():  # the truth of practice, the interlude
            press_through(page, "Enter")
        before(number)
        for key in ("s" if number % 2 else "r", str(1 + number % 5), "a"):
            page.keyboard.press(key)
        press_through(page, "Enter")


def press_through(page: Page, key: str) -> None:
    """Press a key that leads to another page."""
    with page.expect_navigation():
        page.keyboard.press(key)


def test_a_whole_study_by_keyboard_with_a_reload(site: Site, served: Served):
    study = open_study(served.runs / "readers")
    page = site.page(390, "dark")
    page.goto(f"/read/{invite_reader(study.folder).token}")
    check_accessible(page)
    page.keyboard.press("Tab")
    page.keyboard.press("Space")  # the first grade
    press_through(page, "Enter")
    begun: list[str] = []

    def before(number: int) -> None:
        showing = page.locator("[name=showing]").input_value()
        assert answers(study, "reader01") == begun  # the last answer was stored before
        begun.append(showing)
        if number == 0:
            check_accessible(page)
        if number == 5:
            page.keyboard.press("s")
            page.reload()
            assert page.locator("[name=showing]").input_value() == showing
            assert not page.locator("[name=choice]:checked").count()
        if number == 6:
            box = page.locator(".frame").bounding_box()
            assert box is not None
            page.mouse.click(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
            page.locator(".mark").wait_for()

    read_by_keyboard(page, before)
    page.get_by_text("last image").wait_for()
    check_accessible(page)
    stored = read_answers(study.answers_folder("reader01"))
    assert [each.showing for each in stored] == begun
    assert len(set(begun)) == ALL
    for number, each in enumerate(stored):
        assert (each.synthetic, each.confidence) == (bool(number % 2), 1 + number % 5)
        assert each.label == "a"
        assert each.ms > 0
    assert stored[6].x == pytest.approx(0.25, abs=0.01)
    assert stored[6].y == pytest.approx(0.5, abs=0.01)
    assert [each.x for each in stored].count(None) == ALL - 1


def answers(study: ReaderStudy, reader: str) -> list[str]:
    return [each.showing for each in read_answers(study.answers_folder(reader))]


def test_two_readers_at_once(site: Site, served: Served):
    study = open_study(served.runs / "readers")
    pages = [site.page() for _ in range(2)]
    for page in pages:
        page.goto(f"/read/{invite_reader(study.folder, 'student').token}")
    for step in range(ALL):
        for page in pages:
            while page.locator("[data-enter]").count():
                press_through(page, "Enter")
            page.locator("#answer").wait_for()
            page.keyboard.press("rs"[step % 2])
            page.keyboard.press("3")
            press_through(page, "Enter")
    first, second = answers(study, "reader01"), answers(study, "reader02")
    assert len(set(first)) == len(first) == len(second) == ALL
    assert set(first) == set(second)
    assert first != second  # each reader has an order of his own
    owner = site.page()
    owner.goto("/reader-studies/readers")
    assert owner.get_by_text(f"{ALL - 2} of {ALL - 2}").count() == 2
    owner.get_by_role("link", name="Results").click()
    owner.get_by_role("heading", name="Results of").wait_for()
    check_accessible(owner)


def test_the_image_is_covered_when_the_time_is_over(site: Site, served: Served):
    options = ReaderStudyOptions(
        num_real=2, num_synthetic=2, num_practice=0, num_repeats=0, seconds=0.5
    )
    real, made = load_dataset(served.real), {"made": load_dataset(served.runs / "made")}
    study = create_study(served.runs / "timed", real, made, options)
    page = site.page()
    page.goto(f"/read/{invite_reader(study.folder, 'student').token}")
    page.locator(".over").wait_for()
    assert page.get_by_text("The time is over").is_visible()
    page.keyboard.press("r")
    page.keyboard.press("1")
    press_through(page, "Enter")
    assert len(answers(study, "reader01")) == 1
