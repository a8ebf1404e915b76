"""Readers of a study, and studies made twice at once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fewray.data.loading import load_dataset
from fewray.errors import InputError
from fewray.readers.invitations import READERS, invite_reader
from fewray.readers.study import STUDY, create_study, open_study
from tests.readers.test_answers import SMALL, folder_of_images


@pytest.mark.parametrize("removed", ["reader01", "reader02", "reader03"])
def test_nobody_gets_the_name_of_another_reader(tmp_path: Path, removed: str):
    """A reader was taken out of readers.json, as one that only tried the link."""
    for _ in range(3):
        invite_reader(tmp_path)
    (tmp_path / "answers" / "reader03").mkdir(parents=True)
    path = tmp_path / READERS
    found = json.loads(path.read_text())
    kept = [each for each in found["readers"] if each["id"] != removed]
    path.write_text(json.dumps({"readers": kept}))
    new = invite_reader(tmp_path).reader.id
    assert new not in {"reader03", *(each["id"] for each in kept)}


def test_a_study_made_twice_at_once_is_made_once(tmp_path: Path):
    """A double click on the button."""
    real = load_dataset(folder_of_images(tmp_path / "real", 12, 0))
    made = {"a": load_dataset(folder_of_images(tmp_path / "a", 12, 1))}

    def make() -> str:
        try:
            create_study(tmp_path / "study", real, made, SMALL)
        except InputError as error:
            return error.code
        return "made"

    with ThreadPoolExecutor(4) as pool:
        ends = list(pool.map(lambda _: make(), range(4)))
    assert sorted(ends) == ["made", *["study_exists"] * 3]
    assert (tmp_path / "study" / STUDY).is_file()
    pictures = len(list((tmp_path / "study" / "images").iterdir()))
    assert pictures == len(open_study(tmp_path / "study").file.items)
