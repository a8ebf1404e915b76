"""A whole study on phantoms: study.json follows from the predictions, and restarts change nothing."""

import csv
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from fewray.classify.scores import balanced_accuracy, confusion_matrix, fold_auroc
from fewray.config import CROSSVAL_ARMS
from fewray.data.layout.image_names import image_names
from fewray.data.manifest import Manifest
from fewray.study.crossval.run import run_crossval
from tests.helpers import MACHINE, OPTIONS, not_recognised

FIELDS = (
    "difference",
    "ci",
    "p",
    "p_holm",
    "p_mcnemar",
    "p_corrected_t",
    "minimal_detectable",
    "verdict",
    "text",
)


def study_of(folder: Path) -> dict:
    return json.loads((folder / "study.json").read_text())


def predictions(folder: Path, analysis: str = "primary") -> dict[str, list[dict[str, str]]]:
    with (folder / "predictions.csv").open() as stream:
        rows = [row for row in csv.DictReader(stream) if row["analysis"] == analysis]
    found = defaultdict(list)
    for row in rows:
        found[row["arm"]].append(row)
    return found


def test_every_arm_has_its_scores_and_its_comparison(trial: Path):
    study = study_of(trial)
    assert tuple(study["arms"]) == CROSSVAL_ARMS
    for figures in study["arms"].values():
        for name in ("accuracy", "balanced_accuracy", "auroc"):
            low, high = figures[name]["ci"]
            assert low <= figures[name]["value"] <= high
        assert set(figures["per_class"]) == set(study["data"]["classes"])
    assert set(study["comparisons"]) == set(CROSSVAL_ARMS) - {"classic"}
    for compared in study["comparisons"].values():
        assert all(field in compared for field in FIELDS)
        assert compared["ci"][0] <= compared["difference"] <= compared["ci"][1]
        assert compared["p_holm"] >= compared["p"]
    assert len(study["folds"]) == 2
    for part in ("sensitivity", "audit", "provenance", "conclusion", "warnings"):
        assert study[part]


def test_scores_follow_from_the_predictions(trial: Path):
    study = study_of(trial)
    classes = study["data"]["classes"]
    for arm, rows in predictions(trial).items():
        assert len(rows) == 2 * study["data"]["images"]
        by_seed = []
        for seed in ("0", "1"):
            mine = [row for row in rows if row["seed"] == seed]
            labels = np.array([classes.index(row["label"]) for row in mine])
            probabilities = np.array(
                [[float(row[f"p_{label}"]) for label in classes] for row in mine]
            )
            folds = np.array([int(row["fold"]) for row in mine])
            confusion = confusion_matrix(labels, probabilities.argmax(1), len(classes))
            area = [
                value for value in fold_auroc(labels, probabilities, folds) if value is not None
            ]
            by_seed.append(
                (np.trace(confusion) / len(mine), balanced_accuracy(confusion), np.mean(area))
            )
        for name, value in zip(
            ("accuracy", "balanced_accuracy", "auroc"), np.mean(by_seed, axis=0), strict=True
        ):
            assert study["arms"][arm][name]["value"] == pytest.approx(value)
        assert study["arms"][arm]["accuracy"]["by_seed"] == pytest.approx(
            [row[0] for row in by_seed]
        )


def test_differences_are_those_of_the_accuracies(trial: Path):
    study = study_of(trial)
    value = {arm: figures["accuracy"]["value"] for arm, figures in study["arms"].items()}
    for arm, compared in study["comparisons"].items():
        assert compared["difference"] == pytest.approx(value[arm] - value["classic"])


def test_every_film_is_tested_once_a_seed_and_its_patient_never_trained_on(
    trial: Path, phantoms: Manifest
):
    rows = predictions(trial)["no_augmentation"]
    for seed in ("0", "1"):
        mine = [row for row in rows if row["seed"] == seed]
        assert sorted(row["image"] for row in mine) == sorted(image_names(phantoms))
        folds = defaultdict(set)
        for row in mine:
            folds[row["group"]].add(row["fold"])
        assert all(len(found) == 1 for found in folds.values())


def test_subsets_score_the_same_predictions(trial: Path):
    study = study_of(trial)
    kept = [label for label in study["data"]["classes"] if label != "covid"]
    rows = [row for row in predictions(trial)["classic"] if row["label"] in kept]
    right = np.mean(
        [
            max(kept, key=lambda label, row=row: float(row[f"p_{label}"])) == row["label"]
            for row in rows
        ]
    )
    found = study["subsets"]["without covid"]
    assert found["images"] == len(rows) / 2
    assert found["accuracy"]["classic"]["value"] == pytest.approx(right)


def test_sensitivity_analyses_are_apart(trial: Path):
    found = study_of(trial)["sensitivity"]
    assert list(found) == ["paper-classic", "ratio 0.5", "resnet", "replicate 1"]
    assert set(found["ratio 0.5"]["comparisons"]) == {"synthetic", "classic+synthetic"}
    assert set(found["resnet"]["comparisons"]) == {
        "no_augmentation",
        "synthetic",
        "classic+synthetic",
    }


def test_no_clock_time_and_no_path_stand_in_the_results(trial: Path):
    text = (trial / "study.json").read_text()
    assert "seconds" not in text
    assert str(trial) not in text
    assert json.loads((trial / "timing.json").read_text())["seconds"] > 0


def test_every_file_is_recognised_as_an_output(trial: Path):
    assert not_recognised(trial) == []


def test_the_folds_are_summarised(trial: Path):
    study = study_of(trial)
    for fold in study["folds"]:
        assert fold["train"] + fold["test"] == study["data"]["images"]
        assert fold["train_patients"] + fold["test_patients"] == study["data"]["patients"]
        for label, count in study["data"]["counts"].items():
            assert sum(fold["counts"][label].values()) == count


def test_what_is_lost_comes_back_equal_and_the_rest_is_not_done_again(
    phantoms: Manifest, tmp_path: Path
):
    options = OPTIONS.with_(arms=("classic", "synthetic"))
    run_crossval(phantoms, options, tmp_path, machine=MACHINE)
    before = {name: (tmp_path / name).read_bytes() for name in ("study.json", "predictions.csv")}
    classifiers = sorted((tmp_path / "jobs").glob("classifier-*.json"))
    arrays = sorted((tmp_path / "jobs").glob("synthetic-*.npy"))
    stamp = classifiers[0].stat().st_mtime_ns
    for path in (classifiers[1], arrays[0], tmp_path / "study.json"):
        path.unlink()
    events: list[str] = []
    alone = {"device": "cpu", "precision": "fp32", "processes": 1, "threads": 1}
    run_crossval(
        phantoms,
        options,
        tmp_path,
        machine=type(MACHINE)(**alone),
        on_progress=lambda kind, _: events.append(kind),
    )
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    assert classifiers[0].stat().st_mtime_ns == stamp
    assert events.count("classifier") == 1
    assert "epoch" not in events


SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.helpers import MACHINE, OPTIONS, not_recognised
from fewray.data.loading import load_dataset
from fewray.study.crossval.run import run_crossval
if __name__ == "__main__":
    data = load_dataset("phantom:size=64,train=8,test=4,seed=3")
    options = OPTIONS.with_(arms=("classic", "synthetic"), seeds=1)
    run_crossval(data, options, Path(sys.argv[1]), machine=MACHINE, on_progress=lambda kind, event: print(kind, flush=True))
"""


@pytest.mark.long
def test_killed_at_twenty_moments_and_resumed_it_ends_with_the_same_bytes(tmp_path: Path):
    def start(out: Path) -> subprocess.Popen:
        command = [sys.executable, "-c", SCRIPT, str(out), str(Path(__file__).parents[3])]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    whole = start(tmp_path / "whole")
    lines = len(whole.communicate()[0].splitlines())
    for wanted in np.random.default_rng(0).integers(1, lines, 20):
        killed = start(tmp_path / "killed")
        assert killed.stdout is not None
        for seen, _ in enumerate(killed.stdout, start=1):
            if seen == wanted:
                killed.kill()
                break
        killed.communicate()
    start(tmp_path / "killed").communicate()
    for name in ("study.json", "predictions.csv"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "killed" / name).read_bytes()
