"""Reader studies in the app: the way of a reader, many readers at once, a killed server."""

from __future__ import annotations

import io
import json
import re
import signal
import socket
import subprocess
import zipfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from fewray.app.reader_study import access
from fewray.data.loading import load_dataset
from fewray.readers import answers
from fewray.readers.answers import read_answers
from fewray.readers.invitations import invite_reader
from fewray.readers.study import ReaderStudy, create_study, open_study
from tests.app.conftest import OPTIONS, Served, client_of, picture_of, serving, token_of

TEST = OPTIONS.num_real + OPTIONS.num_synthetic + OPTIONS.num_repeats
ALL = TEST + OPTIONS.num_practice


def answers_of(study: ReaderStudy, reader: str) -> list[str]:
    return [each.showing for each in read_answers(study.answers_folder(reader))]


def form_of(view: dict[str, Any], csrf: str, **changes: str) -> dict[str, str]:
    form = {"csrf": csrf, "showing": view["due"]["id"], "choice": "synthetic", "confidence": "2"}
    return form | {"ms": "1500", "x": "", "y": ""} | changes


class Reading:
    """A reader in a browser; ``client`` is a TestClient or a client of a real server."""

    def __init__(self, client: Any, token: str, grade: str | None = "resident") -> None:
        self.client, self.address = client, f"/read/{token}"
        self.csrf = ""
        if grade:
            self.csrf = token_of(client.get(self.address).text)
            self.post("grade", {"csrf": self.csrf, "grade": grade})

    def view(self) -> dict[str, Any]:
        return self.client.get(f"{self.address}.json").json()

    def post(self, step: str, form: dict[str, str]) -> Any:
        return self.client.post(f"{self.address}/{step}", data=form, follow_redirects=False)

    def answer(self, **changes: str) -> Any:
        return self.post("answer", form_of(self.view(), self.csrf, **changes))


@pytest.fixture
def study(served: Served) -> ReaderStudy:
    return open_study(served.runs / "readers")


@pytest.fixture
def reading(served: Served, study: ReaderStudy) -> Reading:
    return Reading(client_of(served), invite_reader(study.folder).token)


def test_a_study_is_defined_and_readers_invited(served: Served):
    client = client_of(served)
    page = client.get("/reader-studies").text
    form = {"csrf": token_of(page), "name": "new", "real": "real/0", "use:synthetic/made": "1"}
    form |= {"num_real": "4", "num_synthetic": "4", "num_practice": "2", "num_repeats": "2"}
    form |= {"ask_class": "1", "seconds": "9"}
    made = client.post("/reader-studies", data=form, follow_redirects=False)
    assert made.headers["location"] == "/reader-studies/new"
    options = open_study(served.runs / "new").options
    assert (options.num_real, options.seconds, options.ask_class) == (4, 9.0, True)
    assert not options.ask_click
    assert options.fit == "pad"  # as the generator, or its images would be told by their shape
    again = client.post("/reader-studies", data=form, follow_redirects=False)
    assert again.status_code == 422
    invited = client.post("/reader-studies/new", data={"csrf": form["csrf"], "grade": "student"})
    link = invited.text.split("http://127.0.0.1:8765")[1].split("<")[0]
    assert client.get(f"{link}.json").json()["grade"] == "student"
    renewed = client.post("/reader-studies/new", data={"csrf": form["csrf"], "renew": "reader01"})
    assert client.get(link).status_code == 404
    new = renewed.text.split("http://127.0.0.1:8765")[1].split("<")[0]
    assert client.get(new).status_code == 200
    readers = client.get("/reader-studies/new.json").json()["readers"]
    assert [(each["id"], each["grade"]) for each in readers] == [("reader01", "student")]


def test_patients_are_those_of_the_generators_training(served: Served):
    sources = served.runs / "made" / "generators.json"
    found = json.loads(sources.read_text())
    for each in found.values():
        each["training_set"]["group_regex"] = r"(\d)"  # a3.png and b3.png show one patient
    sources.write_text(json.dumps(found))
    client = client_of(served)
    form = {"csrf": token_of(client.get("/reader-studies").text), "name": "new", "real": "real/0"}
    form |= {"use:synthetic/made": "1", "num_real": "6", "num_synthetic": "4"}
    form |= {"num_practice": "2", "num_repeats": "2"}
    client.post("/reader-studies", data=form)
    file = open_study(served.runs / "new").file
    patients = [Path(item.source).stem[1:] for item in file.items if item.kind == "real"]
    assert len(set(patients)) == len(patients) == 7
    assert [each.code for each in file.warnings] == []
    assert open_study(served.runs / "readers").file.warnings[0].code == "patients_unknown"


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "../x"},
        {"name": ""},
        {"name": "gan"},
        {"name": ".x"},
        {"real": "synthetic/made"},
        {"real": "real/5"},
        {"use:synthetic/made": "", "use:real/0": "1"},
        {"num_real": "1"},
        {"num_real": "1e9"},
        {"num_real": "900"},
        {"seconds": "-1"},
    ],
)
def test_bad_designs_are_refused(served: Served, changes: dict[str, str]):
    client = client_of(served)
    form = {"name": "new", "real": "real/0", "use:synthetic/made": "1", "num_real": "4"}
    form |= {"num_synthetic": "4", "num_repeats": "2", "num_practice": "2"}
    form |= {"csrf": token_of(client.get("/reader-studies").text)} | changes
    assert client.post("/reader-studies", data=form).status_code in (404, 422)
    assert not (served.runs / "new").exists()


def test_a_reader_goes_through_the_whole_study(reading: Reading, study: ReaderStudy):
    client, seen, practice = reading.client, [], 0
    while (due := (view := reading.view())["due"]) is not None:
        page = client.get(f"{reading.address}?start=1").text
        assert f"/image/{due['id']}.png" in page
        answer = reading.answer(choice="real", confidence="5", x="0.25", y="0.75", label="a")
        assert answer.status_code == 303
        seen.append(due["id"])
        assert answers_of(study, "reader01") == seen  # on the disk before the next image
        if due["practice"]:
            practice += 1
            truth = client.get(answer.headers["location"]).text
            assert f"this image is {study.item_of[due['id']].kind}" in truth
        else:
            assert "after=" not in answer.headers["location"]
    assert (practice, len(seen)) == (OPTIONS.num_practice, ALL)
    assert view["progress"]["test_done"] == TEST
    assert "last image" in client.get(reading.address).text
    stored = read_answers(study.answers_folder("reader01"))[-1]
    assert (stored.synthetic, stored.confidence, stored.x, stored.y) == (False, 5, 0.25, 0.75)
    assert (stored.label, stored.ms) == ("a", 1500)


def test_results_are_for_the_owner(reading: Reading, served: Served, study: ReaderStudy):
    client = reading.client
    assert client.get("/reader-results/readers").status_code == 404  # nobody has finished
    assert client.get("/reader-exports/readers.zip").status_code == 404
    while reading.view()["due"] is not None:
        reading.answer(x="0.5", y="0.25")
    page = client.get("/reader-results/readers")
    assert page.status_code == 200
    assert "do not show them to" in page.text
    found = client.get("/reader-results/readers.json").json()
    assert found["readers"][0]["sensitivity"]["value"] == 1.0  # everything was called synthetic
    assert found["readers"][0]["specificity"]["value"] == 0.0
    item = study.file.items[0]
    sent = client.get(f"/reader-pictures/readers/{item.id}.png")
    assert (picture_of(sent.content) == picture_of(study.picture(item.id).read_bytes())).all()
    assert client.get("/reader-pictures/readers/none.png").status_code == 404
    with zipfile.ZipFile(io.BytesIO(client.get("/reader-exports/readers.zip").content)) as archive:
        lines = archive.read("readings.csv").decode().splitlines()
    assert len(lines) == 1 + TEST
    assert not (study.folder / "reader-results.json").exists()
    other = client_of(served, client="10.0.0.7", host="0.0.0.0")
    for address in ("/reader-results/readers", "/reader-exports/readers.zip"):
        assert other.get(address, headers={"host": "10.0.0.1:8765"}).status_code == 403


def test_nothing_that_a_reader_gets_tells_the_truth(reading: Reading, study: ReaderStudy):
    """Pages, addresses, headers and lengths are those of any other image."""
    headers, pages = set(), set()
    client = reading.client
    while (due := reading.view()["due"]) is not None:
        if not due["practice"]:
            item = study.item_of[due["id"]]
            address = f"{reading.address}/image/{due['id']}.png"
            sent = client.get(address)
            headers.add(json.dumps(sorted(sent.headers.multi_items())))
            assert picture_of(sent.content).shape == (64, 64)
            text = client.get(f"{reading.address}?start=1").text
            for secret in (item.source, item.sha256, item.picture_sha256, Path(item.source).name):
                assert secret not in text
                assert secret.encode() not in sent.content
            text = re.sub(r"<progress[^>]*>", "", text.replace(due["id"], "ID"))
            pages.add(re.sub(r"Image \d+ of", "Image N of", text))
        reading.answer()
    assert len(headers) == 1
    assert len(pages) == 1
    assert b"tEXt" not in sent.content
    assert "last-modified" not in sent.headers
    assert "etag" not in sent.headers


def test_only_the_image_that_is_due_is_sent(reading: Reading, study: ReaderStudy):
    due = reading.view()["due"]["id"]
    for showing in study.item_of:
        code = reading.client.get(f"{reading.address}/image/{showing}.png").status_code
        assert code == (200 if showing == due else 404)
    reading.answer()
    assert reading.client.get(f"{reading.address}/image/{due}.png").status_code == 200  # practice
    reading.answer()
    test = reading.view()["due"]["id"]
    reading.answer()
    assert reading.client.get(f"{reading.address}/image/{test}.png").status_code == 404


def test_the_pixels_are_those_of_the_study(reading: Reading, study: ReaderStudy):
    due = reading.view()["due"]["id"]
    sent = picture_of(reading.client.get(f"{reading.address}/image/{due}.png").content)
    assert (sent == picture_of(study.picture(due).read_bytes())).all()


def test_readers_cannot_use_each_others_forms(served: Served, study: ReaderStudy):
    client = client_of(served)
    one, other = (Reading(client, invite_reader(study.folder).token) for _ in range(2))
    form = form_of(other.view(), one.csrf)
    assert other.post("answer", form).status_code == 403
    form = form_of(one.view(), one.csrf, showing=other.view()["due"]["id"])
    one.post("answer", form)
    assert answers_of(study, "reader02") == []


@pytest.mark.parametrize(
    "changes",
    [
        {"choice": ""},
        {"choice": "maybe"},
        {"confidence": ""},
        {"confidence": "0"},
        {"confidence": "6"},
        {"confidence": "x"},
        {"ms": "-1"},
        {"ms": "x"},
        {"x": "0.5"},
        {"x": "1.5", "y": "0.5"},
        {"x": "nan", "y": "0.5"},
        {"label": "other"},
    ],
)
def test_incomplete_answers_are_refused(reading: Reading, study: ReaderStudy, changes: Any):
    assert reading.answer(**changes).status_code == 422
    assert answers_of(study, "reader01") == []


def test_an_answer_out_of_step_leads_back_to_the_due_image(reading: Reading, study: ReaderStudy):
    first = form_of(reading.view(), reading.csrf)
    reading.post("answer", first)
    before = read_answers(study.answers_folder("reader01"))
    again = reading.post("answer", first | {"choice": "real"})  # sent twice, as after a retry
    assert again.status_code == 303
    unknown = reading.post("answer", first | {"showing": "x"})
    assert unknown.headers["location"].endswith("start=1")
    assert read_answers(study.answers_folder("reader01")) == before


def test_a_grade_is_asked_once_and_checked(served: Served, study: ReaderStudy):
    client = client_of(served)
    reading = Reading(client, invite_reader(study.folder).token, grade=None)
    page = client.get(reading.address).text
    assert "You are a" in page
    form = {"csrf": token_of(page), "grade": "wizard"}
    assert reading.post("grade", form).status_code == 422
    assert reading.post("grade", form | {"grade": "student"}).status_code == 303
    assert "You are a" not in client.get(reading.address).text


def test_a_time_limit_holds_on_the_server(served: Served, monkeypatch: pytest.MonkeyPatch):
    real, made = load_dataset(served.real), {"made": load_dataset(served.runs / "made")}
    study = create_study(served.runs / "timed", real, made, OPTIONS.with_(seconds=10.0))
    reading = Reading(client_of(served), invite_reader(study.folder).token)
    start = datetime(2026, 11, 30, tzinfo=UTC)
    clock = [start]
    for module in (access, answers):
        monkeypatch.setattr(module, "now", lambda: clock[0])
    address = f"{reading.address}/image/{reading.view()['due']['id']}.png"
    assert reading.client.get(address).status_code == 200
    assert 'data-seconds="10.0"' in reading.client.get(f"{reading.address}?start=1").text
    clock[0] += timedelta(seconds=4)
    assert 'data-seconds="6.0"' in reading.client.get(f"{reading.address}?start=1").text
    clock[0] += timedelta(seconds=6 + access.GRACE - 0.1)
    assert reading.client.get(address).status_code == 200
    clock[0] += timedelta(seconds=0.2)
    assert reading.client.get(address).status_code == 404
    restarted = Reading(client_of(served), reading.address.removeprefix("/read/"), None)
    assert restarted.client.get(address).status_code == 404
    assert reading.answer(ms="").status_code == 303  # an answer still counts
    assert read_answers(study.answers_folder("reader01"))[0].ms == 15_100


def test_answers_posted_at_once_are_neither_lost_nor_double(served: Served, study: ReaderStudy):
    """Twenty readers send each of ten answers twice at the same time: 200 are stored."""
    client = client_of(served)
    readers = [
        Reading(client, invite_reader(study.folder, "student").token, None) for _ in range(20)
    ]
    for reading in readers:
        reading.csrf = token_of(client.get(reading.address).text)
    with ThreadPoolExecutor(40) as pool:
        for _ in range(10):
            forms = [(each, form_of(each.view(), each.csrf)) for each in readers]
            posts = [pool.submit(each.post, "answer", form) for each, form in forms * 2]
            assert {post.result().status_code for post in posts} == {303}
    for number in range(1, 21):
        stored = answers_of(study, f"reader{number:02d}")
        assert len(stored) == len(set(stored)) == 10


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return opened.getsockname()[1]


def test_a_killed_server_keeps_every_acknowledged_answer(served: Served, study: ReaderStudy):
    """Readers post from threads until the server is killed; each answered post is on the disk."""
    tokens = [invite_reader(study.folder, "student").token for _ in range(4)]
    port = free_port()
    acknowledged: dict[int, list[str]] = {i: [] for i in range(4)}
    origin = f"http://127.0.0.1:{port}"

    def read(i: int, process: subprocess.Popen[str]) -> None:
        with httpx.Client(base_url=origin, headers={"origin": origin}, timeout=60) as client:
            try:
                reading = Reading(client, tokens[i], None)
                reading.csrf = token_of(client.get(reading.address).text)
                while (view := reading.view())["due"] is not None:
                    form = form_of(view, reading.csrf)
                    if reading.post("answer", form).status_code == 303:
                        acknowledged[i].append(form["showing"])
                    if i == 0 and len(acknowledged[0]) == 5:
                        process.send_signal(signal.SIGKILL)
            except httpx.TransportError:
                return

    with serving(served, port) as process, ThreadPoolExecutor(4) as pool:
        list(pool.map(read, range(4), [process] * 4))
        assert process.wait(60) == -signal.SIGKILL
    for i, showings in acknowledged.items():
        stored = answers_of(study, f"reader{i + 1:02d}")
        assert stored[: len(showings)] == showings
        assert len(stored) <= len(showings) + 1  # one may be stored and not yet confirmed
    assert len(acknowledged[0]) == 5
    client = httpx.Client(base_url=origin, headers={"origin": origin}, timeout=60)
    with serving(served, port), client:
        reading = Reading(client, tokens[0], None)
        reading.csrf = token_of(client.get(f"{reading.address}?start=1").text)
        while reading.view()["due"] is not None:
            assert reading.answer().status_code == 303
    stored = answers_of(study, "reader01")
    assert stored[:5] == acknowledged[0]
    assert Counter(stored) == dict.fromkeys(study.item_of, 1)
