"""Times are written as they pass, and a damaged file of them stops nothing."""

import json
from pathlib import Path

import pytest

from fewray.storage.timing import Clock


def jobs(path: Path) -> list[str]:
    return [row["job"] for row in json.loads(path.read_text())["jobs"]]


def test_each_piece_of_work_is_written_when_it_ends_and_the_next_call_adds(tmp_path: Path):
    path = tmp_path / "timing.json"
    clock = Clock(path)
    with clock("first"):
        pass
    assert jobs(path) == ["first"]
    started = json.loads(path.read_text())["started"]
    after = Clock(path)
    with pytest.raises(KeyError), after("broken"):
        raise KeyError
    with after("second"):
        pass
    assert jobs(path) == ["first", "broken", "second"]
    assert json.loads(path.read_text())["started"] == started


def test_a_long_piece_of_work_is_written_on_the_way(tmp_path: Path):
    path = tmp_path / "timing.json"
    clock = Clock(path)
    with clock("long"):
        clock.keep()
        assert json.loads(path.read_text())["seconds"] >= 0
        path.unlink()
        clock.keep()  # just done
        assert not path.exists()


def test_a_study_that_is_refused_leaves_no_file(tmp_path: Path):
    with pytest.raises(KeyError), Clock(tmp_path / "timing.json")("films"):
        raise KeyError
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["", "{", "[]", '{"started": 1, "seconds": 2, "jobs": []}'])
def test_a_damaged_file_is_begun_anew_with_a_word(tmp_path: Path, text: str):
    path = tmp_path / "timing.json"
    path.write_text(text)
    told: list[str] = []
    with Clock(path, told.append)("work"):
        pass
    assert told == [f"{path}: cannot be read; the times begin anew"]
    assert jobs(path) == ["work"]
