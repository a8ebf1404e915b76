"""What the app refuses, and what every response carries."""

import re
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from fewray.app import security
from fewray.app.library import Library
from fewray.readers.invitations import invite_reader
from tests.app.conftest import ORIGIN, Served, client_of, token_of
from tests.helpers import refused

PAGES = (
    "/runs",
    "/runs/gan",
    "/runs/study",
    "/images",
    "/images/real/0",
    "/images/synthetic/made",
    "/reader-studies",
    "/reader-studies/readers",
    "/walk/gan?class=a&from=0&to=1",
    "/compare?run=gan&run=study",
)


def with_json(page: str) -> str:
    path, _, query = page.partition("?")
    return f"{path}.json?{query}"


@pytest.mark.parametrize("page", PAGES)
def test_every_page_has_json_and_the_headers(client: TestClient, page: str):
    shown, data = client.get(page), client.get(with_json(page))
    assert (shown.status_code, data.status_code) == (200, 200)
    assert data.headers["content-type"] == "application/json"
    assert data.json() is not None
    for answer in (shown, data):
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("page", PAGES)
def test_no_page_names_another_site_or_has_inline_code(client: TestClient, page: str):
    text = client.get(page).text
    assert not re.findall(r"(?:src|href|action)=\"(?:https?:)?//", text)
    assert not re.findall(r"<script(?! src=\"/static/)|<style|\sstyle=|\son[a-z]+=", text)


TRAVERSAL = (
    "/runs/../../etc",
    "/runs/%2e%2e/%2e%2e/etc/passwd",
    "/runs/..%2f..%2fetc%2fpasswd",
    "/runs/gan/../../real",
    "/runs/.hidden",
    "/runs//etc",
    "/runs/gan%00",
    "/runs/" + "a" * 5000,
    "/reports/../secret",
    "/reports/secret",
    "/reports/gan/..%2f..",
    "/grids/gan/a/checkpoint.safetensors",
    "/grids/gan/a/options.json",
    "/grids/gan/a/../../../real/a/a0.png",
    "/grids/link/a/reals.png",
    "/static/../app/server.py",
    "/static/..%2fserver.py",
    "/static/app.css%00",
    "/images/synthetic/../../real",
    "/images/synthetic/..%2f..",
    "/images/real/1",
    "/images/real/-1",
    "/images/real/../0",
    "/pixels/synthetic/made/../../real.png",
    "/pixels/real/0/00000000000000000000.png",
    "/image/real/0/..%2f..%2fetc",
    "/walk/..%2f..",
    "/reader-studies/gan",
    "/reader-studies/../gan",
    "/nothing",
)


@pytest.mark.parametrize("address", TRAVERSAL)
def test_files_outside_are_not_found(served: Served, address: str):
    secret = served.runs.parent / "secret"
    secret.mkdir(exist_ok=True)
    (secret / "report.html").write_text("nobody sees this")
    (served.runs / "link").symlink_to(secret)
    answer = client_of(served).get(address, follow_redirects=False)
    assert answer.status_code in (400, 404, 422)
    assert "nobody sees this" not in answer.text


def test_a_linked_report_is_not_sent(served: Served):
    (served.runs / "gan" / "report.html").symlink_to(served.real / "a" / "a0.png")
    assert client_of(served).get("/reports/gan").status_code == 404


def test_a_table_cannot_name_files_outside_its_folder(served: Served):
    table = served.runs / "made" / "manifest.csv"
    text = table.read_text().replace("a/seed000000.png", str(served.real / "a" / "a0.png"), 1)
    table.write_text(text)
    assert client_of(served).get("/images/synthetic/made").status_code == 422


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "10.0.0.7", "a b"])
def test_another_host_is_refused(client: TestClient, host: str):
    assert client.get("/runs", headers={"host": host}).status_code == 400


@pytest.mark.parametrize("host", ["localhost:8765", "127.0.0.1", "[::1]:8765"])
def test_names_of_this_machine_are_accepted(client: TestClient, host: str):
    assert client.get("/runs", headers={"host": host}).status_code == 200


def test_other_machines_see_pages_of_readers_only(served: Served):
    token = invite_reader(served.runs / "readers").token
    other = client_of(served, client="10.0.0.7", host="0.0.0.0")
    there = {"host": "10.0.0.1:8765"}
    for page in (*PAGES, "/reports/study", "/grids/gan/a/reals.png", "/"):
        assert other.get(page, headers=there).status_code == 403
        # A forged Host or forwarding header does not make it this machine.
        forged = {"host": "127.0.0.1:8765", "x-forwarded-for": "127.0.0.1", "forwarded": "for=::1"}
        assert other.get(page, headers=forged).status_code == 403
    assert other.get(f"/read/{token}", headers=there).status_code == 200
    assert other.get("/static/app.css", headers=there).status_code == 200
    assert other.get(f"/read/{token}", headers={"host": "evil.example"}).status_code == 400


@pytest.mark.parametrize("token", ["x", "a" * 43, "a" * 101, "%00", "ä"])
def test_forged_tokens_are_not_found(client: TestClient, token: str):
    answers = [
        client.get(f"/read/{token}"),
        client.get(f"/read/{token}.json"),
        client.get(f"/read/{token}/image/x.png"),
        client.post(f"/read/{token}/answer", data={"csrf": "x"}),
        client.post(f"/read/{token}/grade", data={"csrf": "x"}),
    ]
    assert {answer.status_code for answer in answers} == {404}


FOREIGN: list[dict[str, Any]] = [
    {"origin": "http://evil.example"},
    {"origin": "null"},
    {"origin": "http://[x"},
    {"origin": "http://127.0.0.1:9999"},
    {"origin": "http://127.0.0.1:8765.evil.example"},
    {"origin": ORIGIN, "sec-fetch-site": "cross-site"},
    {"origin": ORIGIN, "sec-fetch-site": "same-site"},
    {"origin": ORIGIN, "sec-fetch-site": "none"},
]


@pytest.mark.parametrize("headers", FOREIGN)
def test_posts_of_other_sites_are_refused(served: Served, headers: dict[str, str]):
    client = client_of(served)
    token = invite_reader(served.runs / "readers").token
    form = {"csrf": token_of(client.get("/reader-studies/readers").text)}
    reader = {"csrf": token_of(client.get(f"/read/{token}").text), "grade": "student"}
    assert client.post("/reader-studies/readers", data=form, headers=headers).status_code == 403
    assert client.post(f"/read/{token}/grade", data=reader, headers=headers).status_code == 403
    assert client.post("/marks", data=form, headers=headers).status_code == 403
    assert len(client.get("/reader-studies/readers.json").json()["readers"]) == 1


def test_a_post_without_any_origin_is_refused(served: Served):
    client = client_of(served)
    form = {"csrf": token_of(client.get("/reader-studies/readers").text)}
    del client.headers["origin"]
    assert client.post("/reader-studies/readers", data=form).status_code == 403
    site = {"sec-fetch-site": "same-origin"}
    assert client.post("/reader-studies/readers", data=form, headers=site).status_code == 200


@pytest.mark.parametrize("csrf", ["", "x", "0" * 64, "ä"])
def test_forms_need_their_token(served: Served, csrf: str):
    client = client_of(served)
    token = invite_reader(served.runs / "readers").token
    posts = [
        ("/reader-studies", {"name": "new"}),
        ("/reader-studies/readers", {}),
        ("/marks", {"run": "gan", "class": "a", "seed": "0", "marked": "1"}),
        (f"/read/{token}/grade", {"grade": "student"}),
        (f"/read/{token}/answer", {}),
    ]
    for address, fields in posts:
        assert client.post(address, data={**fields, "csrf": csrf}).status_code == 403
    assert client.get(f"/read/{token}.json").json()["grade"] is None
    assert not (served.runs / "new").exists()


def test_oversized_and_malformed_bodies_are_refused(client: TestClient):
    kind = {"content-type": "application/x-www-form-urlencoded"}
    large = b"csrf=" + b"x" * security.MAX_BODY
    assert client.post("/marks", content=large, headers=kind).status_code == 413
    assert client.post("/marks", content=iter([large, large]), headers=kind).status_code == 413
    many = "&".join(f"a{i}=1" for i in range(1000))
    assert client.post("/marks", content=many, headers=kind).status_code == 400
    assert client.post("/marks", content=b"\xff\xfe", headers=kind).status_code == 400
    assert client.post("/marks", json={"csrf": "x"}).status_code == 415
    assert client.post("/marks").status_code == 415
    for bad in ("-1", "x", "9" * 30):
        assert client.get("/runs", headers={"content-length": bad}).status_code == 413


def test_other_methods_are_refused(client: TestClient):
    for method in ("PUT", "DELETE", "PATCH", "TRACE"):
        assert client.request(method, "/runs").status_code == 405
    assert client.post("/runs").status_code == 405
    assert client.get("/marks").status_code == 405


def test_the_scripts_of_a_report_are_cut_off(client: TestClient):
    answer = client.get("/reports/study")
    policy = answer.headers["content-security-policy"]
    assert answer.text.endswith("It harms.")
    assert "sandbox" in policy
    assert "allow-same-origin" not in policy
    assert "connect-src" not in policy
    assert "default-src 'none'" in policy


def test_names_are_escaped(served: Served):
    name = '<img src=x onerror=alert(1)>"&'
    (served.runs / "gan").rename(served.runs / name)
    client = client_of(served)
    assert "<img src=x" not in client.get("/runs").text
    from urllib.parse import quote

    shown = client.get(f"/runs/{quote(name)}")
    assert shown.status_code == 200
    assert "<img src=x" not in shown.text


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        ("10.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("localhost.evil.example", False),
        ("2130706433", False),
        ("", False),
    ],
)
def test_what_counts_as_this_machine(host: str, own: bool):
    assert security.is_loopback(host) is own


def test_the_served_folder_must_exist(tmp_path: Path):
    with refused("runs_folder"):
        Library(tmp_path / "none")
    (tmp_path / "file").touch()
    with refused("runs_folder"):
        Library(tmp_path / "file")


@pytest.mark.parametrize(
    "address",
    [
        "/images/real/0?page=--5",
        "/images/real/0?page=-",
        "/difference/real/0/{image}.png",
        "/difference/real/0/{image}.png?set=real/0",
        "/static/" + "a" * 300 + ".css",
    ],
)
def test_nonsense_in_an_address_is_no_failure_of_the_app(client: TestClient, address: str):
    image = re.findall(r"/image/real/0/([0-9a-f]+)", client.get("/images/real/0").text)[0]
    assert client.get(address.format(image=image)).status_code in (404, 422)


def test_readers_on_other_machines_see_no_path(served: Served):
    token = invite_reader(served.runs / "readers", "student").token
    far = client_of(served, client="192.0.2.7", host="0.0.0.0")
    far.base_url = "http://192.0.2.1:8765"
    (served.runs / "readers" / "answers" / "reader01").mkdir(parents=True)
    log = served.runs / "readers" / "answers" / "reader01" / "answers.jsonl"
    log.write_text("no answer\n")
    for address in (f"/read/{token}", f"/read/{token}.json", "/read/wrong", "/static/wrong.css"):
        answer = far.get(address)
        assert answer.status_code in (404, 422)
        assert str(served.runs.parent) not in answer.text
        assert "/runs" not in answer.text
    assert "Tell the person who invited you" in far.get(f"/read/{token}").text
