"""Synthetic images as DICOM: marked as such, without a patient, the same bytes every time."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

from fewray.data.hold_out import check_no_synthetic
from fewray.data.loading import load_dataset
from fewray.imaging.decode import decode
from fewray.imaging.depth import PixelScale
from fewray.imaging.dicom.header import read_header
from fewray.imaging.dicom.writing import LONGEST, PIECES, synthetic_dicom
from tests.dicom_files import pixels_of
from tests.helpers import refused

MADE = {"label": "covid", "recipe": "small", "version": "0.1.0"}
PIXELS = pixels_of(1, size=63, bits=8)


def test_a_file_says_that_it_is_synthetic_and_nobody():
    data = pydicom.dcmread(io.BytesIO(synthetic_dicom(PIXELS, seed=7, **MADE)))
    assert (data.SyntheticData, data.ConversionType) == ("YES", "SYN")
    assert list(data.ImageType) == ["DERIVED", "SECONDARY"]
    assert data.PatientIdentityRemoved == "YES"
    assert data.PatientID.startswith("FEWRAY")
    assert not data.PatientBirthDate
    assert not data.StudyDate
    assert "seed 7" in data.DerivationDescription
    (equipment,) = data.ContributingEquipmentSequence
    assert (equipment.Manufacturer, equipment.ManufacturerModelName) == ("fewray", "small")
    assert np.array_equal(data.pixel_array, PIXELS)
    uids = {data.SOPInstanceUID, data.StudyInstanceUID, data.SeriesInstanceUID}
    assert len(uids) == 3
    assert all(uid.is_valid and uid.startswith("2.25.") for uid in uids)


def test_the_same_image_has_the_same_bytes():
    first = synthetic_dicom(PIXELS, seed=7, **MADE)
    assert synthetic_dicom(PIXELS.copy(), seed=7, **MADE) == first
    for other in (
        synthetic_dicom(PIXELS, seed=8, **MADE),
        synthetic_dicom(255 - PIXELS, seed=7, **MADE),
        synthetic_dicom(PIXELS, seed=7, **(MADE | {"label": "normal"})),
    ):
        uids = [pydicom.dcmread(io.BytesIO(each)).SOPInstanceUID for each in (first, other)]
        assert uids[0] != uids[1]


def test_long_names_and_other_alphabets_are_valid(tmp_path: Path):
    label = "肺炎 " + "x" * 100
    path = tmp_path / "a.dcm"
    path.write_bytes(synthetic_dicom(PIXELS, seed=2**40, **(MADE | {"label": label})))
    assert label in pydicom.dcmread(path).DerivationDescription
    header = read_header(path)
    assert header
    assert header.synthetic
    assert not header.refusal


def test_files_are_read_back_and_refused_as_real(tmp_path: Path):
    for label in "ab":
        (tmp_path / label).mkdir()
        for seed in range(3):
            path = tmp_path / label / f"{seed}.dcm"
            path.write_bytes(
                synthetic_dicom(pixels_of(seed, bits=8), seed=seed, **(MADE | {"label": label}))
            )
            shown = decode(path, PixelScale(dicom_window=True))
            assert np.array_equal(shown, pixels_of(seed, bits=8))
    data = load_dataset(tmp_path)
    assert len(data.where(origin="synthetic")) == 6
    assert len({row.group for row in data.rows}) == 6
    assert all(row.alias is None for row in data.rows)
    with refused("synthetic_images"):
        check_no_synthetic(data)


@pytest.mark.skipif(shutil.which("dcm2pnm") is None, reason="dcmtk is not installed")
def test_dcmtk_reads_them(tmp_path: Path):
    path = tmp_path / "a.dcm"
    path.write_bytes(synthetic_dicom(PIXELS, seed=7, **MADE))
    found = subprocess.run(["dcmdump", path], check=True, capture_output=True, text=True)
    assert "(0008,001c) CS [YES]" in found.stdout
    assert not found.stderr
    subprocess.run(["dcm2pnm", "+op", path, tmp_path / "a.pgm"], check=True, capture_output=True)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.pgm")), PIXELS)


def test_an_image_made_of_pieces_of_training_images_says_so():
    data = pydicom.dcmread(io.BytesIO(synthetic_dicom(PIXELS, seed=7, pieces=True, **MADE)))
    assert PIECES in data.DerivationDescription
    assert data.DeidentificationMethod == PIECES
    assert len(PIECES) <= LONGEST
    plain = pydicom.dcmread(io.BytesIO(synthetic_dicom(PIXELS, seed=7, **MADE)))
    assert PIECES not in plain.DerivationDescription
