"""Broken DICOM files: each is named with a code; the run stops, or goes on if asked to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fewray.config import ReadOptions
from fewray.data.audit.check import audit
from fewray.data.images import ImageSource
from fewray.data.loading import load_dataset
from fewray.errors import InputError
from fewray.imaging.decode import Unreadable, decode
from tests.broken_dicom import BROKEN, write_broken
from tests.dicom_files import pixels_of, write_dicom
from tests.helpers import run_cli

SKIP = ReadOptions(skip_unreadable=True)
AT_DECODING = ("no fragments", "an empty fragment", "noise as JPEG 2000", "noise as RLE")
"""What the header does not show."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Every kind of broken file among as many good ones."""
    for index, what in enumerate(BROKEN):
        label = "ab"[index % 2]
        write_broken(tmp_path / "set" / label / f"{what}.dcm", what)
        name = tmp_path / "set" / label / f"IM{index}"
        write_dicom(name, pixels_of(index, size=48), PatientID=str(index))
    return tmp_path / "set"


@pytest.mark.filterwarnings("ignore::UserWarning")  # of pydicom, about what is broken
@pytest.mark.parametrize("what", list(BROKEN))
def test_a_broken_file_is_refused_with_a_code(tmp_path: Path, what: str):
    path = write_broken(tmp_path / "x.dcm", what)
    with pytest.raises(Unreadable) as caught:
        decode(path)
    assert caught.value.code == (BROKEN[what][0] if what != "empty" else "unreadable_image")


def test_every_broken_file_is_named(folder: Path, capfd: pytest.CaptureFixture[str]):
    with pytest.raises(InputError) as caught:
        load_dataset(folder)
    texts = " ".join(caught.value.fields["texts"])
    assert {what for what in BROKEN if f"{what}.dcm" not in texts} <= {
        *AT_DECODING,
        "cut within a fragment",
    }
    found = audit(load_dataset(folder, strict=False))
    assert {Path(name).stem for name in found.unreadable} == set(BROKEN)
    assert sum(found.counts[""].values()) == len(BROKEN)
    assert not capfd.readouterr().err  # no traceback of a decoder


def test_a_run_goes_on_without_broken_files_if_asked_to(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    data = load_dataset(folder, read=SKIP)
    assert len(data) == len(BROKEN)
    assert all(row.path.name.startswith("IM") for row in data.rows)
    (warning,) = [each for each in data.warnings if each.code == "skipped_unreadable"]
    assert {Path(name).stem for name in warning.items} == set(BROKEN)
    assert ImageSource(data).at(16).std(axis=(1, 2, 3)).min() > 5
    checked = ("data", "check", folder, "--skip-unreadable", "--json")
    assert run_cli(monkeypatch, *checked) == 0
    printed = json.loads(capfd.readouterr().out)
    assert not printed["unreadable"]
    assert "skipped_unreadable" in [each["code"] for each in printed["findings"]]


def test_a_class_without_a_readable_file_stops_the_run(tmp_path: Path):
    write_dicom(tmp_path / "a" / "x", pixels_of(1))
    write_broken(tmp_path / "b" / "x.dcm", "noise as RLE")
    with pytest.raises(InputError) as caught:
        load_dataset(tmp_path, read=SKIP)
    assert caught.value.code == "no_readable_images"


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_windows_are_used_if_only_broken_files_have_none(tmp_path: Path):
    for index in range(4):
        window = {"WindowCenter": 1000, "WindowWidth": 500}
        write_dicom(tmp_path / "ab"[index % 2] / f"{index}", pixels_of(index), **window)
    write_broken(tmp_path / "b" / "x.dcm", "noise as RLE")
    whole = {each.code for each in load_dataset(tmp_path, strict=False).warnings}
    data = load_dataset(tmp_path, read=SKIP)
    assert data.pixel_scale.dicom_window
    assert "windows_not_used" in whole - {each.code for each in data.warnings}
