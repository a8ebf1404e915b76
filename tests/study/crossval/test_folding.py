"""Another trial in a folder is refused as what it is, before it looks like a leak."""

from dataclasses import replace
from pathlib import Path

import pytest

from fewray.data.loading import load_dataset
from fewray.errors import InputError
from fewray.study.crossval.folding import FOLDING, check_folding, folding_of, keep_folding
from fewray.study.crossval.run import run_crossval
from tests.helpers import OPTIONS, SERIAL, manifest_of, noise_dataset

DATA = manifest_of("a", "a", "b", "b")


def begun(out: Path) -> Path:
    keep_folding(out, folding_of(DATA, OPTIONS))
    (out / "jobs").mkdir()
    return out


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"seed": 1},
            "this folder holds a trial with --seed 0; --seed 1 was given: choose another --out",
        ),
        ({"folds": 3}, "this folder holds a trial with --folds 2; --folds 3 was given"),
        ({"keep_test": True}, "this folder holds a trial without --keep-test; it was given"),
    ],
)
def test_other_folds_are_refused_before_a_film_is_read(tmp_path: Path, changes: dict, message: str):
    with pytest.raises(InputError, match=message):
        run_crossval(DATA, OPTIONS.with_(**changes), begun(tmp_path), machine=SERIAL)


def test_other_films_and_other_patients_are_told_apart(tmp_path: Path):
    out = begun(tmp_path)
    fewer = replace(DATA, rows=DATA.rows[1:])
    with pytest.raises(
        InputError, match=r"of other films than these \(then made up, now made up\)"
    ):
        check_folding(out, folding_of(fewer, OPTIONS))
    joined = replace(DATA, rows=(replace(DATA.rows[0], group="patient 1"), *DATA.rows[1:]))
    with pytest.raises(
        InputError, match="of the same films under other patients; give the same --group-regex"
    ):
        check_folding(out, folding_of(joined, OPTIONS))


def test_what_folds_nothing_may_change(tmp_path: Path):
    options = OPTIONS.with_(
        seeds=5, ratios=(2.0,), arms=("classic", "pca"), repeats=3, generator_repeats=2
    )
    moved = replace(
        DATA,
        rows=tuple(replace(row, path=Path("/elsewhere") / row.path) for row in DATA.rows[::-1]),
    )
    check_folding(begun(tmp_path), folding_of(moved, options))


def test_a_folder_without_the_file_goes_on_and_gets_none(tmp_path: Path):
    (tmp_path / "generators").mkdir()
    other = folding_of(DATA, OPTIONS.with_(seed=9))
    check_folding(tmp_path, other)
    keep_folding(tmp_path, other)
    assert not (tmp_path / FOLDING).exists()


def test_a_trial_that_made_nothing_binds_nobody(tmp_path: Path):
    keep_folding(tmp_path, folding_of(DATA, OPTIONS))
    other = folding_of(DATA, OPTIONS.with_(seed=9))
    check_folding(tmp_path, other)
    keep_folding(tmp_path, other)
    (tmp_path / "jobs").mkdir()
    with pytest.raises(InputError, match="--seed 9"):
        check_folding(tmp_path, folding_of(DATA, OPTIONS))


def test_a_later_study_in_the_folder_tells_of_the_earlier_one_whenever_it_is_run(tmp_path: Path):
    films, out = load_dataset(noise_dataset(tmp_path / "films", {"a": 6, "b": 6})), tmp_path / "out"
    first = OPTIONS.with_(arms=("no_augmentation", "classic"), seeds=1)
    entry = {"reference": "classic", "arms": ["no_augmentation", "classic"], "seeds": 1}
    for options, earlier in (
        (first, None),
        (first.with_(seeds=2), [entry]),
        (first.with_(reference="no_augmentation"), [entry]),
    ):
        study = run_crossval(films, options, out, machine=SERIAL)
        assert (study.get("earlier") or [None])[0] == (earlier or [None])[0]
        whole = (out / "study.json").read_bytes()
        (out / "study.json").unlink()  # as if killed before it was written
        run_crossval(films, options, out, machine=SERIAL)
        assert (out / "study.json").read_bytes() == whole
    alone = run_crossval(
        films, first.with_(reference="no_augmentation"), tmp_path / "alone", machine=SERIAL
    )
    assert study == alone | {"earlier": [entry, entry | {"seeds": 2}]}
