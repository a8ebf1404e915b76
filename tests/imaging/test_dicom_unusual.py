"""DICOM files that are unusual and intact: long headers, LUTs and elements of other writers."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from fewray.imaging.dicom.header import read_header
from fewray.imaging.dicom.reading import HEAD
from tests.dicom_files import pixels_of, write_dicom


@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("keyword", ["VOILUTSequence", "RequestAttributesSequence"])
def test_a_sequence_across_the_first_bytes_is_read(tmp_path: Path, keyword: str, undefined: bool):
    """A sequence of undefined length that ends beyond the bytes read at first is no damage."""
    item = Dataset()
    item.LUTDescriptor = [HEAD, 0, 12]
    item.add_new("LUTData", "OW", bytes(2 * HEAD))
    path = write_dicom(tmp_path / "a", pixels_of(), PatientID="P1", **{keyword: [item]})
    data = pydicom.dcmread(path)
    data[keyword].is_undefined_length = undefined
    data.save_as(path)
    header = read_header(path)
    assert header is not None
    assert header.refusal is None
    assert (header.rows, header.patient) == (64, "P1")
    assert header.window is (keyword == "VOILUTSequence")
