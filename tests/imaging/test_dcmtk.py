"""Encodings and grey values against DCMTK, an independent implementation (Debian: dcmtk)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

from fewray.imaging.decode import decode
from fewray.imaging.depth import PixelScale
from fewray.imaging.dicom.header import read_header
from tests.dicom_files import pixels_of, write_dicom
from tests.imaging.test_dicom import WINDOWS, real

pytestmark = pytest.mark.skipif(
    shutil.which("dcm2pnm") is None, reason="dcmtk is not installed (apt-get install dcmtk)"
)
WINDOW = PixelScale(dicom_window=True)
ENCODERS = {
    "jpeg-lossless-sv1": ("dcmcjpeg", "+e1"),
    "jpeg-lossless": ("dcmcjpeg", "+el"),
    "jpeg-ls": ("dcmcjpls", "+el"),
    "rle": ("dcmcrle",),
    "deflated": ("dcmconv", "+td"),
    "big-endian": ("dcmconv", "+tb"),
    "implicit": ("dcmconv", "+ti"),
}


def called(*command: object) -> str:
    done = subprocess.run([*map(str, command)], check=True, capture_output=True)
    return done.stdout.decode(errors="replace")


def shown(path: Path, *options: str) -> np.ndarray:
    """Return the grey levels that dcm2pnm shows."""
    made = path.with_name(f"{path.name}.pgm")
    called("dcm2pnm", "+op", *options, path, made)
    return np.asarray(Image.open(made)).astype(int)


@pytest.mark.parametrize("encoder", list(ENCODERS))
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_images_that_dcmtk_encoded_are_decoded_alike(tmp_path: Path, encoder: str, bits: int):
    pixels = pixels_of(bits=bits, size=48)
    plain, path = write_dicom(tmp_path / "plain", pixels, bits), tmp_path / "encoded"
    called(*ENCODERS[encoder], plain, path)
    written, meant = (pydicom.dcmread(each).file_meta.TransferSyntaxUID for each in (path, plain))
    assert written != meant
    assert np.array_equal(decode(path, WINDOW), decode(plain, WINDOW))
    assert np.array_equal(
        decode(plain, WINDOW), np.round(pixels.astype(float) * 255 / (2**bits - 1))
    )


@pytest.mark.parametrize("bits", [6, 10, 12])
@pytest.mark.parametrize("signed", [False, True])
def test_bits_above_bits_stored_as_dcmtk_shows_them(tmp_path: Path, bits: int, signed: bool):
    pixels = pixels_of(bits=bits, signed=signed, size=48).astype(np.int16 if signed else np.uint16)
    noise = np.random.default_rng(1).integers(0, 2 ** (16 - bits), pixels.shape)
    excess = (pixels.view(np.uint16) % 2**bits | noise << bits).astype(np.uint16)
    path = write_dicom(tmp_path / "a", excess.view(pixels.dtype), bits)
    ours = decode(path, WINDOW).astype(int)
    assert np.abs(ours - shown(path, *_whole(bits, signed=signed))).max() <= 1


def _whole(bits: int, *, signed: bool) -> list[str]:
    """Return the window of dcm2pnm that is the full range of BitsStored."""
    center = 0 if signed else 2 ** (bits - 1)
    return ["+Ww", str(center), str(2**bits)]


@pytest.mark.parametrize("process", ["+eb", "+ee"])
def test_lossy_jpeg_decodes_as_dcmtk_decodes_it(tmp_path: Path, process: str):
    bits = 8 if process == "+eb" else 12
    plain = write_dicom(tmp_path / "plain", pixels_of(bits=bits, size=48), bits)
    path = tmp_path / "encoded"
    called("dcmcjpeg", process, plain, path)
    called("dcmdjpeg", path, tmp_path / "decoded")
    ours, theirs = (decode(each, WINDOW).astype(int) for each in (path, tmp_path / "decoded"))
    assert np.abs(ours - theirs).max() <= 1


@pytest.mark.parametrize("name", list(WINDOWS))
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("signed", [False, True])
def test_windows_as_dcmtk_shows_them(tmp_path: Path, name: str, photometric: str, signed: bool):
    elements = {"PhotometricInterpretation": photometric, **WINDOWS[name]}
    path = write_dicom(tmp_path / "a", pixels_of(signed=signed), **elements)
    expected = shown(path, "+Wi", "1")
    assert np.abs(decode(path, WINDOW).astype(int) - expected).max() <= 1


@pytest.mark.parametrize("name", ["RG1_UNCR", "RG3_UNCR", "RG3_J2KR", "mlut_18", "vlut_04"])
def test_real_images_as_dcmtk_shows_them(tmp_path: Path, name: str):
    path = tmp_path / "a"
    shutil.copy(real(name.replace("J2KR", "UNCR")), path)  # dcmtk does not decode JPEG 2000
    data = pydicom.dcmread(path)
    window = ["+Wi", "1"] if data.get("WindowCenter") else []
    window = ["+Wl", "1"] if data.get("VOILUTSequence") else window
    theirs = shown(path, *window)
    assert np.abs(decode(real(name), WINDOW).astype(int) - theirs).max() <= 1


@pytest.mark.parametrize("encoder", list(ENCODERS))
def test_headers_as_dcmdump_prints_them(tmp_path: Path, encoder: str):
    elements = {"ViewPosition": "AP", "ImageLaterality": "R", "PatientID": "ZQ 77"}
    plain = write_dicom(tmp_path / "plain", pixels_of(size=48), StudyDate="19990203", **elements)
    called(*ENCODERS[encoder], plain, tmp_path / "a")
    printed = called(
        "dcmdump", "+P", "0018,5101", "+P", "0010,0020", "+P", "0028,0010", tmp_path / "a"
    )
    header = read_header(tmp_path / "a")
    assert header
    assert all(
        each in printed for each in (f"[{header.view}]", f"[{header.patient}]", str(header.rows))
    )
    assert (header.view, header.laterality, header.bits) == ("AP", "R", 12)
    assert header.when.strip() == "19990203"
    assert not header.refusal
