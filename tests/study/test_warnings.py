"""Coded warnings about patients and about shortcuts."""

from dataclasses import replace
from pathlib import Path

from fewray.data.audit.shortcuts import ShortcutAudit
from fewray.data.loading import load_dataset
from fewray.data.manifest import CONFOUNDED, DataWarning, Manifest, Row
from fewray.results.scores import StudyWarning
from fewray.study.warnings import audit_warnings, data_warnings, patient_warnings, patients_known

NOTHING = Manifest(name="made up", classes=("covid", "normal"), rows=())


def test_a_patient_called_by_one_of_the_films_is_known():
    def data(*cells: tuple[str, str]) -> Manifest:
        rows = [
            Row(path=Path(path), label="a", group=group, sha256=str(index))
            for index, (path, group) in enumerate(cells)
        ]
        return Manifest(name="made up", classes=("a",), rows=tuple(rows))

    alone = ("x/3.png", "3.png")
    assert patients_known(data(("x/1.png", "1.png"), ("x/2.png", "1.png"), alone)) == "all"
    assert patients_known(data(("x/1.png", "p1"), ("x/2.png", "p1"), alone)) == "some"
    assert patients_known(data(("x/1.png", "x/1.png"), alone)) == "none"
    twice = ("x/1.png", "1.png")  # a file that a table lists twice is no evidence of a name
    assert patients_known(data(twice, twice, alone)) == "none"


def test_unknown_patients_are_a_warning(tmp_path: Path):
    phantom = load_dataset("phantom:size=64,train=5,test=0,seed=3")
    assert patient_warnings(phantom) == []
    for row in phantom.rows:
        place = tmp_path / row.label / row.path.name
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(row.path.read_bytes())
    unknown, named = load_dataset(tmp_path), load_dataset(tmp_path, group_regex=r"(patient\d+)")
    some = load_dataset(tmp_path, group_regex=r"(patient\d+)-1")
    (warning,) = patient_warnings(unknown)
    assert warning.code == "patients_unknown"
    assert warning.text.startswith("No image has a patient ID")
    assert patient_warnings(named) == []
    (warning,) = patient_warnings(some)
    alone = sum(not row.path.stem.endswith("-1") for row in some.rows)
    assert warning.text.startswith(f"{alone} of {len(some)} images have no patient ID")
    known = [patients_known(data) for data in (phantom, some, unknown)]
    assert known == ["all", "some", "none"]
    codes = [warning.code for warning in data_warnings(unknown)]
    assert codes.count("patients_unknown") == 1
    assert [warning.code for warning in data_warnings(phantom)] == ["phantom_data"]


def audit(**changes: object) -> ShortcutAudit:
    accuracy = {"metadata": 0.77, "thumbnail": 0.5, "border": 0.3}
    auroc = {name: {"covid": 0.6, "normal": 0.5} for name in accuracy}
    made = ShortcutAudit(rows=300, majority_class_rate=0.25, accuracy=accuracy, auroc=auroc)
    return replace(made, **changes)


def warned(accuracies: dict[str, float | None], **changes: object) -> list[StudyWarning]:
    return audit_warnings(audit(**changes), accuracies, NOTHING)


def test_a_model_near_the_best_arm_is_named_with_both_accuracies():
    (warning,) = warned({"no_augmentation": 0.70, "classic": 0.80})
    assert warning.code == "simple_models_near_best_arm"
    assert (
        "(classic augmentation, 80%; majority-class rate 25%): 77% from file metadata"
        in warning.text
    )
    assert "thumbnail" not in warning.text
    assert "--external" in warning.text
    assert warned({"classic": 0.90}) == []
    assert warned({"classic": None}) == []


def test_with_few_images_the_margin_is_twice_the_standard_error():
    assert warned({"classic": 0.83}) == []
    assert len(warned({"classic": 0.83}, rows=60)) == 1  # 2 standard errors are 11 points


def test_a_model_at_the_majority_class_rate_is_no_warning():
    assert warned({"classic": 0.26}, accuracy={"metadata": 0.27, "border": 0.24}) == []


def test_a_model_that_beats_the_majority_where_no_arm_does_is_a_warning():
    accuracy = {"border": 0.714, "thumbnail": 0.53}
    arms: dict[str, float | None] = {"no_augmentation": 0.6, "classic": 0.625}
    (warning,) = warned(arms, rows=56, majority_class_rate=0.5, accuracy=accuracy)
    assert warning.code == "only_simple_models_beat_majority"
    assert "71%" in warning.text
    assert "53%" not in warning.text


def test_one_warning_names_all_identified_classes_and_gives_the_cause_first():
    by = {"metadata": ["covid"], "border": ["covid", "normal"]}
    (warning,) = warned({}, identified_by=by)
    assert (warning.code, warning.classes) == ("identified_without_lungs", ("covid", "normal"))
    assert warning.text == (
        "Covid and normal can be identified without seeing the lungs; a model reaches 77% accuracy "
        "from file metadata."
    )
    cause = DataWarning(CONFOUNDED, "All covid images are of adults.")
    known = replace(NOTHING, warnings=(cause,))
    (warning,) = audit_warnings(audit(identified_by=by), {}, known)
    assert warning.text == (
        "All covid images are of adults; a model reaches 77% accuracy from file metadata."
    )
    (warning,) = audit_warnings(audit(), {}, known)
    assert (warning.code, warning.text) == (CONFOUNDED, "All covid images are of adults.")


def test_classes_identified_by_the_thumbnail_alone_are_said_to_differ_in_brightness():
    (warning,) = warned({}, identified_by={"thumbnail": ["covid"]})
    assert "by coarse brightness or framing" in warning.text


def test_classes_identified_by_metadata_alone_are_said_to_be_saved_differently():
    (warning,) = warned({}, identified_by={"metadata": ["covid"]})
    assert "by how their files were saved" in warning.text
    arms = {"classic": 0.78}
    assert all("Crop" not in each.text for each in warned(arms, accuracy={"metadata": 0.78}))
