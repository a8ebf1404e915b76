"""What a folder says of the studies in it: another protocol is refused, and a later trial tells of the earlier ones."""

import json
from pathlib import Path

import pytest

from fewray.config import CrossvalOptions, PublishedOptions
from fewray.data.manifest import Manifest, Row
from fewray.errors import InputError
from fewray.study.crossval.folding import FOLDING
from fewray.study.crossval.run import run_crossval
from fewray.study.history import FINISHED, check_protocol, keep_finished
from fewray.study.published.run import run_published

FIRST = CrossvalOptions(
    seeds=2, arms=("no_augmentation", "classic", "synthetic"), reference="classic"
)
ENTRY = {"reference": "classic", "arms": ["no_augmentation", "classic", "synthetic"], "seeds": 2}
ROWS = tuple(
    Row(
        path=Path(f"{label}{p}.png"),
        label=label,
        group=f"{label}{p}",
        sha256=f"{label}{p}",
        split=split,
    )
    for label in "ab"
    for p, split in enumerate(("train", "test"))
)
DATA = Manifest(name="made up", classes=("a", "b"), rows=ROWS)


def test_the_first_study_and_the_same_again_tell_nothing(tmp_path: Path):
    assert keep_finished(tmp_path, FIRST) == []
    before = (tmp_path / FINISHED).read_bytes()
    assert keep_finished(tmp_path, FIRST) == []
    assert keep_finished(tmp_path, FIRST.with_(arms=FIRST.arms[::-1], folds=7)) == []
    assert (tmp_path / FINISHED).read_bytes() == before


@pytest.mark.parametrize(
    "changes",
    [{"seeds": 3}, {"reference": "no_augmentation"}, {"arms": ("no_augmentation", "classic")}],
)
def test_a_later_study_tells_of_the_earlier_ones(tmp_path: Path, changes: dict):
    keep_finished(tmp_path, FIRST)
    later = FIRST.with_(**changes)
    for _ in range(2):  # run again it says the same
        assert keep_finished(tmp_path, later) == [ENTRY]
    assert keep_finished(tmp_path, FIRST) == []  # the first one was first
    third = keep_finished(tmp_path, FIRST.with_(seeds=9))
    assert [each["seeds"] for each in third] == [2, later.seeds]


@pytest.mark.parametrize(
    "text", ["", "{", "{}", "[1, {}]", '[{"reference": 1, "arms": [], "seeds": 1}]']
)
def test_a_damaged_record_is_begun_anew(tmp_path: Path, text: str):
    (tmp_path / FINISHED).write_text(text)
    assert keep_finished(tmp_path, FIRST) == []
    assert json.loads((tmp_path / FINISHED).read_text()) == [ENTRY]


def test_the_published_protocol_is_refused_in_a_trial_s_folder(tmp_path: Path):
    study = tmp_path / "study.json"
    study.write_text('{"protocol": "crossval"}')
    message = r"holds a study of --protocol crossval; --protocol published was given: choose another --out"
    with pytest.raises(InputError, match=message):
        run_published(DATA, PublishedOptions(), tmp_path)
    assert study.read_text() == '{"protocol": "crossval"}'


def test_a_trial_is_refused_in_the_folder_of_the_published_protocol(tmp_path: Path):
    (tmp_path / "study.json").write_text('{"protocol": "published"}')
    with pytest.raises(
        InputError, match=r"holds a study of --protocol published; --protocol crossval was given"
    ):
        run_crossval(DATA, FIRST, tmp_path)


def test_a_trial_that_was_begun_counts_too(tmp_path: Path):
    (tmp_path / FOLDING).write_text("{}")
    check_protocol(tmp_path, "published")
    (tmp_path / "jobs").mkdir()
    with pytest.raises(InputError, match="--protocol crossval"):
        check_protocol(tmp_path, "published")
    check_protocol(tmp_path, "crossval")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"protocol": ["crossval"]}'])
def test_a_damaged_study_binds_nobody(tmp_path: Path, text: str):
    (tmp_path / "study.json").write_text(text)
    check_protocol(tmp_path, "published")
    check_protocol(tmp_path, "crossval")


def test_a_file_in_the_place_of_the_jobs_is_named(tmp_path: Path):
    (tmp_path / "jobs").write_text("x")
    with pytest.raises(InputError, match="a file where the folder of the jobs is wanted"):
        run_crossval(DATA, FIRST, tmp_path)
