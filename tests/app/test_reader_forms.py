"""Forms of the owner of reader studies: reloads, refusals, and what readers are told is stored."""

from __future__ import annotations

import html
import re

import pytest
from starlette.testclient import TestClient

from fewray.app.reader_study import links
from fewray.app.reader_study.links import NewLinks
from fewray.readers.invitations import invite_reader
from fewray.readers.study import ReaderStudy, open_study
from tests.app.conftest import Served, client_of, token_of
from tests.app.test_reading import Reading

PAGE = "/reader-studies/readers"
LINK = re.compile(r"http://127\.0\.0\.1:8765(/read/[\w-]+)")


@pytest.fixture
def owner(served: Served) -> TestClient:
    return client_of(served)


@pytest.fixture
def study(served: Served) -> ReaderStudy:
    return open_study(served.runs / "readers")


def posted(owner: TestClient, **form: str) -> str:
    """Post a form of the study's page; return the address that it leads to."""
    form["csrf"] = token_of(owner.get(PAGE).text)
    answer = owner.post(PAGE, data=form, follow_redirects=False)
    assert answer.status_code == 303
    return answer.headers["location"]


def test_a_reload_after_an_invitation_changes_nothing(owner: TestClient, study: ReaderStudy):
    address = posted(owner, grade="student")
    owner.head(address)  # shows nothing, so it uses nothing up
    owner.get(address.replace("?", ".json?"))
    (link,) = LINK.findall(owner.get(address).text)
    again = owner.get(address).text
    assert not LINK.findall(again)
    assert "shown only once" in again
    assert [each.id for each in study.readers] == ["reader01"]
    assert owner.get(link).status_code == 200


def test_a_reload_after_a_new_link_leaves_the_link_valid(owner: TestClient, study: ReaderStudy):
    old = f"/read/{invite_reader(study.folder).token}"
    address = posted(owner, renew="reader01")
    (link,) = LINK.findall(owner.get(address).text)
    owner.get(address)
    assert owner.get(link).status_code == 200
    assert owner.get(old).status_code == 404


def test_links_that_nobody_looked_at_are_dropped(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(links, "MOST", 2)
    waiting = NewLinks()
    keys = [waiting.keep(f"reader{i}", f"link{i}") for i in range(3)]
    taken = [waiting.take(key) for key in (*keys, keys[2], "unknown")]
    assert taken == [None, ("reader1", "link1"), ("reader2", "link2"), None, None]


def test_a_new_link_is_offered_with_a_warning_until_the_reader_has_finished(
    owner: TestClient, study: ReaderStudy
):
    reading = Reading(owner, invite_reader(study.folder).token)
    assert '</button> <span class="soft">the old link ends at once' in owner.get(PAGE).text
    while reading.view()["due"] is not None:
        reading.answer()
    page = owner.get(PAGE).text
    assert "New link" not in page
    assert ">finished<" in page


def test_readers_are_told_what_is_stored(owner: TestClient, study: ReaderStudy):
    page = owner.get(f"/read/{invite_reader(study.folder).token}").text
    for word in ("your grade", "your answers", "where you click", "when and for how long"):
        assert word in page


def test_a_form_that_is_refused_comes_back_as_it_was_filled_in(owner: TestClient, served: Served):
    page = owner.get("/reader-studies").text
    assert "real (18 images; 9 images per class)" in page
    assert "16 images; 8 images per class" in page
    form = {"csrf": token_of(page), "name": "my-study", "real": "real/0", "num_real": "60"}
    form |= {"use:synthetic/made": "1", "num_synthetic": "8", "seconds": "7", "ask_class": "1"}
    form |= {"num_repeats": "2"}
    answer = owner.post("/reader-studies", data=form)
    assert answer.status_code == 422
    text = html.unescape(answer.text)
    assert "Real images of a: 9 different files, expected at least" in text
    assert text.index("expected at least") < text.index("<form")
    for name, value in (("name", "my-study"), ("num_real", "60"), ("seconds", "7")):
        assert re.search(f'name="{name}"[^>]* value="{value}"', text)
    checked = re.findall(r'name="([^"]+)" value="1" checked', text)
    assert checked == ["use:synthetic/made", "ask_class"]  # the click was not asked for
    assert not (served.runs / "my-study").exists()
    form |= {"csrf": token_of(text), "num_real": "8", "num_practice": "2", "num_repeats": "2"}
    made = owner.post("/reader-studies", data=form, follow_redirects=False)
    assert made.headers["location"] == "/reader-studies/my-study"


def test_a_refusal_names_the_field_as_the_form_does(owner: TestClient):
    form = {"csrf": token_of(owner.get("/reader-studies").text), "name": "x", "real": "real/0"}
    form |= {"use:synthetic/made": "1", "num_real": "6", "num_synthetic": "6", "num_repeats": "9"}
    text = owner.post("/reader-studies", data=form).text
    assert "Shown twice: num_repeats 9: expected" in text
    assert 'for="num_repeats">Shown twice<' in text


def test_what_a_form_holds_is_escaped_when_it_comes_back(owner: TestClient):
    bad = '"><script>alert(1)</script>'
    form = {"csrf": token_of(owner.get("/reader-studies").text), "name": bad, "num_real": bad}
    answer = owner.post("/reader-studies", data=form)
    assert answer.status_code == 422
    assert "<script>alert" not in answer.text


def test_unequal_classes_are_noted_on_the_page(owner: TestClient):
    page = owner.get("/reader-studies").text
    assert "multiples of the number of classes" in page
    form = {"csrf": token_of(page), "name": "odd", "real": "real/0", "use:synthetic/made": "1"}
    form |= {"num_real": "5", "num_synthetic": "4", "num_practice": "2", "num_repeats": "2"}
    shown = owner.post("/reader-studies", data=form).text
    assert "not equal among the 5 real images: 3 a, 2 b" in shown
