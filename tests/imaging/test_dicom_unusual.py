"""DICOM files that are unusual and intact: long headers, LUTs and elements of other writers."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit

from fewray.imaging.decode import Unreadable, decode
from fewray.imaging.depth import PixelScale
from fewray.imaging.dicom.codestream import FrameSize, frame_size
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


def shown(path: Path) -> np.ndarray:
    return decode(path, PixelScale(dicom_window=True))


def curve(first: int, kind: str, bits: int = 12, *, packed: bool = False) -> Dataset:
    """Return a LUT that squares 4096 inputs from ``first``, written as ``kind``."""
    item = Dataset()
    item.add_new("LUTDescriptor", kind, [4096, first % (1 << 16) if kind == "US" else first, bits])
    entries = np.round(np.linspace(0, 1, 4096) ** 2 * (2**bits - 1))
    item.add_new("LUTData", "OW", entries.astype(np.uint8 if packed else np.uint16).tobytes())
    return item


@pytest.mark.parametrize("kind", ["US", "SS"])
@pytest.mark.parametrize("keyword", ["ModalityLUTSequence", "VOILUTSequence"])
def test_the_first_input_of_a_lut_may_be_negative(tmp_path: Path, keyword: str, kind: str):
    """Many writers store it as an unsigned number; the image was black then."""
    path = write_dicom(
        tmp_path / "signed", pixels_of(signed=True), **{keyword: [curve(-2048, kind)]}
    )
    expected = shown(write_dicom(tmp_path / "a", pixels_of(), **{keyword: [curve(0, kind)]}))
    assert np.array_equal(shown(path), expected)
    assert expected.std() > 40


@pytest.mark.parametrize("kind", ["US", "SS"])
def test_a_voi_lut_follows_a_rescale_to_negative_values(tmp_path: Path, kind: str):
    rescale: dict[str, Any] = {"RescaleSlope": 1, "RescaleIntercept": -1024}
    path = write_dicom(tmp_path / "a", pixels_of(), VOILUTSequence=[curve(-1024, kind)], **rescale)
    plain = write_dicom(tmp_path / "b", pixels_of(), VOILUTSequence=[curve(0, kind)])
    assert np.array_equal(shown(path), shown(plain))


def test_entries_of_8_bits_may_be_bytes(tmp_path: Path):
    found = [
        shown(write_dicom(tmp_path / str(packed), pixels_of(), VOILUTSequence=[item]))
        for packed in (False, True)
        if (item := curve(0, "US", 8, packed=packed))
    ]
    assert np.array_equal(*found)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("shape", ["IDENTITY", "INVERSE"])
@pytest.mark.parametrize("window", [{}, {"WindowCenter": 900, "WindowWidth": 1500}])
def test_the_presentation_lut_shape_says_what_is_black(
    tmp_path: Path, photometric: str, shape: str, window: dict[str, Any]
):
    plain = shown(write_dicom(tmp_path / "plain", pixels_of(), **window))
    path = write_dicom(
        tmp_path / "a",
        pixels_of(),
        PhotometricInterpretation=photometric,
        PresentationLUTShape=shape,
        **window,
    )
    assert np.array_equal(shown(path), plain if shape == "IDENTITY" else 255 - plain)
    header = read_header(path)
    assert header is not None
    agrees = (photometric, shape) in {("MONOCHROME1", "INVERSE"), ("MONOCHROME2", "IDENTITY")}
    assert header.contradictory is not agrees


WINDOW: dict[str, Any] = {"WindowCenter": 900, "WindowWidth": 1500}


@pytest.mark.parametrize(
    ("elements", "same_as"),
    [
        ({"RescaleSlope": "", "RescaleIntercept": 7}, {}),
        ({"RescaleSlope": 2, "RescaleIntercept": ""}, {}),
        ({"SamplesPerPixel": None}, {}),
        ({"NumberOfFrames": ""}, {}),
        ({"VOILUTFunction": "", **WINDOW}, WINDOW),
        ({"VOILUTFunction": "LUT", **WINDOW}, WINDOW),
        ({"WindowCenter": 900, "WindowWidth": "1e400"}, {}),
    ],
)
def test_empty_and_unknown_values_are_no_damage(
    tmp_path: Path, elements: dict[str, Any], same_as: dict[str, Any]
):
    path = write_dicom(tmp_path / "a", pixels_of(), **elements)
    plain = write_dicom(tmp_path / "plain", pixels_of(), **same_as)
    header = read_header(path)
    assert header is not None
    assert header.refusal is None
    assert header.window is bool(same_as)
    assert np.array_equal(shown(path), shown(plain))


def test_padding_may_be_written_as_an_unsigned_number(tmp_path: Path):
    pixels = pixels_of(signed=True)
    pixels[:10] = -2000
    path = write_dicom(tmp_path / "a", pixels, PhotometricInterpretation="MONOCHROME1")
    data = pydicom.dcmread(path)
    data.add_new("PixelPaddingValue", "US", 65536 - 2000)
    data.save_as(path)
    assert shown(path)[:10].max() == 0


def compressed(path: Path, encoding: str, rows: int, columns: int, mode: str = "L") -> Path:
    """Write a file whose header gives a size, and whose pixels are a picture of 64 x 64."""
    write_dicom(path, np.zeros((rows, columns), np.uint8), 8)
    stream = io.BytesIO()
    picture = Image.fromarray(pixels_of(bits=8)).convert(mode)
    picture.save(stream, encoding, **({"no_jp2": True} if encoding == "JPEG2000" else {}))
    data = pydicom.dcmread(path)
    data.file_meta.TransferSyntaxUID = JPEG2000Lossless if "2" in encoding else JPEGBaseline8Bit
    data.PixelData = encapsulate([stream.getvalue()])
    data["PixelData"].is_undefined_length = True
    data["PixelData"].VR = "OB"
    data.save_as(path)
    return path


@pytest.mark.parametrize("encoding", ["JPEG", "JPEG2000"])
def test_compressed_pixels_of_another_size_are_refused(tmp_path: Path, encoding: str):
    """The decoder has as many pixels as it needs, and would scramble them."""
    assert shown(compressed(tmp_path / "a", encoding, 64, 64)).std() > 40
    for number, (rows, columns) in enumerate(((32, 128), (128, 32), (32, 32), (96, 96))):
        with pytest.raises(Unreadable, match="64x64 pixels, although") as caught:
            shown(compressed(tmp_path / str(number), encoding, rows, columns))
        assert caught.value.code == "dicom_damaged"
    with pytest.raises(Unreadable) as caught:
        shown(compressed(tmp_path / "b", encoding, 64, 64, "RGB"))
    assert caught.value.code == "dicom_colour"


def test_the_size_of_a_frame_that_ends_early_is_unknown():
    stream = io.BytesIO()
    Image.fromarray(pixels_of(bits=8)).save(stream, "JPEG")
    content = stream.getvalue()
    known = [frame_size(content[:end]) for end in range(len(content))]
    assert known[0] is None
    assert known[-1] == FrameSize(rows=64, columns=64, components=1)
    assert frame_size(bytes(99)) is None
