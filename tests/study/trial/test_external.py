"""External sets are only ever predicted; choices are made inside the folds."""

import dataclasses
from pathlib import Path

import pytest
from small import MACHINE, OPTIONS

from fewray.data import Manifest, load_dataset
from fewray.errors import InputError
from fewray.gan.checkpoint import read_header
from fewray.study.trial.cohort import assemble_cohort
from fewray.study.trial.protocol import run_trial

ARMS = OPTIONS.with_(arms=("classic", "classic+synthetic"), seeds=1)


def test_kept_test_rows_are_not_folded_and_are_predicted(phantoms: Manifest, tmp_path: Path):
    found = run_trial(phantoms, ARMS.with_(keep_test=True, copy_percentile=0.0), tmp_path, machine=MACHINE)
    assert (found["external"]["kept_split"], found["external"]["networks"]) == (True, 2)
    assert found["rejected"] is None  # nothing was searched
    assert found["generators"]
    assert found["data"]["rows"] == len(phantoms.where(split="train"))
    assert found["external"]["rows"] == len(phantoms.where(split="test"))
    assert set(found["external"]["arms"]) == {"classic", "classic+synthetic"}


def test_an_external_set_changes_nothing_else(phantoms: Manifest, tmp_path: Path):
    elsewhere = load_dataset("phantom:size=64,train=3,test=2,seed=77")
    rows = tuple(dataclasses.replace(row, group=f"elsewhere {row.group}") for row in elsewhere.rows)
    external = dataclasses.replace(elsewhere, rows=rows)
    inside = run_trial(phantoms, ARMS, tmp_path / "a", machine=MACHINE)
    both = run_trial(phantoms, ARMS, tmp_path / "b", external=external, machine=MACHINE)
    assert both["external"]["rows"] == 20
    assert not both["external"]["kept_split"]
    assert (inside["arms"], inside["comparisons"]) == (both["arms"], both["comparisons"])


def test_one_external_set_is_wanted(phantoms: Manifest):
    with pytest.raises(InputError, match="not two"):
        assemble_cohort(phantoms, ARMS.with_(keep_test=True), phantoms)
    unsplit = dataclasses.replace(phantoms, rows=tuple(dataclasses.replace(r, split="") for r in phantoms.rows))
    with pytest.raises(InputError, match="no rows of split test"):
        assemble_cohort(unsplit, ARMS.with_(keep_test=True))


@pytest.mark.parametrize(
    ("what", "choices"),
    [("ratio", ("0.5", "1.5")), pytest.param("recipe", ("first", "second"), marks=pytest.mark.long)],
)
def test_a_choice_is_made_on_training_rows_alone(
    phantoms: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, choices: tuple[str, str]
):
    recipes = {"first": OPTIONS.gan.with_(epochs=1), "second": OPTIONS.gan.with_(epochs=2)}
    monkeypatch.setattr("fewray.study.trial.choose.recipe", recipes.__getitem__)
    options = ARMS.with_(choose=what, choices=choices)
    found = run_trial(phantoms, options, tmp_path, machine=MACHINE)
    assert [(row["partition"], row["fold"]) for row in found["chosen"]] == [(0, 0), (0, 1)]
    for row in found["chosen"]:
        assert set(row["accuracies"]) == set(choices)
        assert row["accuracies"][row["chosen"]] == max(row["accuracies"].values())
    cohort = assemble_cohort(phantoms, options)
    by_fold = {part.fold: {row.sha256 for row in cohort.take(part.test).rows} for part in cohort.parts()}
    for path in (tmp_path / "generators").glob("partition-0-fold-*/*/checkpoint.safetensors"):
        fold = int(path.parent.parent.name.split("-")[3])
        assert not by_fold[fold] & set(read_header(path)["about"]["rows_seen"])
