"""Times are written as they pass, and a damaged file of times stops nothing."""

import json
from pathlib import Path

import pytest

from fewray.storage.timing import Clock


def jobs(path: Path) -> list[str]:
    return [row["job"] for row in json.loads(path.read_text())["jobs"]]


def test_each_job_is_written_when_it_ends_and_the_next_call_adds(tmp_path: Path):
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


def test_times_are_written_during_a_long_job(tmp_path: Path):
    path = tmp_path / "timing.json"
    clock = Clock(path)
    with clock("long"):
        clock.keep()
        assert json.loads(path.read_text())["seconds"] >= 0
        path.unlink()
        clock.keep()  # just done
        assert not path.exists()


def test_a_study_that_is_refused_leaves_no_file(tmp_path: Path):
    with pytest.raises(KeyError), Clock(tmp_path / "timing.json")("images"):
        raise KeyError
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["", "{", "[]", '{"started": 1, "seconds": 2, "jobs": []}'])
def test_a_damaged_file_is_replaced_with_a_warning(tmp_path: Path, text: str):
    path = tmp_path / "timing.json"
    path.write_text(text)
    warnings: list[str] = []
    with Clock(path, warnings.append)("work"):
        pass
    assert warnings == [f"{path}: cannot be read; the recorded times start again from zero"]
    assert jobs(path) == ["work"]
