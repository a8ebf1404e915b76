"""Files that cannot be opened, a key that cannot be written, and patients that are none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fewray.data.audit.check import audit
from fewray.data.dicom.patient_key import patient_key
from fewray.data.loading import load_dataset
from tests.data.dicom.test_files import folder_of, warned
from tests.dicom_files import pixels_of, write_dicom
from tests.helpers import refused


def test_a_full_disk_leaves_no_unfinished_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(size: int) -> bytes:
        if size == 32:
            raise OSError(28, "No space left on device")
        return bytes(size)

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(os, "urandom", full)
    with refused("patient_key"):
        patient_key(tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("name", ["IM9", "1.2.840.99"])
def test_a_file_without_suffix_that_cannot_be_opened_is_no_other_format(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
):
    """Its content is unknown: it may be DICOM, and is not passed over."""
    root = folder_of(tmp_path / "set")
    locked = write_dicom(root / "a" / name, pixels_of(1))
    (root / "a" / "notes.txt").write_text("x")
    opened = Path.open

    def refusing(path: Path, *args: object, **options: object) -> object:
        if path.name in (name, "notes.txt"):
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *args, **options)

    monkeypatch.setattr(Path, "open", refusing)
    with refused("invalid_data", rf"a/{name}: cannot be read \(Permission denied\)") as caught:
        load_dataset(root)
    assert caught.value.fields["faults"] == ["unreadable_file"]
    data = load_dataset(root, strict=False)
    assert locked in data.paths()
    assert audit(data).unreadable == {f"a/{name}": "Permission denied"}


@pytest.mark.parametrize("name", ["ANONYMOUS", "unknown", "N/A"])
def test_a_placeholder_is_no_patient(tmp_path: Path, name: str):
    root = folder_of(tmp_path / "set", PatientID=name)
    data = load_dataset(root)
    assert len({row.group for row in data.rows}) == len(data)
    assert warned(data, "patients_unknown")
    assert data.dicom is not None
    assert data.dicom.without_patient == len(data)
