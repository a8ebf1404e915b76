"""Reader studies in the app when one of several is damaged, and what a reader is told."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fewray.readers.invitations import invite_reader
from fewray.readers.study import open_study
from tests.app.conftest import Served, client_of, token_of
from tests.app.test_reading import Reading


@pytest.fixture
def two(served: Served) -> tuple[Served, str]:
    """Two studies, and the token of a reader of the second."""
    shutil.copytree(served.runs / "readers", served.runs / "z-readers")
    return served, invite_reader(served.runs / "z-readers", "student").token


def test_a_damaged_study_keeps_nobody_out_of_another(two: tuple[Served, str]):
    served, token = two
    (served.runs / "readers" / "readers.json").write_text("{")
    client = client_of(served)
    assert client.get(f"/read/{token}").status_code == 200
    assert client.get("/read/wrong").status_code == 422


@pytest.mark.parametrize(("size", "reason"), [("6", "image_size 6"), ("[]", "Expected `int`")])
def test_a_study_with_impossible_options_is_listed_with_the_reason(
    two: tuple[Served, str], size: str, reason: str
):
    served, _ = two
    path = served.runs / "readers" / "reader-study.json"
    path.write_text(path.read_text().replace('"image_size": 64', f'"image_size": {size}'))
    client = client_of(served)
    for address in ("/runs", "/reader-studies", "/reader-studies/readers"):
        answer = client.get(address)
        assert answer.status_code == 200
        assert reason in answer.text


def test_a_known_reader_is_found_without_a_search(
    two: tuple[Served, str], monkeypatch: pytest.MonkeyPatch
):
    served, token = two
    client = client_of(served)
    assert client.get(f"/read/{token}").status_code == 200
    monkeypatch.setattr("fewray.app.library.Library.runs", lambda self: pytest.fail("searched"))
    assert client.get(f"/read/{token}").status_code == 200


def test_repeats_are_announced_only_if_there_are_any(served: Served):
    path = served.runs / "readers" / "reader-study.json"
    token = invite_reader(served.runs / "readers", "student").token
    client = client_of(served)
    reading = Reading(client, token, None)
    reading.csrf = token_of(client.get(reading.address).text)
    while reading.view()["due"]["practice"]:
        reading.answer()
    assert "shown twice" in client.get(reading.address).text
    path.write_text(path.read_text().replace('"num_repeats": 2', '"num_repeats": 0'))
    assert "shown twice" not in client.get(reading.address).text


def test_a_linked_picture_is_not_sent(served: Served, tmp_path: Path):
    study = open_study(served.runs / "readers")
    picture = study.picture(study.file.items[0].id)
    shutil.move(picture, tmp_path / "elsewhere.png")
    picture.symlink_to(tmp_path / "elsewhere.png")
    address = f"/reader-pictures/{study.folder.name}/{study.file.items[0].id}.png"
    assert client_of(served).get(address).status_code == 404


@pytest.mark.parametrize(
    "file", ["readers.json", "reader-study.json", "answers/reader01/answers.jsonl"]
)
def test_a_file_that_cannot_be_opened_keeps_nobody_out_of_another(
    two: tuple[Served, str], file: str
):
    """As a file of another user of the machine. A folder in its place cannot be read either."""
    served, token = two
    invite_reader(served.runs / "readers", "student")
    path = served.runs / "readers" / file
    path.unlink(missing_ok=True)
    path.mkdir(parents=True)
    client = client_of(served)
    assert client.get(f"/read/{token}").status_code == 200
    listed = client.get("/reader-studies")
    assert listed.status_code == 200
    if not file.startswith("answers"):
        assert "cannot be read" in listed.text
    assert "cannot be read" in client.get("/reader-studies/readers").text
