"""Answers that come days after the image, or after the clock of the machine was set back."""

from __future__ import annotations

import json

import pytest

from fewray.readers.answers import SHOWN, read_answers
from fewray.readers.invitations import invite_reader
from fewray.readers.study import open_study
from tests.app.conftest import Served, client_of
from tests.app.test_reading import Reading


@pytest.mark.parametrize(
    ("shown", "ms"), [("2020-01-01T00:00:00Z", 86_400_000), ("2120-01-01T00:00:00Z", 0)]
)
def test_an_image_can_be_answered_at_any_later_time(served: Served, shown: str, ms: int):
    """Without a time from the browser: no scripts, or the picture is not sent any more."""
    study = open_study(served.runs / "readers")
    reading = Reading(client_of(served), invite_reader(study.folder).token)
    folder = study.answers_folder("reader01")
    folder.mkdir(parents=True)
    line = {"showing": reading.view()["due"]["id"], "at": shown}
    (folder / SHOWN).write_text(json.dumps(line) + "\n")
    assert reading.answer(ms="").status_code == 303
    assert [each.ms for each in read_answers(folder)] == [ms]


def test_a_time_without_a_zone_is_damage(served: Served):
    study = open_study(served.runs / "readers")
    reading = Reading(client_of(served), invite_reader(study.folder).token)
    folder = study.answers_folder("reader01")
    folder.mkdir(parents=True)
    line = {"showing": reading.view()["due"]["id"], "at": "2026-11-30T12:00:00"}
    (folder / SHOWN).write_text(json.dumps(line) + "\n")
    assert reading.client.get(f"{reading.address}?start=1").status_code == 422
