"""The phantom as a data set: patients, splits, the cache, planted faults, options."""

import shutil
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from fewray.data.loading import load_dataset
from fewray.data.manifest import Manifest
from fewray.data.phantom import cohort
from fewray.data.phantom.cohort import load_phantom, plan, write_phantom
from fewray.data.phantom.options import CLASSES, PhantomOptions, parse_options
from fewray.errors import InputError, RunFailed
from fewray.imaging.arrays import load_images
from fewray.storage.files import sha256_of

SMALL = PhantomOptions(size=32, train=(6, 5, 4, 3), test=(2, 2, 2, 2), seed=7)


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Manifest:
    return write_phantom(tmp_path_factory.mktemp("phantom") / "set", SMALL)


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("FEWRAY_CACHE", str(tmp_path))
    return tmp_path / "phantom"


def test_a_damaged_cohort_is_repaired_by_concurrent_processes(cache):
    spec = "phantom:train=2,test=0,size=16"
    whole = load_dataset(spec)
    (folder,) = cache.iterdir()
    before = folder.stat().st_ino
    whole.paths()[0].unlink()
    with ProcessPoolExecutor(3, get_context("spawn")) as pool:
        assert list(pool.map(load_dataset, [spec] * 6)) == [whole] * 6
    assert all(row.sha256 == sha256_of(row.path) for row in whole.rows)
    assert [path.stat().st_ino for path in cache.iterdir()] == [
        before
    ]  # never removed: another process may be reading it


@pytest.mark.parametrize("none", [False, True])
def test_a_cache_that_cannot_be_written_is_an_error(none, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FEWRAY_CACHE", str(tmp_path / "file"))
    if none:
        monkeypatch.setattr("fewray.data.phantom.cohort.cache_folder", lambda kind: None)
    with pytest.raises(RunFailed, match="FEWRAY_CACHE"):
        load_dataset("phantom:train=1,test=0,size=16")


def test_counts_and_classes_follow_the_options(written):
    assert written.classes == CLASSES
    assert written.counts() == {
        "train": dict(zip(CLASSES, SMALL.train, strict=True)),
        "test": dict(zip(CLASSES, SMALL.test, strict=True)),
    }
    assert {row.origin for row in written.rows} == {"phantom"}


def test_the_default_counts_are_the_papers():
    options = PhantomOptions()
    assert (options.train, options.test) == ((60, 70, 70, 70), (9, 9, 9, 9))


def test_the_files_are_grey_squares_and_their_hashes_are_the_rows(written):
    assert load_images(written.paths(), 32).shape == (len(written), 1, 32, 32)
    assert all(row.sha256 == sha256_of(row.path) for row in written.rows)
    assert len({row.sha256 for row in written.rows}) == len(written)


def test_a_patient_has_one_to_three_images_of_one_class_and_split():
    rows = [row for row, _ in plan(PhantomOptions())]
    images = Counter(row.group for row in rows)
    assert set(images.values()) == {1, 2, 3}
    for part in ("label", "split"):
        assert len({(row.group, getattr(row, part)) for row in rows}) == len(images)


def test_patients_share_no_seed_and_images_of_a_patient_do():
    planned = list(plan(PhantomOptions()))
    seeds = {(row.group, how["patient_seed"]) for row, how in planned}
    assert len(seeds) == len({group for group, _ in seeds}) == len({seed for _, seed in seeds})
    assert len({(how["patient_seed"], how["image_seed"]) for _, how in planned}) == len(planned)


def test_the_same_options_give_the_same_bytes_and_another_seed_does_not(written, tmp_path):
    again = write_phantom(tmp_path / "again", SMALL)
    other = write_phantom(tmp_path / "other", SMALL.with_(seed=8))
    assert again.sha256() == written.sha256()
    assert not {row.sha256 for row in other.rows} & {row.sha256 for row in written.rows}


def test_a_folder_with_the_set_is_reused_and_one_with_other_files_refused(written, tmp_path):
    folder = written.rows[0].path.parents[2]
    before = {path: path.stat().st_mtime_ns for path in written.paths()}
    assert write_phantom(folder, SMALL).rows == written.rows
    assert before == {path: path.stat().st_mtime_ns for path in written.paths()}
    with pytest.raises(InputError, match="holds other files"):
        write_phantom(folder, SMALL.with_(seed=1))
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(InputError, match="holds other files"):
        write_phantom(tmp_path, SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_concurrent_writers_leave_one_complete_set(tmp_path):
    options = SMALL.with_(train=(1, 1, 1, 1), test=(0, 0, 0, 0))
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda _: write_phantom(tmp_path / "set", options), range(3)))
    assert len({manifest.sha256() for manifest in made}) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_failed_drawing_leaves_nothing(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise MemoryError

    monkeypatch.setattr(cohort, "png_bytes", fail)
    with pytest.raises(MemoryError):
        write_phantom(tmp_path / "set", SMALL)
    assert list(tmp_path.iterdir()) == []


def test_a_set_is_drawn_once_into_the_cache_and_again_after_damage(cache):
    spec = {"size": "32", "train": "1", "test": "1"}
    first = load_phantom(spec)
    assert first.rows[0].path.is_relative_to(cache)
    stamp = first.rows[0].path.stat().st_mtime_ns
    second = load_phantom(spec)
    assert second.rows == first.rows
    assert second.rows[0].path.stat().st_mtime_ns == stamp
    shutil.rmtree(first.rows[0].path.parent)
    assert load_phantom(spec).sha256() == first.sha256()
    assert len(list(cache.iterdir())) == 1


def test_load_dataset_draws_phantoms(cache):
    found = load_dataset("phantom:size=32,train=1/2/0/1,test=1,seed=3")
    assert found.name == "phantom"
    assert found.counts()["train"] == {
        "covid": 1,
        "normal": 2,
        "pneumonia_bac": 0,
        "pneumonia_vir": 1,
    }
    assert found.classes == CLASSES


def border(manifest: Manifest, split: str) -> tuple[np.ndarray, np.ndarray]:
    part = manifest.where(split=split)
    images = load_images(part.paths(), 64)[:, 0] / 255.0
    edge = np.ones((64, 64), bool)
    edge[8:-8, 8:-8] = False
    return images[:, edge], part.labels()


@pytest.mark.parametrize(
    ("confound", "found"),
    [
        pytest.param("mark", True, marks=pytest.mark.long),
        pytest.param("border", True, marks=pytest.mark.long),
        ("none", False),
    ],
)
def test_a_model_of_the_border_alone_finds_the_planted_fault(confound, found, tmp_path):
    options = PhantomOptions(
        size=64,
        train=(20,) * 4,
        test=(12,) * 4,
        confound=confound,
        confound_class="pneumonia_vir",
        difficulty=1.0,
    )
    manifest = write_phantom(tmp_path / "set", options)
    (x, y), (x_test, y_test) = border(manifest, "train"), border(manifest, "test")
    target = CLASSES.index("pneumonia_vir")
    model = LogisticRegression(C=1.0, max_iter=2000, class_weight="balanced").fit(x, y == target)
    guess = model.predict(x_test)
    hit, false_alarm = guess[y_test == target].mean(), guess[y_test != target].mean()
    assert (hit - false_alarm > 0.8) == found
    assert ("planted_confound" in {warning.code for warning in manifest.warnings}) == found


def test_the_strength_is_the_share_of_the_class_that_carries_the_fault():
    options = PhantomOptions(
        train=(400,) * 4,
        test=(0,) * 4,
        confound="mark",
        confound_class="normal",
        confound_strength=0.7,
    )
    planted = Counter(row.label for row, how in plan(options) if how["confound"] == "mark")
    assert set(planted) == {"normal"}
    assert abs(planted["normal"] / 400 - 0.7) < 4 * np.sqrt(0.7 * 0.3 / 400)


def test_a_planted_fault_changes_nothing_else(tmp_path):
    plain = SMALL.with_(size=64, train=(1, 1, 1, 1), test=(0, 0, 0, 0))
    without = write_phantom(tmp_path / "a", plain)
    planted = write_phantom(tmp_path / "b", plain.with_(confound="mark", confound_class="covid"))
    same = [a.sha256 == b.sha256 for a, b in zip(without.rows, planted.rows, strict=True)]
    assert same == [row.label != "covid" for row in without.rows]
    a, b = (
        load_images([m.where(label="covid").rows[0].path], 64)[0, 0].astype(int)
        for m in (without, planted)
    )
    rows, columns = np.nonzero(a != b)
    assert rows.min() >= 56
    assert columns.max() <= 8


@pytest.mark.parametrize(
    ("spec", "name", "expected"),
    [
        ({"sized": "64"}, "key", "one of size, train, test, seed, difficulty, confound"),
        ({"size": "big"}, "size", "a whole number"),
        ({"size": "8"}, "size", "16 to 2048 pixels"),
        ({"train": "1/2"}, "train", "one count for all classes, or one each"),
        ({"train": "-1"}, "train", "one count"),
        ({"train": "many"}, "train", "counts"),
        ({"train": "0", "test": "0"}, "train and test", "at least one image"),
        ({"seed": "-1"}, "seed", "0 or more"),
        ({"difficulty": "1.5"}, "difficulty", "a number from 0 to 1"),
        ({"difficulty": "nan"}, "difficulty", "a number from 0 to 1"),
        ({"difficulty": "hard"}, "difficulty", "a number"),
        ({"confound": "logo"}, "confound", "one of none, mark, border"),
        ({"confound": "mark", "confound_class": "flu"}, "confound_class", "one of covid, normal"),
        ({"confound_strength": "2"}, "confound_strength", "a number from 0 to 1"),
    ],
)
def test_bad_options_are_named_with_the_value_and_what_is_expected(spec, name, expected, cache):
    with pytest.raises(InputError) as caught:
        load_phantom(spec)
    assert (caught.value.code, caught.value.fields["name"]) == ("phantom_option", name)
    assert caught.value.fields["expected"].startswith(expected)
    assert "\n" not in str(caught.value)
    assert not cache.exists()


def test_options_come_from_text_and_go_to_json_and_back():
    options = parse_options(
        {"size": "64", "train": "5", "test": "1/2/3/4", "difficulty": "0.2", "confound": "mark"}
    )
    assert options == PhantomOptions(
        size=64, train=(5,) * 4, test=(1, 2, 3, 4), difficulty=0.2, confound="mark"
    )
    assert PhantomOptions.from_json(options.to_json()) == options
