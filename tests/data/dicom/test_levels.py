"""Grey levels of DICOM images against what their headers declare: bits, windows and polarity."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest

from fewray.data.audit.check import audit
from fewray.data.loading import load_dataset
from fewray.imaging.decode import decode
from tests.data.dicom.test_files import folder_of, warned
from tests.dicom_files import pixels_of, write_dicom


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(("bits", "warns"), [(16, True), (12, False)])
def test_values_of_fewer_bits_than_declared(
    tmp_path: Path, bits: int, warns: bool, photometric: str
):
    root = folder_of(tmp_path / "set", PhotometricInterpretation=photometric)
    pixels = pixels_of(1, bits=12)
    pixels[:10] = 2**bits - 1  # padding does not hide it
    padding = {"PixelPaddingValue": 2**bits - 1, "PhotometricInterpretation": photometric}
    write_dicom(root / "a" / "x", pixels, bits, **padding)
    assert [w.items for w in warned(load_dataset(root), "dicom_dark")] == [("a/x",)] * warns
    write_dicom(root / "a" / "x", pixels, bits, WindowCenter=2000, WindowWidth=4000, **padding)
    assert len(warned(load_dataset(root), "dicom_dark")) == warns  # no window for the others
    for path in (root / "b").rglob("IM*"):
        path.unlink()
    write_dicom(root / "b" / "y", pixels_of(2), WindowCenter=2000, WindowWidth=4000)
    for path in (root / "a").rglob("IM*"):
        path.unlink()
    assert not warned(load_dataset(root), "dicom_dark")


@pytest.mark.parametrize("window", [{}, {"WindowCenter": 2048, "WindowWidth": 4096}])
def test_compressed_values_of_8_bits_declared_as_12(tmp_path: Path, window: dict[str, int]):
    """The codestream of JPEG 2000 says 8 bits, the header 12 of 16, and the window agrees."""
    root = folder_of(tmp_path / "set", **window)
    path = write_dicom(root / "a" / "x", pixels_of(1, bits=8), 8, "jpeg2000", **window)
    assert bool(warned(load_dataset(root), "dicom_dark")) == bool(window)
    data = pydicom.dcmread(path)
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, 12, 11
    data.save_as(path)
    (warning,) = warned(loaded := load_dataset(root), "dicom_dark")
    assert warning.items == ("a/x",)
    assert ("their window" in warning.text) == bool(window)
    assert decode(path, loaded.pixel_scale).max() == 16
    (found,) = [each for each in audit(loaded).findings if each.code == "unused_bits"]
    assert found.items == ("a/x",)


@pytest.mark.parametrize(
    ("width", "more", "warns"),
    [
        (0.5, {}, True),
        (0, {}, True),
        (-3, {}, True),
        (0.5, {"VOILUTFunction": "LINEAR"}, True),
        (0, {"VOILUTFunction": "LINEAR_EXACT"}, True),
        (0.5, {"VOILUTFunction": "LINEAR_EXACT"}, False),
        (1, {}, False),
        (None, {}, False),
    ],
)
def test_invalid_windows_are_ignored_with_a_warning(
    tmp_path: Path, width: float | None, more: dict[str, str], warns: bool
):
    root = folder_of(tmp_path / "set")
    write_dicom(root / "a" / "x", pixels_of(1), WindowCenter=2000, WindowWidth=width or 0, **more)
    if width is None:
        data = pydicom.dcmread(root / "a" / "x")
        data.WindowWidth = data.WindowCenter = None  # empty elements are no window
        data.save_as(root / "a" / "x")
    found = warned(loaded := load_dataset(root), "dicom_invalid_window")
    assert [warning.items for warning in found] == [("a/x",)] * warns
    assert bool(warned(loaded, "windows_not_used")) == (not warns and width is not None)


def test_bits_above_bits_stored_are_told_once(tmp_path: Path):
    root = folder_of(tmp_path / "set", WindowCenter=2000, WindowWidth=4000)
    write_dicom(root / "a" / "x", pixels_of(1, bits=14), 12)
    (warning,) = warned(data := load_dataset(root), "dicom_excess_bits")
    assert warning.items == ("a/x",)
    (found,) = [each for each in audit(data).findings if each.code == "dicom_excess_bits"]
    assert found.items == ("a/x",)
    write_dicom(root / "a" / "x", pixels_of(1, bits=12), 12)
    assert not warned(load_dataset(root), "dicom_excess_bits")


def test_headers_that_contradict_themselves_are_named(tmp_path: Path):
    root = folder_of(tmp_path / "set", PresentationLUTShape="IDENTITY")
    assert not warned(load_dataset(root), "dicom_polarity")
    write_dicom(root / "a" / "one", pixels_of(1), PresentationLUTShape="INVERSE")
    (warning,) = warned(load_dataset(root), "dicom_polarity")
    assert warning.items == ("a/one",)
