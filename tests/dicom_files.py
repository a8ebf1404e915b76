"""DICOM files for the tests: drawn, with random strings in every identifying element."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
    generate_uid,
)

SYNTAXES = {
    "explicit": ExplicitVRLittleEndian,
    "implicit": ImplicitVRLittleEndian,
    "big": ExplicitVRBigEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
    "rle": RLELossless,
    "jpeg2000": JPEG2000Lossless,
}
SECRET = (
    "AccessionNumber",
    "InstitutionName",
    "OperatorsName",
    "OtherPatientIDs",
    "PatientAddress",
    "PatientBirthName",
    "PatientComments",
    "PatientID",
    "PatientName",
    "PerformingPhysicianName",
    "ReferringPhysicianName",
    "RequestingPhysician",
    "StationName",
    "StudyID",
)


def pixels_of(seed: int = 0, size: int = 64, bits: int = 12, *, signed: bool = False) -> np.ndarray:
    """Return smooth random pixels (size, size) that use the whole range of ``bits``."""
    from scipy import ndimage

    noise = ndimage.gaussian_filter(
        np.random.default_rng(seed).normal(size=(size, size)), size / 16
    )
    share = (noise - noise.min()) / (noise.max() - noise.min())
    values = np.round(share * (2**bits - 1)).astype(np.int64)
    if signed:
        return (values - 2 ** (bits - 1)).astype(np.int8 if bits <= 8 else np.int16)
    return values.astype(np.uint8 if bits <= 8 else np.uint16)


def dataset_of(pixels: np.ndarray, bits: int, syntax: UID, **elements: Any) -> FileDataset:
    """Return a computed radiograph with ``elements`` set, or removed where they are None."""
    data = FileDataset(
        "",
        Dataset(),
        file_meta=FileMetaDataset(),
        preamble=bytes(128),
        is_implicit_VR=syntax.is_implicit_VR,
        is_little_endian=syntax.is_little_endian,
    )
    data.SOPClassUID, data.SOPInstanceUID = ComputedRadiographyImageStorage, generate_uid()
    data.StudyInstanceUID, data.SeriesInstanceUID = generate_uid(), generate_uid()
    data.Modality, data.PatientID = "CR", "1"
    data.PhotometricInterpretation = "MONOCHROME2"
    data.Rows, data.Columns = pixels.shape
    data.SamplesPerPixel = 1
    data.BitsAllocated, data.BitsStored, data.HighBit = 8 * pixels.itemsize, bits, bits - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    for keyword, value in elements.items():
        if value is None:
            delattr(data, keyword)
        else:
            setattr(data, keyword, value)
    data.file_meta.MediaStorageSOPClassUID = data.get("SOPClassUID", "1.2.3")
    data.file_meta.MediaStorageSOPInstanceUID = data.get("SOPInstanceUID", "1.2.3")
    return data


def write_dicom(
    path: Path, pixels: np.ndarray, bits: int = 12, syntax: str = "explicit", **elements: Any
) -> Path:
    """Write one DICOM file and return its path."""
    wanted = SYNTAXES[syntax]
    data = dataset_of(pixels, bits, wanted, **elements)
    big = wanted == ExplicitVRBigEndian
    data.PixelData = (pixels.byteswap() if big and pixels.itemsize > 1 else pixels).tobytes()
    data["PixelData"].VR = "OW" if pixels.itemsize > 1 else "OB"
    path.parent.mkdir(parents=True, exist_ok=True)
    if wanted.is_encapsulated:
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.compress(wanted, generate_instance_uid=False)
    data.file_meta.TransferSyntaxUID = wanted
    data.save_as(path, enforce_file_format=True)
    return path


def secrets_of() -> dict[str, Any]:
    """Return a random string for every identifying element, and a random birth date."""
    found: dict[str, Any] = {keyword: f"ZQ{secrets.token_hex(5)}" for keyword in SECRET}
    found["PatientName"] = f"ZQ{secrets.token_hex(5)}^ZQ{secrets.token_hex(4)}"
    year = 1900 + secrets.randbelow(99)
    found["PatientBirthDate"] = (
        f"{year}{secrets.randbelow(12) + 1:02}{secrets.randbelow(28) + 1:02}"
    )
    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        found[keyword] = generate_uid()
    for keyword in ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"):
        found[keyword] = f"{1900 + secrets.randbelow(99)}{secrets.randbelow(12) + 1:02}17"
    return found
