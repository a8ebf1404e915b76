"""DICOM files in folders: found by content, views, warnings, broken files, other data sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fewray.data.audit.check import audit
from fewray.data.hold_out import check_no_synthetic
from fewray.data.images import ImageSource
from fewray.data.loading import load_dataset, load_external
from fewray.data.manifest import DataWarning, Manifest
from fewray.errors import InputError
from tests.dicom_files import pixels_of, write_dicom
from tests.helpers import refused, run_cli, save_noise


def folder_of(root: Path, count: int = 4, **elements: object) -> Path:
    """Write ``count`` images per class, two per patient, in nested folders without suffix."""
    for label in "ab":
        for index in range(count):
            seed = ord(label) + 10 * index
            person = {"PatientID": f"{label}{index // 2}", **elements}
            write_dicom(
                root / label / f"st{index // 2}" / f"IM{index:04}", pixels_of(seed), **person
            )
    return root


def warned(data: Manifest, code: str) -> list[DataWarning]:
    return [warning for warning in data.warnings if warning.code == code]


def test_nested_files_without_suffix_are_read(tmp_path: Path):
    root = folder_of(tmp_path / "set")
    (root / "DICOMDIR").write_bytes(b"x")
    (root / "a" / "dicomdir").write_bytes(bytes(128) + b"DICM")
    write_dicom(root / "a" / "x.dcm", pixels_of(90))
    write_dicom(root / "b" / "x.IMA", pixels_of(91), PatientID="other")
    write_dicom(root / "b" / "x.png", pixels_of(92), PatientID="png")  # DICOM in spite of its name
    save_noise(root / "b" / "y.png")
    data = load_dataset(root)
    assert data.counts() == {"": {"a": 5, "b": 7}}
    assert len({row.group for row in data.rows}) == 4 + 4
    assert not warned(data, "not_images")
    assert data.dicom is not None
    assert data.dicom.files == 11
    images = ImageSource(data).at(16)
    assert images.shape == (12, 1, 16, 16)
    assert images.std(axis=(1, 2, 3)).min() > 5


def test_a_patient_is_one_however_the_id_is_spelled(tmp_path: Path):
    for index, name in enumerate(["0042", "42 ", "42"]):
        write_dicom(tmp_path / "a" / str(index), pixels_of(index), PatientID=name)
    write_dicom(tmp_path / "a" / "4", pixels_of(4), PatientID="0043")
    groups = [row.group for row in load_dataset(tmp_path).rows]
    assert len(set(groups[:3])) == 1
    assert len(set(groups)) == 2


def test_views_are_chosen_and_counted(tmp_path: Path):
    root = folder_of(tmp_path / "set", ViewPosition="PA", ImageLaterality="U")
    write_dicom(root / "a" / "lateral", pixels_of(1), ViewPosition="LL", PatientID="a0")
    write_dicom(root / "a" / "ap", pixels_of(2), ViewPosition="AP", PatientID="a0")
    write_dicom(root / "a" / "none", pixels_of(3), PatientID="a0")
    found = audit(load_dataset(root)).dicom
    assert found is not None
    assert found.views == {"PA": 8, "AP": 1, "LL": 1, "unknown": 1}
    assert found.laterality == {"U": 8, "unknown": 3}
    data = load_dataset(root, views=("pa", "AP"))
    assert len(data) == 9
    assert data.read.views == ("PA", "AP")  # recorded with what is trained on it
    (warning,) = warned(data, "other_views")
    assert warning.items == ("a/lateral", "a/none")
    with refused("empty_class", "AP, LL, PA"):
        load_dataset(root, views=("LAO",))
    with refused("empty_class"):
        load_dataset(root, views=("LL",))  # no image of class b


def test_the_command_line_takes_views(tmp_path: Path, monkeypatch, capsys):
    root = folder_of(tmp_path / "set", ViewPosition="PA")
    write_dicom(root / "a" / "ap", pixels_of(2), ViewPosition="AP", PatientID="a0")
    assert run_cli(monkeypatch, "data", "check", root, "--view", "PA", "--json") == 0
    assert '"PA": 8' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("code", "elements"),
    [
        ("dicom_burned_in", {"BurnedInAnnotation": "YES"}),
        ("dicom_for_processing", {"PresentationIntentType": "FOR PROCESSING"}),
    ],
)
def test_images_to_look_at_are_named(tmp_path: Path, code: str, elements: dict[str, str]):
    root = folder_of(tmp_path / "set")
    assert not warned(load_dataset(root), code)
    write_dicom(root / "a" / "one", pixels_of(1), **elements)
    (warning,) = warned(load_dataset(root), code)
    assert warning.items == ("a/one",)


def test_synthetic_images_are_no_real_data(tmp_path: Path):
    root = folder_of(tmp_path / "set")
    check_no_synthetic(load_dataset(root))
    write_dicom(root / "a" / "one", pixels_of(1), SyntheticData="YES")
    data = load_dataset(root)
    assert len(data.where(origin="synthetic")) == 1
    with refused("synthetic_images"):
        check_no_synthetic(data)


def test_reports_are_skipped_and_other_images_refused(tmp_path: Path):
    root = folder_of(tmp_path / "set")
    report = {"Modality": "SR", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.67"}
    write_dicom(root / "a" / "report", pixels_of(1), Rows=None, Columns=None, **report)
    (warning,) = warned(load_dataset(root), "dicom_not_images")
    assert warning.items == ("a/report",)
    write_dicom(root / "a" / "ct", pixels_of(2), Modality="CT")
    write_dicom(root / "b" / "many", pixels_of(3), NumberOfFrames=9)
    with refused("invalid_data", "a/ct: DICOM image of modality CT") as caught:
        load_dataset(root)
    assert sorted(caught.value.fields["faults"]) == ["dicom_modality", "dicom_multiframe"]
    unreadable = audit(load_dataset(root, strict=False)).unreadable
    assert set(unreadable) == {"a/ct", "b/many"}


def test_every_broken_file_is_named(tmp_path: Path):
    """3 of 100 files are broken, each in another way: training stops, the check goes on."""
    root = tmp_path / "set"
    for index in range(100):
        name = root / "ab"[index % 2] / f"IM{index:04}.dcm"
        write_dicom(name, pixels_of(index, size=16), PatientID=str(index))
    short, empty, garbage = (root / f"a/IM{index:04}.dcm" for index in (10, 20, 30))
    short.write_bytes(short.read_bytes()[:-64])
    empty.write_bytes(b"")
    garbage.write_bytes(bytes(128) + b"DICM" + np.random.default_rng(0).bytes(4000))
    with refused("invalid_data") as caught:
        load_dataset(root)
    texts = " ".join(caught.value.fields["texts"])
    assert all(path.name in texts for path in (short, empty, garbage))
    found = audit(load_dataset(root, strict=False))
    assert set(found.unreadable) == {f"a/IM{i:04}.dcm" for i in (10, 20, 30)}
    assert found.counts == {"": {"a": 47, "b": 50}}


def test_windows_of_some_files_only_are_not_used(tmp_path: Path):
    window = {"WindowCenter": 1000, "WindowWidth": 500}
    root = folder_of(tmp_path / "set", **window)
    data = load_dataset(root)
    assert data.pixel_scale.dicom_window
    assert not warned(data, "windows_not_used")
    one = root / "a" / "st0" / "IM0000"
    write_dicom(one, pixels_of(ord("a")), PatientID="a0")
    mixed = load_dataset(root)
    assert mixed.pixel_scale.dicom_window is False
    assert mixed.sha256() != data.sha256()
    (warning,) = warned(mixed, "windows_not_used")
    assert warning.items == ("a/st0/IM0000",)
    assert warning.text.startswith("7 of 8 DICOM images have a window")
    for path in (root / "a").rglob("IM*"):
        write_dicom(path, pixels_of(int(path.name[2:])), PatientID="a0")
    (warning,) = warned(load_dataset(root), "depth_by_class")
    assert warning.items == ("a", "b")


def test_a_patient_in_an_external_set_is_found(tmp_path: Path):
    data = load_dataset(folder_of(tmp_path / "set"))
    other = folder_of(tmp_path / "other")
    ours = {row.group for row in data.rows}
    assert ours.isdisjoint(row.group for row in load_dataset(other).rows)
    assert ours == {row.group for row in load_external(other, like=data).rows}


def test_a_folder_that_cannot_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import fewray.data.dicom.patient_key as module

    root = folder_of(tmp_path / "set")
    create = module._create

    def refusing(place: Path) -> None:
        if place.parent == root:
            raise PermissionError(13, "Permission denied")
        create(place)

    monkeypatch.setattr(module, "_create", refusing)
    monkeypatch.setattr(module.platformdirs, "user_config_path", lambda _: tmp_path / "config")
    data = load_dataset(root)
    assert data.dicom is not None
    place = Path(data.dicom.key_file)
    assert place.is_relative_to(tmp_path / "config")
    assert place.stat().st_mode & 0o777 == 0o600
    place.unlink()
    monkeypatch.setattr(module, "_create", lambda place: refusing(root / place.name))
    with pytest.raises(InputError) as caught:
        load_dataset(root)
    assert caught.value.code == "patient_key"


def test_the_images_of_a_patient_are_in_order_of_their_dates(tmp_path: Path):
    dates = {"c": "19990101", "a": "20010101", "b": "20000101"}
    for name, date in dates.items():
        elements = {"PatientID": "one", "StudyDate": date, "StudyTime": "120000"}
        write_dicom(tmp_path / "set" / "x" / name, pixels_of(ord(name)), **elements)
    write_dicom(tmp_path / "set" / "x" / "aa", pixels_of(7), PatientID="two", StudyDate="19500101")
    data = load_dataset(tmp_path / "set")
    assert [row.path.name for row in data.rows] == ["c", "b", "a", "aa"]
    assert data.dicom is not None
    assert data.dicom.several_dates == 1
    assert "2001" not in str(audit(data).to_json())


def test_views_of_data_that_have_none_are_refused():
    with refused("view_unused"):
        load_dataset("phantom", views=("PA",))


def test_folders_of_patients_are_no_classes(tmp_path: Path):
    for person in "xyz":
        for index in range(2):
            write_dicom(tmp_path / f"Doe {person}" / f"{index}", pixels_of(index), PatientID=person)
    (tmp_path / "labels.csv").write_text("PatientID,label\nx,a\ny,b\nz,a\n")
    with refused("not_classes", "labels.csv") as caught:
        load_dataset(tmp_path)
    assert "Doe" not in str(caught.value)
    data = load_dataset(tmp_path / "labels.csv")
    assert data.counts() == {"": {"a": 4, "b": 2}}
    (tmp_path / "DICOMDIR").write_bytes(bytes(128) + b"DICM")
    same = load_dataset(f"dicom:{tmp_path / 'DICOMDIR'},labels={tmp_path / 'labels.csv'}")
    assert [row.sha256 for row in same.rows] == [row.sha256 for row in data.rows]
    with refused("not_classes"):
        load_dataset(tmp_path / "DICOMDIR")
