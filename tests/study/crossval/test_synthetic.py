"""Synthetic sets: what the primary design reads whatever other ratios are asked for, and whose rows their generators saw."""

import json
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from fewray.data.loading import load_dataset
from fewray.data.manifest import Manifest
from fewray.storage.jobs import JobStore
from fewray.study.crossval.run import run_crossval
from fewray.study.crossval.synthetic import image_names
from tests.helpers import OPTIONS, SERIAL, noise_dataset, refused

CHOICE = OPTIONS.with_(
    arms=("classic", "synthetic", "classic+synthetic"), seeds=1, copy_percentile=0.0
)
SUFFIXES = (".json", ".npy", ".npy.sha256")


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return load_dataset(noise_dataset(tmp_path_factory.mktemp("films"), {"a": 9, "b": 6}))


@pytest.fixture(scope="module")
def plain(films: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished trial of the primary design alone."""
    out = tmp_path_factory.mktemp("plain")
    run_crossval(films, CHOICE, out, machine=SERIAL)
    return out


@pytest.fixture
def copied(plain: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(plain, tmp_path / "out"))


def kept(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((out / "jobs").iterdir())}


def study_of(out: Path) -> dict:
    return json.loads((out / "study.json").read_text())


def test_images_of_the_primary_design_are_numbered_first():
    assert image_names(("a", "b"), (3, 2), (3, 2)) == [(0,), (1,), (2,), (3,), (4,)]
    assert image_names(("a", "b"), (4, 3), (3, 2)) == [
        (0,),
        (1,),
        (2,),
        ("a", 3),
        (3,),
        (4,),
        ("b", 2),
    ]


@pytest.mark.parametrize("same_folder", [True, False])
def test_other_ratios_change_nothing_of_the_primary_design(
    films: Manifest, plain: Path, copied: Path, same_folder: bool
):
    before, out = kept(plain), copied
    if not same_folder:
        shutil.rmtree(out / "jobs")
    run_crossval(films, CHOICE.with_(ratios=(2.0, 0.5)), out, machine=SERIAL)
    after = kept(out)
    assert {name: after[name] for name in before} == before
    added = [name for name in after if name not in before and name.startswith("classifier")]
    assert len(added) == 2 * 2 * 2  # ratios, arms, folds
    then, now = study_of(plain), study_of(out)
    for field in ("arms", "comparisons", "descriptive"):
        assert then[field] == now[field]
    assert then["provenance"]["keys"].items() <= now["provenance"]["keys"].items()


def test_a_larger_set_begins_with_the_smaller_one_in_every_class(films: Manifest, copied: Path):
    run_crossval(films, CHOICE.with_(ratios=(2.0,)), copied, machine=SERIAL)
    doubled, store = kept(copied), JobStore(copied / "jobs")
    run_crossval(films, CHOICE.with_(ratios=(2.0, 3.0)), copied, machine=SERIAL)
    assert kept(copied).items() >= doubled.items()
    keys = study_of(copied)["provenance"]["keys"]
    names = [f"synthetic/0/0/0{ratio}" for ratio in ("", "/ratio 2", "/ratio 3")]
    records = [store.load("synthetic", keys[name]) for name in names]
    for kind in ("synthetic", "synthetic-augmented"):
        by_class = []
        for name, record in zip(names, records, strict=True):
            assert record is not None
            array = store.load_array(kind, keys[name])
            assert array is not None
            by_class.append(np.split(array, np.cumsum(record["counts"])[:-1]))
        for smaller, larger in pairwise(by_class):
            for ones, others in zip(smaller, larger, strict=True):
                assert len(ones) < len(others)
                assert (ones == others[: len(ones)]).all()


def synthetic_keys(out: Path) -> list[str]:
    return [
        key
        for name, key in study_of(out)["provenance"]["keys"].items()
        if name.startswith("synthetic/")
    ]


def swap(out: Path, kinds: tuple[str, ...], suffixes: tuple[str, ...]) -> None:
    """Exchange files of the two folds' sets, and forget what was trained on them."""
    one, other = synthetic_keys(out)
    for kind in kinds:
        for suffix in suffixes:
            paths = [out / "jobs" / f"{kind}-{key}{suffix}" for key in (one, other)]
            if paths[0].exists():
                first, second = (path.read_bytes() for path in paths)
                paths[0].write_bytes(second)
                paths[1].write_bytes(first)
    for path in (out / "jobs").glob("classifier-*"):
        path.unlink()


def test_images_whose_generators_saw_a_test_row(films: Manifest, copied: Path):
    swap(copied, ("synthetic", "synthetic-augmented"), SUFFIXES)
    with refused("synthetic_images_saw_test_rows", "repeat-0-fold-0"):
        run_crossval(films, CHOICE, copied, machine=SERIAL)
    assert not list((copied / "jobs").glob("classifier-*"))


def test_images_of_another_address(films: Manifest, copied: Path):
    mine = synthetic_keys(copied)[0]
    run_crossval(
        films, CHOICE.with_(augmented_copies=3), copied, machine=SERIAL
    )  # other sets of the same generators
    record = copied / "jobs" / f"synthetic-{synthetic_keys(copied)[0]}.json"
    shutil.copy(copied / "jobs" / f"synthetic-{mine}.json", record)
    with refused("synthetic_images_of_other_set", f"{record.name}.* set {mine}"):
        run_crossval(films, CHOICE.with_(augmented_copies=3), copied, machine=SERIAL)


def test_arrays_of_another_fold_are_made_again(films: Manifest, plain: Path, copied: Path):
    swap(copied, ("synthetic", "synthetic-augmented"), SUFFIXES[1:])
    run_crossval(films, CHOICE, copied, machine=SERIAL)
    assert kept(copied) == kept(plain)


@pytest.mark.parametrize(
    "damage",
    [
        lambda found: found.pop("seen"),
        lambda found: found.pop("key"),
        lambda found: found.update(counts="x"),
        lambda found: found.update(counts=[1, 1]),
        lambda found: found.update(rejected=None),
        lambda found: found.update(seen={"a": [], "b": []}),
    ],
)
def test_sets_without_their_record_are_made_again(
    films: Manifest, plain: Path, copied: Path, damage
):
    for key in synthetic_keys(copied):
        path = copied / "jobs" / f"synthetic-{key}.json"
        found = json.loads(path.read_text())
        damage(found)
        path.write_text(json.dumps(found))
    stamps = {path: path.stat().st_mtime_ns for path in (copied / "jobs").glob("classifier-*")}
    run_crossval(films, CHOICE, copied, machine=SERIAL)
    assert kept(copied) == kept(plain)
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
