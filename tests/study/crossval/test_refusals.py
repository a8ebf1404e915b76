"""Planted leaks and faults: each stops the trial, with its own message."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fewray
from fewray.data.images import ImageSource
from fewray.data.loading import load_dataset
from fewray.data.manifest import Manifest
from fewray.errors import InputError
from fewray.storage.files import sha256_of
from fewray.study import folds
from fewray.study.crossval.cohort import assemble_cohort, subset_classes
from fewray.study.crossval.run import run_crossval
from fewray.study.options import preset_options
from tests.helpers import GAN, OPTIONS, SERIAL, manifest_of, refused

ARMS = OPTIONS.with_(arms=("classic", "synthetic"), seeds=1)


def with_row(data: Manifest, path: Path, *, group: str, like: int = 0) -> Manifest:
    """Return ``data`` with the file as one more row, labelled as row ``like``."""
    extra = dataclasses.replace(data.rows[like], path=path, group=group, sha256=sha256_of(path))
    return dataclasses.replace(data, rows=(*data.rows, extra))


def dealt_apart(monkeypatch: pytest.MonkeyPatch, data: Manifest, twin: int) -> None:
    """Break the folding: patients are not joined, and the last row lies in another fold than its twin."""

    def broken(source: ImageSource, *, n_splits: int, seed: int, repeat: int = 0) -> folds.Folds:
        fold_of = np.arange(len(source)) % n_splits
        fold_of[-1] = (fold_of[twin] + 1) % n_splits
        groups = np.arange(len(source))
        return folds.Folds(
            n_splits=n_splits, repeat=repeat, fold_of=fold_of, groups=groups, merged=[]
        )

    monkeypatch.setattr("fewray.study.crossval.cohort.make_folds", broken)


def singles(data: Manifest) -> Manifest:
    """Return the data with every film a patient of its own, so that only the planted leak is one."""
    rows = tuple(dataclasses.replace(row, group=f"patient {i}") for i, row in enumerate(data.rows))
    return dataclasses.replace(data, rows=rows)


def test_a_patient_in_two_folds(
    phantoms: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    data = singles(phantoms)
    rows = (*data.rows[:-1], dataclasses.replace(data.rows[-1], group=data.rows[0].group))
    dealt_apart(monkeypatch, data, 0)
    with refused("leak_patient"):
        run_crossval(dataclasses.replace(data, rows=rows), ARMS, tmp_path, machine=SERIAL)


def test_a_byte_equal_file_under_two_patients(
    phantoms: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    data = singles(phantoms)
    copy = Path(shutil.copy(data.rows[0].path, tmp_path / "copy.png"))
    planted = with_row(data, copy, group="another")
    cohort = assemble_cohort(planted, ARMS)  # a right folding joins the two
    assert cohort.groups[0] == cohort.groups[-1]
    dealt_apart(monkeypatch, planted, 0)
    with refused("leak_file"):
        run_crossval(planted, ARMS, tmp_path / "out", machine=SERIAL)


@pytest.mark.parametrize("kind", ["resized", "re-encoded"])
def test_a_changed_copy_under_two_patients(
    phantoms: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
):
    data = singles(phantoms)
    copy = tmp_path / ("copy.png" if kind == "resized" else "copy.jpg")
    with Image.open(data.rows[0].path) as film:
        (film.resize((90, 90)) if kind == "resized" else film).convert("L").save(copy)
    planted = with_row(data, copy, group="another")
    cohort = assemble_cohort(planted, ARMS)
    assert cohort.groups[0] == cohort.groups[-1]
    dealt_apart(monkeypatch, planted, 0)
    with refused("leak_near_duplicate"):
        run_crossval(planted, ARMS, tmp_path / "out", machine=SERIAL)


def test_a_generator_that_saw_a_test_row(phantoms: Manifest, tmp_path: Path):
    whole = tmp_path / "run" / "repeat-0-fold-0"
    unsplit = tuple(dataclasses.replace(row, split="") for row in phantoms.rows)
    everything = dataclasses.replace(phantoms, rows=unsplit)
    fewray.train_generator(
        everything, whole, options=GAN, device="cpu", precision="fp32", probe_every=0
    )
    with refused("generator_saw_test_rows", "repeat-0-fold-0"):
        run_crossval(phantoms, ARMS, tmp_path / "out", generators=tmp_path / "run", machine=SERIAL)
    assert not (tmp_path / "out" / "study.json").exists()


def test_a_generator_of_another_fold_under_a_renamed_path(
    phantoms: Manifest, trial: Path, tmp_path: Path
):
    run = tmp_path / "run"
    shutil.copytree(trial / "generators" / "repeat-0-fold-0", run / "repeat-0-fold-1")
    with refused("generator_saw_test_rows", "repeat-0-fold-1"):
        run_crossval(phantoms, ARMS, tmp_path / "out", generators=run, machine=SERIAL)


def test_a_generator_of_other_rows(phantoms: Manifest, trial: Path, tmp_path: Path):
    run = tmp_path / "run"
    shutil.copytree(trial / "generators", run)
    fewer = dataclasses.replace(phantoms, rows=phantoms.rows[1:])
    with pytest.raises(InputError, match=r"test images|other images"):
        run_crossval(fewer, ARMS, tmp_path / "out", generators=run, machine=SERIAL)


def test_an_external_set_with_a_film_that_is_trained_on(phantoms: Manifest, tmp_path: Path):
    copy = Path(shutil.copy(phantoms.rows[0].path, tmp_path / "film.png"))
    row = dataclasses.replace(
        phantoms.rows[0], path=copy, group="elsewhere", sha256=sha256_of(copy)
    )
    external = dataclasses.replace(phantoms, name="elsewhere", rows=(row,))
    with refused("leak_file", "external set"):
        assemble_cohort(phantoms, ARMS, external)


def test_synthetic_images_are_no_films(phantoms: Manifest, trial: Path, tmp_path: Path):
    fewray.generate(trial / "generators" / "repeat-0-fold-0", tmp_path / "syn", per_class=3)
    with refused("synthetic_images", "12 synthetic images"):
        run_crossval(load_dataset(tmp_path / "syn"), ARMS, tmp_path / "out", machine=SERIAL)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arms": ("classic", "magic")}, "--arms magic"),
        ({"arms": ("classic",)}, "at least two"),
        (
            {"reference": "no_augmentation", "arms": ("classic", "pca")},
            "--reference no_augmentation",
        ),
        ({"folds": 1}, "--folds 1"),
        ({"ratio": 0.0}, "--ratio 0"),
        ({"select": "ratio"}, "at least two"),
        ({"select": "ratio", "candidates": ("1", "x")}, "--candidates x"),
        ({"select": "ratio", "candidates": ("1", "1")}, "--candidates 1,1: expected"),
        ({"select": "ratio", "candidates": ("1", "2", "1.0")}, "--candidates 1,2,1.0: expected"),
        ({"select": "recipe", "candidates": ("paper", "magic")}, "--recipe magic"),
        ({"candidates": ("1", "2")}, "--candidates"),
        ({"mixtures": True}, "--mixtures: not an option of protocol crossval"),
        ({"protocol": "guess"}, "--protocol guess"),
        ({"preset": "huge"}, "--preset huge"),
    ],
)
def test_bad_options_are_named(changes: dict, message: str):
    with pytest.raises(InputError, match=message):
        preset_options(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ratio": 0.0}, "--ratio 0"),
        ({"ratio": float("nan")}, "--ratio nan"),
        ({"seeds": 0}, "--seeds 0"),
    ],
)
def test_bad_options_are_named_from_python_too(tmp_path: Path, changes: dict, message: str):
    with pytest.raises(InputError, match=message):
        run_crossval(manifest_of("a", "b"), ARMS.with_(**changes), tmp_path / "out", machine=SERIAL)
    assert not (tmp_path / "out").exists()


def test_one_class_is_refused_at_once():
    with refused("too_few_classes"):
        assemble_cohort(manifest_of("a", "a", "a"), OPTIONS)


def test_a_pair_is_of_two_classes():
    with refused("not_a_pair"):
        assemble_cohort(manifest_of("a", "b", "c"), OPTIONS.with_(subsets=("a:b:c",)))


def test_a_pair_may_hold_classes_with_a_colon():
    classes = ("a", "a:b", "b", "without a", "x:y:z")
    assert subset_classes("a:b:x:y:z", classes) == [1, 4]
    assert subset_classes("a:x:y:z", classes) == [0, 4]
    assert subset_classes("without a:b", classes) == [2, 3]
    assert subset_classes("without x:y:z", classes) == [0, 1, 2, 3]
    with refused("ambiguous_pair", "a and b:b or a:b and b"):
        subset_classes("a:b:b", (*classes, "b:b"))


@pytest.mark.parametrize("name", ["without nothing", "normal:other", "normal"])
def test_subsets_of_unknown_classes_are_named(phantoms: Manifest, name: str):
    with pytest.raises(InputError, match=f"subset {name}"):
        assemble_cohort(phantoms, OPTIONS.with_(subsets=(name,)))
