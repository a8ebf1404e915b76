"""External sets are only predicted; the inner selection stays inside the folds."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewray.data.loading import load_dataset, load_external
from fewray.data.manifest import Manifest
from fewray.errors import InputError
from fewray.generators.checkpoint import read_header
from fewray.study.crossval.cohort import assemble_cohort
from fewray.study.crossval.run import run_crossval
from fewray.study.warnings import external_warnings
from tests.helpers import OPTIONS, SERIAL, manifest_of, noise_dataset, refused

ARMS = OPTIONS.with_(arms=("classic", "classic+synthetic"), seeds=1)


def test_kept_test_rows_are_not_folded_and_are_predicted(phantoms: Manifest, tmp_path: Path):
    found = run_crossval(
        phantoms, ARMS.with_(keep_test=True, copy_percentile=0.0), tmp_path, machine=SERIAL
    )
    external = found.external
    assert external is not None
    assert (external.own_test_split, external.networks) == (True, 2)
    assert found.rejected_copies is None  # nothing was searched
    assert found.generators
    assert found.data.images == len(phantoms.where(split="train"))
    assert external.images == len(phantoms.where(split="test"))
    assert set(external.accuracy) == {"classic", "classic+synthetic"}
    assert set(external.comparisons) == {"classic+synthetic"}


def test_an_external_set_changes_nothing_else(phantoms: Manifest, tmp_path: Path):
    elsewhere = load_dataset("phantom:size=64,train=3,test=2,seed=77")
    rows = tuple(dataclasses.replace(row, group=f"elsewhere {row.group}") for row in elsewhere.rows)
    external = dataclasses.replace(elsewhere, rows=rows)
    inside = run_crossval(phantoms, ARMS, tmp_path / "a", machine=SERIAL)
    both = run_crossval(phantoms, ARMS, tmp_path / "b", external=external, machine=SERIAL)
    assert both.external is not None
    assert both.external.images == 20
    assert not both.external.own_test_split
    assert (inside.arms, inside.comparisons) == (both.arms, both.comparisons)


def test_synthetic_images_are_no_external_set(phantoms: Manifest):
    rows = tuple(dataclasses.replace(row, origin="synthetic") for row in phantoms.rows[:3])
    with refused("synthetic_images", "--external made: 3 synthetic images"):
        assemble_cohort(phantoms, ARMS, dataclasses.replace(phantoms, name="made", rows=rows))


def test_patients_of_an_external_set_are_found_as_those_of_the_data(tmp_path: Path):
    place = noise_dataset(tmp_path / "elsewhere", {"a": 2, "b": 2})
    named = load_external(place, group_regex=r"[ab](\d)")
    assert {row.group for row in named.rows} == {"0", "1"}
    unknown = load_external(place, group_regex=r"(p\d)")
    assert {row.group for row in unknown.rows} == {"a/a0.png", "a/a1.png", "b/b0.png", "b/b1.png"}
    data = manifest_of("a", "b")
    assert external_warnings(data, named, {}) == []
    (warning,) = external_warnings(data, unknown, {})
    assert warning.code == "external_patients_unknown"
    assert "4 of 4 images have no patient ID" in warning.text
    assert "--group-regex (p\\d)" in warning.text
    assert external_warnings(unknown, unknown, {}) == []
    with pytest.raises(InputError, match="--external"):
        load_external(tmp_path / "nothing", group_regex=r"(p\d)")


def test_an_external_set_without_patients_is_noted(tmp_path: Path):
    films = load_dataset(noise_dataset(tmp_path / "set", {"a": 4, "b": 4}), group_regex=r"([ab]\d)")
    other = tmp_path / "elsewhere" / "a"
    other.mkdir(parents=True)
    Image.fromarray(np.random.default_rng(7).integers(0, 256, (64, 64), np.uint8)).save(
        other / "x.png"
    )
    cohort = assemble_cohort(films, ARMS, load_dataset(other.parent))
    (warning,) = cohort.warnings
    assert "1 of 1 images have no patient ID" in warning.text


@pytest.mark.parametrize("origin", ["real", "phantom"])
@pytest.mark.parametrize("named", ["patient", "a0.png"])
def test_a_patient_on_both_sides_of_a_kept_split_is_refused(
    tmp_path: Path, origin: str, named: str
):
    noise_dataset(tmp_path, {"a": 5, "b": 5})
    lines = [
        f"{label}/{label}{i}.png,{label},{named if label == 'a' and i in (0, 4) else f'{label}p{i}'},"
        f"{'test' if i == 4 else 'train'},{origin}"
        for label in "ab"
        for i in range(5)
    ]
    (tmp_path / "films.csv").write_text("\n".join(["path,label,group,split,origin", *lines]))
    data = load_dataset(tmp_path / "films.csv")
    with refused("leak_patient", f"the kept test split: .*: {named} "):
        assemble_cohort(data, ARMS.with_(keep_test=True))


def test_copies_within_an_external_set_count_as_one_patient(tmp_path: Path):
    data = load_dataset(noise_dataset(tmp_path / "set", {"a": 4, "b": 4}), group_regex=r"([ab]\d)")
    other = tmp_path / "elsewhere" / "a"
    other.mkdir(parents=True)
    for name, seed in (("x", 7), ("y", 8), ("z", 7)):
        Image.fromarray(np.random.default_rng(seed).integers(0, 256, (64, 64), np.uint8)).save(
            other / f"{name}.png"
        )
    cohort = assemble_cohort(data, ARMS, load_dataset(other.parent))
    assert cohort.external is not None
    assert cohort.external.groups.tolist() == [0, 1, 0]
    warning = cohort.warnings[-1]
    assert warning.code == "external_patients_merged"
    assert "1 pair of patients" in warning.text
    assert "a/x.png ~ a/z.png (1.00)" in warning.text


def test_two_external_sets_are_refused(phantoms: Manifest):
    with refused("two_external_sets"):
        assemble_cohort(phantoms, ARMS.with_(keep_test=True), phantoms)
    unsplit = dataclasses.replace(
        phantoms, rows=tuple(dataclasses.replace(r, split="") for r in phantoms.rows)
    )
    with refused("no_test_split"):
        assemble_cohort(unsplit, ARMS.with_(keep_test=True))


@pytest.mark.parametrize(
    ("what", "candidates"),
    [
        ("ratio", ("0.5", "1.5")),
        pytest.param("recipe", ("first", "second"), marks=pytest.mark.long),
    ],
)
def test_the_selection_uses_training_rows_alone(
    phantoms: Manifest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
    candidates: tuple[str, str],
):
    recipes = {"first": OPTIONS.gan.with_(epochs=1), "second": OPTIONS.gan.with_(epochs=2)}
    monkeypatch.setattr(
        "fewray.study.crossval.design.recipe", lambda name, size: recipes[name].at_size(size)
    )
    options = ARMS.with_(select=what, candidates=candidates)
    found = run_crossval(phantoms, options, tmp_path, machine=SERIAL)
    assert [(row.repeat, row.fold) for row in found.selections] == [(0, 0), (0, 1)]
    for row in found.selections:
        assert set(row.accuracies) == set(candidates)
        assert row.accuracies[row.selected] == max(row.accuracies.values())
    cohort = assemble_cohort(phantoms, options)
    by_fold = {
        fold.key.fold: {row.sha256 for row in cohort.take(fold.test).rows}
        for fold in cohort.folds()
    }
    for path in (tmp_path / "generators").glob("repeat-0-fold-*/*/checkpoint.safetensors"):
        fold = int(path.parent.parent.name.split("-")[3])
        assert not by_fold[fold] & set(read_header(path).training_set.training_hashes)
