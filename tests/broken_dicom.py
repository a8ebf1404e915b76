"""Break DICOM files in many ways, as transfers, archives and exports break them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, RLELossless

from tests.dicom_files import pixels_of, write_dicom

Break = Callable[[Path], None]


def _cut(share: float) -> Break:
    def cut(path: Path) -> None:
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])

    return cut


def _edited(**elements: Any) -> Break:
    def edit(path: Path) -> None:
        data = pydicom.dcmread(path)
        for keyword, value in elements.items():
            if value is None:
                delattr(data, keyword)
            else:
                setattr(data, keyword, value)
        data.save_as(path)

    return edit


def _content(content: bytes) -> Break:
    return lambda path: path.write_bytes(content) and None


def _encapsulated(syntax: str, frame: bytes | None) -> Break:
    """Replace the pixels by one frame, or by none at all."""

    def wrap(path: Path) -> None:
        data = pydicom.dcmread(path)
        data.file_meta.TransferSyntaxUID = syntax
        empty = b"\xfe\xff\x00\xe0\x00\x00\x00\x00"  # a basic offset table, and no fragment
        data.PixelData = empty if frame is None else encapsulate([frame])
        data["PixelData"].VR = "OB"
        data["PixelData"].is_undefined_length = True
        data.save_as(path)

    return wrap


def _compressed_and_cut(path: Path) -> None:
    data = pydicom.dcmread(path)
    data.compress(JPEG2000Lossless, generate_instance_uid=False)
    data.save_as(path)
    _cut(0.8)(path)


def _nested_and_cut(path: Path) -> None:
    inner, outer = Dataset(), Dataset()
    inner.LongCodeValue, inner.CodeMeaning = "x" * 200, "long"
    outer.ConceptNameCodeSequence = [inner]
    data = pydicom.dcmread(path)
    data.AcquisitionContextSequence = [outer]
    data.AcquisitionContextSequence.is_undefined_length = True
    data["AcquisitionContextSequence"].is_undefined_length = True
    data.save_as(path)
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"x" * 200) + 100])


def _unknown_syntax(path: Path) -> None:
    old, new = b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.9.9.9\0"
    path.write_bytes(path.read_bytes().replace(old, new, 1))


def _colour(path: Path) -> None:
    data = pydicom.dcmread(path)
    data.PhotometricInterpretation, data.SamplesPerPixel = "RGB", 3
    data.PlanarConfiguration = 0
    data.BitsAllocated, data.BitsStored, data.HighBit = 8, 8, 7
    data.PixelData = bytes(3 * data.Rows * data.Columns)
    data.save_as(path)


def _frames(path: Path) -> None:
    data = pydicom.dcmread(path)
    data.NumberOfFrames = 3
    data.PixelData = data.PixelData * 3
    data.save_as(path)


BROKEN: dict[str, tuple[str, Break]] = {
    "cut in the header": ("dicom_damaged", _cut(0.03)),
    "cut in the pixels": ("dicom_damaged", _cut(0.6)),
    "cut by one byte": (
        "dicom_damaged",
        lambda path: path.write_bytes(path.read_bytes()[:-1]) and None,
    ),
    "cut within nested sequences": ("dicom_damaged", _nested_and_cut),
    "more rows than pixels": ("dicom_damaged", _edited(Rows=4000)),
    "no pixels": ("dicom_damaged", _edited(PixelData=None)),
    "no rows": ("dicom_damaged", _edited(Rows=0)),
    "no size": ("dicom_damaged", _edited(Rows=None, Columns=None)),
    "text that starts like DICOM": (
        "dicom_damaged",
        _content(bytes(128) + b"DICM" + b"no image " * 99),
    ),
    "noise that starts like DICOM": (
        "dicom_damaged",
        _content(bytes(128) + b"DICM" + np.random.default_rng(1).bytes(5000)),
    ),
    "preamble only": ("dicom_damaged", _content(bytes(128) + b"DICM")),
    "empty": ("dicom_damaged", _content(b"")),
    "zeros": ("dicom_damaged", _content(bytes(4096))),
    "unknown transfer syntax": ("dicom_encoding", _unknown_syntax),
    "no fragments": ("dicom_damaged", _encapsulated(JPEG2000Lossless, None)),
    "an empty fragment": ("dicom_damaged", _encapsulated(RLELossless, bytes(2))),
    "noise as JPEG 2000": (
        "dicom_damaged",
        _encapsulated(JPEG2000Lossless, b"\xff\x4f" + bytes(98)),
    ),
    "noise as RLE": ("dicom_damaged", _encapsulated(RLELossless, b"\x01" + bytes(range(99)))),
    "cut within a fragment": ("dicom_damaged", _compressed_and_cut),
    "colour": ("dicom_colour", _colour),
    "palette": ("dicom_colour", _edited(PhotometricInterpretation="PALETTE COLOR")),
    "three frames": ("dicom_multiframe", _frames),
    "CT": ("dicom_modality", _edited(Modality="CT", SOPClassUID="1.2.840.10008.5.1.4.1.1.2")),
    "ultrasound": ("dicom_modality", _edited(Modality="US")),
    "no photometric interpretation": ("dicom_photometric", _edited(PhotometricInterpretation=None)),
    "32 bits": ("dicom_bits", _edited(BitsAllocated=32)),
    "more bits stored than allocated": ("dicom_bits", _edited(BitsStored=20)),
    "a billion pixels": ("dicom_size", _edited(Rows=40000, Columns=40000)),
}
"""What is wrong, the code of its refusal, and what breaks an uncompressed file."""


def write_broken(path: Path, what: str) -> Path:
    """Write one broken file and return its path."""
    write_dicom(path, pixels_of(len(what), size=48))
    BROKEN[what][1](path)
    return path
