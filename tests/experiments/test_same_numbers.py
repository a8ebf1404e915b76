"""The comparison of two runs maps renamed fields and finds every changed number."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from experiments.same_numbers import compare_studies, report

OLD = {
    "schema": 3,
    "data": {"rows": 4, "groups": 3, "name": "phantom"},
    "comparisons": {"none": {"difference": -0.1, "trainings": 0, "minimal_detectable": 0.09}},
    "subsets": {"all": {"rows": 4, "arms": {"none": {"accuracy": {"value": 0.5, "ci": None}}}}},
}
NEW = {
    "schema": 4,
    "data": {"images": 4, "patients": 3, "name": "phantom"},
    "comparisons": {
        "no_augmentation": {"difference": -0.1, "training_df": 0, "minimal_detectable": 0.1}
    },
    "subsets": {"all": {"images": 4, "accuracy": {"no_augmentation": {"value": 0.5, "ci": None}}}},
}
HEADER = "analysis,arm,{},fold,seed,image,group,label,predicted,p_a,p_b"
CSV = HEADER + "\nprimary,{},0,1,0,a/1.png,p1,a,a,{},0.3\n"


def write_run(folder: Path, study: Any, predictions: str) -> Path:
    folder.mkdir()
    (folder / "study.json").write_text(json.dumps(study))
    (folder / "predictions.csv").write_text(predictions)
    return folder


def test_renamed_fields_are_equal_and_b1_is_omitted():
    equal, differences, omitted = compare_studies(OLD, NEW)
    assert differences == []
    assert equal == {"data": 2, "comparisons": 2, "subsets": 3}
    assert omitted.total() == 2


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda new: new["data"].update(images=5), "/data/images: 4 before, 5 now"),
        (lambda new: new["data"].pop("patients"), "/data/groups: 3 before, no /data/patients now"),
    ],
)
def test_a_changed_or_lost_number_is_found(change: Any, expected: str):
    new = copy.deepcopy(NEW)
    change(new)
    assert compare_studies(OLD, new)[1] == [expected]


def test_predictions_are_compared_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    old = write_run(tmp_path / "old", OLD, CSV.format("partition", "none", "0.7"))
    new = write_run(tmp_path / "new", NEW, CSV.format("repeat", "no_augmentation", "0.7"))
    bad = write_run(tmp_path / "bad", NEW, CSV.format("repeat", "no_augmentation", "0.71"))
    assert report(old, new)
    assert "predictions.csv: 1 rows, 11 values are equal" in capsys.readouterr().out
    assert not report(old, bad)
    assert "p_a: 0.7 before, 0.71 now" in capsys.readouterr().out
