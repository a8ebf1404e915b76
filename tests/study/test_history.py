"""history.jsonl: a later study lists the earlier ones, a repeated study does not."""

from pathlib import Path

import pytest

from fewray.config import CrossvalOptions
from fewray.results.crossval import EarlierStudy
from fewray.study.history import HISTORY, record_finished

FIRST = CrossvalOptions(seeds=2, arms=("no_augmentation", "classic", "synthetic"))
ENTRY = EarlierStudy(reference="classic", arms=FIRST.arms, seeds=2)


def test_the_first_study_and_its_repetition_have_no_history(tmp_path: Path):
    assert record_finished(tmp_path, FIRST) == ()
    before = (tmp_path / HISTORY).read_bytes()
    assert record_finished(tmp_path, FIRST) == ()
    assert record_finished(tmp_path, FIRST.with_(arms=FIRST.arms[::-1], folds=7)) == ()
    assert (tmp_path / HISTORY).read_bytes() == before


@pytest.mark.parametrize(
    "changes",
    [{"seeds": 3}, {"reference": "no_augmentation"}, {"arms": ("no_augmentation", "classic")}],
)
def test_a_later_study_lists_the_earlier_ones(tmp_path: Path, changes: dict):
    record_finished(tmp_path, FIRST)
    later = FIRST.with_(**changes)
    for _ in range(2):
        assert record_finished(tmp_path, later) == (ENTRY,)
    assert record_finished(tmp_path, FIRST) == ()  # the first one stays the first
    third = record_finished(tmp_path, FIRST.with_(seeds=9))
    assert [each.seeds for each in third] == [2, later.seeds]


@pytest.mark.parametrize("text", ["", "{", "{}\n", '{"reference": 1, "arms": [], "seeds": 1}\n'])
def test_damaged_lines_are_ignored(tmp_path: Path, text: str):
    (tmp_path / HISTORY).write_text(text)
    assert record_finished(tmp_path, FIRST) == ()
    assert record_finished(tmp_path, FIRST.with_(seeds=9)) == (ENTRY,) or text == "{"
