"""Runs whose folders have unusual names: each is shown, or listed with the reason."""

from __future__ import annotations

import io
import os
import shutil
from urllib.parse import quote
from zipfile import ZipFile

import pytest

from fewray.readers.invitations import invite_reader
from tests.app.conftest import Served, client_of
from tests.app.test_reading import ALL, Reading


@pytest.mark.parametrize("name", [b"caf\xe9", b"two\nlines", b"last.json"])
def test_a_name_that_no_address_has_is_listed_with_the_reason(served: Served, name: bytes):
    (served.runs / "study").rename(served.runs / os.fsdecode(name))
    client = client_of(served)
    assert "No address can name this folder" in client.get("/runs").text
    rows = {row["name"]: row for row in client.get("/runs.json").json()}
    assert rows["gan"]["state"] == "complete"
    assert [row["misnamed"] for row in rows.values()].count(True) == 1
    for page in ("/images", "/reader-studies"):
        assert client.get(page).status_code == 200


def test_readers_of_a_study_with_such_a_name_can_go_on(served: Served):
    token = invite_reader(served.runs / "readers").token
    (served.runs / "readers").rename(served.runs / os.fsdecode(b"caf\xe9"))
    client = client_of(served)
    assert client.get(f"/read/{token}").status_code == 200
    assert client.get("/reader-studies").status_code == 200


def test_the_served_folder_may_have_such_a_name(served: Served):
    renamed = served.runs.rename(served.runs.parent / os.fsdecode(b"caf\xe9"))
    (renamed / "readers" / "readers.json").mkdir()
    (renamed / "study" / "study.json").write_text("{")
    client = client_of(Served(renamed, served.real))
    for page in ("/runs", "/reader-studies", "/reader-studies/readers", "/nothing"):
        assert client.get(page).status_code in (200, 404)
        assert client.get(f"{page}.json").status_code in (200, 404)


@pytest.mark.parametrize("name", ["a#b", "a?b", "日本", "a b"])
@pytest.mark.parametrize("kind", ["made", "readers"])
def test_the_list_leads_to_the_page(served: Served, name: str, kind: str):
    (served.runs / kind).rename(served.runs / name)
    assert client_of(served).get(f"/runs/{quote(name)}").status_code == 200


@pytest.mark.parametrize("name", ["日本", 'a"b'])
def test_readings_are_saved_under_any_name(served: Served, name: str):
    folder = served.runs / name
    shutil.move(served.runs / "readers", folder)
    client = client_of(served)
    reading = Reading(client, invite_reader(folder).token)
    for _ in range(ALL):
        reading.answer()
    sent = client.get(f"/reader-exports/{quote(name)}.zip")
    assert sent.headers["content-disposition"].endswith(f"utf-8''{quote(name)}-readings.zip")
    assert len(ZipFile(io.BytesIO(sent.content)).namelist()) == 2
