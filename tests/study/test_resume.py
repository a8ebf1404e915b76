"""A folder that holds another study is refused before anything is read or trained."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from fewray.config import PublishedOptions
from fewray.data.loading import load_dataset
from fewray.data.manifest import Manifest, Row
from fewray.results.crossval import EarlierStudy
from fewray.study.crossval.run import run_crossval
from fewray.study.protocols import plan_study
from fewray.study.published.run import run_published
from fewray.study.resume import PIN, FoldAssignment, check_folds, check_protocol
from tests.dicom_files import pixels_of, write_dicom
from tests.helpers import OPTIONS, SERIAL, manifest_of, noise_dataset, refused

DATA = manifest_of("a", "a", "b", "b")
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
SPLIT = Manifest(name="made up", classes=("a", "b"), rows=ROWS)


def begun(out: Path) -> Path:
    FoldAssignment.of(DATA, OPTIONS).pin(out)
    (out / "jobs").mkdir()
    return out


@pytest.mark.parametrize(
    ("changes", "differs", "message"),
    [
        ({"seed": 1}, "seed", "begun with --seed 0, not 1"),
        ({"folds": 3}, "folds", "begun with --folds 2, not 3"),
        ({"keep_test": True}, "keep_test", "begun without --keep-test"),
    ],
)
def test_other_folds_are_refused_before_an_image_is_read(
    tmp_path: Path, changes: dict, differs: str, message: str
):
    with refused("other_folds", message) as caught:
        run_crossval(DATA, OPTIONS.with_(**changes), begun(tmp_path), machine=SERIAL)
    assert caught.value.fields["differs"] == differs


def test_other_images_and_other_patients_are_refused(tmp_path: Path):
    out = begun(tmp_path)
    fewer = replace(DATA, rows=DATA.rows[1:])
    with refused("other_folds", "other images") as caught:
        check_folds(out, FoldAssignment.of(fewer, OPTIONS))
    assert caught.value.fields["differs"] == "images"
    moved = replace(DATA, rows=(replace(DATA.rows[0], group="patient 1"), *DATA.rows[1:]))
    with refused("other_folds", "--group-regex") as caught:
        check_folds(out, FoldAssignment.of(moved, OPTIONS))
    assert caught.value.fields["differs"] == "patients"


def test_dicom_patients_of_another_key_name_the_file_of_the_key(tmp_path: Path):
    for label in "ab":
        for person in range(4):
            path = tmp_path / "set" / label / f"{person}"
            write_dicom(path, pixels_of(ord(label) + person, 16), PatientID=f"{label}{person}")
    data, out = load_dataset(tmp_path / "set"), tmp_path / "out"
    FoldAssignment.of(data, OPTIONS).pin(out)
    (out / "jobs").mkdir()
    check_folds(out, FoldAssignment.of(load_dataset(tmp_path / "set"), OPTIONS))
    key = tmp_path / "set" / ".fewray-patient-key"
    key.unlink()
    data = load_dataset(tmp_path / "set")  # with a new key
    planned = partial(plan_study, generators=None, external=None, on_progress=print)
    for run in (run_crossval, planned):
        with refused("other_folds", f"hashed with the key in {key}.*FEWRAY_PATIENT_KEY") as caught:
            run(data, OPTIONS, out, machine=SERIAL)
        assert caught.value.fields["differs"] == "patients"
        assert caught.value.fields["key_file"] == str(key)


def test_options_that_do_not_change_the_folds_may_change(tmp_path: Path):
    options = OPTIONS.with_(
        seeds=5, ratios=(2.0,), arms=("classic", "pca"), repeats=3, generator_repeats=2
    )
    rows = tuple(replace(row, path=Path("/elsewhere") / row.path) for row in DATA.rows[::-1])
    check_folds(begun(tmp_path), FoldAssignment.of(replace(DATA, rows=rows), options))


@pytest.mark.parametrize("text", [None, "", "{}", '{"seed": "x"}'])
def test_a_missing_or_damaged_assignment_refuses_nothing(tmp_path: Path, text: str | None):
    begun(tmp_path)
    if text is None:
        (tmp_path / PIN).unlink()
    else:
        (tmp_path / PIN).write_text(text)
    check_folds(tmp_path, FoldAssignment.of(DATA, OPTIONS.with_(seed=9)))


def test_a_study_that_made_nothing_may_be_replaced(tmp_path: Path):
    FoldAssignment.of(DATA, OPTIONS).pin(tmp_path)
    other = FoldAssignment.of(DATA, OPTIONS.with_(seed=9))
    check_folds(tmp_path, other)
    other.pin(tmp_path)
    (tmp_path / "jobs").mkdir()
    with refused("other_folds", "--seed 9"):
        check_folds(tmp_path, FoldAssignment.of(DATA, OPTIONS))


def test_a_later_study_lists_the_earlier_one_whenever_it_is_run(tmp_path: Path):
    data, out = load_dataset(noise_dataset(tmp_path / "films", {"a": 6, "b": 6})), tmp_path / "out"
    first = OPTIONS.with_(arms=("no_augmentation", "classic"), seeds=1)
    entry = EarlierStudy(reference="classic", arms=("no_augmentation", "classic"), seeds=1)
    last = first.with_(reference="no_augmentation")
    for options, earlier in ((first, []), (first.with_(seeds=2), [entry]), (last, [entry])):
        study = run_crossval(data, options, out, machine=SERIAL)
        assert list(study.history[:1]) == earlier
        whole = (out / "study.json").read_bytes()
        (out / "study.json").unlink()  # as if killed before it was written
        run_crossval(data, options, out, machine=SERIAL)
        assert (out / "study.json").read_bytes() == whole
    alone = run_crossval(data, last, tmp_path / "alone", machine=SERIAL)
    assert alone.history == ()
    assert replace_history(study) == alone


def replace_history(study):
    import msgspec

    return msgspec.structs.replace(study, history=())


def test_each_protocol_is_refused_in_a_folder_of_the_other(tmp_path: Path):
    study = tmp_path / "study.json"
    study.write_text('{"protocol": "crossval"}')
    with refused("other_protocol"):
        run_published(SPLIT, PublishedOptions(), tmp_path)
    assert study.read_text() == '{"protocol": "crossval"}'
    study.write_text('{"protocol": "published"}')
    with refused("other_protocol"):
        run_crossval(SPLIT, OPTIONS, tmp_path)


def test_a_study_that_was_begun_counts_too(tmp_path: Path):
    (tmp_path / PIN).write_text("{}")
    check_protocol(tmp_path, "published")
    (tmp_path / "jobs").mkdir()
    with refused("other_protocol"):
        check_protocol(tmp_path, "published")
    check_protocol(tmp_path, "crossval")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"protocol": ["crossval"]}'])
def test_a_damaged_study_refuses_nothing(tmp_path: Path, text: str):
    (tmp_path / "study.json").write_text(text)
    check_protocol(tmp_path, "published")
    check_protocol(tmp_path, "crossval")


def test_a_file_in_the_place_of_the_jobs_folder_is_refused(tmp_path: Path):
    (tmp_path / "jobs").write_text("x")
    with refused("not_a_folder"):
        run_crossval(DATA, OPTIONS, tmp_path)
