"""Read the header of a DICOM file: what it shows, whom, and whether it can be used.

Texts of pydicom's errors are never passed on, because they quote the values of a file.
"""

from __future__ import annotations

import functools
import io
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from fewray.imaging.depth import GreyRange
from fewray.imaging.dicom.elements import number, squashed, tags, text, texts, words
from fewray.imaging.dicom.refusals import refusal
from fewray.imaging.unreadable import Unreadable

if TYPE_CHECKING:
    from pydicom import Dataset

SUFFIXES = (".dcm", ".dicom", ".ima")
"""Suffixes of DICOM files. Other files are recognised by their content."""
MARKER, MARKER_PLACE = b"DICM", 128
IDENTIFYING = (
    "AccessionNumber",
    "InstitutionName",
    "OperatorsName",
    "OtherPatientIDs",
    "OtherPatientNames",
    "PatientAddress",
    "PatientBirthDate",
    "PatientBirthName",
    "PatientID",
    "PatientName",
    "PatientTelephoneNumbers",
    "PerformingPhysicianName",
    "ReferringPhysicianName",
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "StudyID",
    "StudyInstanceUID",
)
"""Elements that name a person or an examination. Exports use them as names of files and folders."""
WORDS = ("PatientName", "PatientID", "OtherPatientIDs", "OtherPatientNames", "PatientBirthName")
"""Elements of which a single word identifies a person."""
READ = (
    *IDENTIFYING,
    "BitsAllocated",
    "BitsStored",
    "BurnedInAnnotation",
    "Columns",
    "ImageLaterality",
    "Laterality",
    "Modality",
    "NumberOfFrames",
    "PhotometricInterpretation",
    "PixelRepresentation",
    "PresentationIntentType",
    "Rows",
    "SOPClassUID",
    "SamplesPerPixel",
    "SyntheticData",
    "VOILUTFunction",
    "VOILUTSequence",
    "ViewPosition",
    "WindowCenter",
    "WindowWidth",
)
GUESSED = {
    (True, True): "1.2.840.10008.1.2",
    (False, True): "1.2.840.10008.1.2.1",
    (False, False): "1.2.840.10008.1.2.2",
}
"""Transfer syntaxes of files without one: implicit VR or not, little endian or not."""
DIRECTORY = "1.2.840.10008.1.3.10"
"""The storage class of DICOMDIR."""
SHORTEST = 4
"""Shorter values, such as a StudyID of 1, are no identifiers: they would match half of all file
names."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DicomHeader:
    """What fewray needs to know of a DICOM file before its pixels.

    Texts are stripped, and empty if the file does not have them. Identifiers are not shown by
    ``repr``.
    """

    rows: int = 0
    columns: int = 0
    bits: int = 0
    photometric: str = ""
    modality: str = ""
    view: str = ""
    """ViewPosition in capitals, such as PA, AP or LL."""
    laterality: str = ""
    window: bool = False
    """Whether the file has a VOI LUT or a usable window."""
    synthetic: bool = False
    burned_in: bool = False
    for_processing: bool = False
    """Whether these are raw detector values, not meant to be looked at."""
    refusal: tuple[str, str] | None = None
    """Code and reason if the file cannot be used."""
    is_image: bool = True
    """Whether the file claims to hold an image at all; reports and DICOMDIR do not."""
    is_directory: bool = False
    """Whether the file is a DICOMDIR, the table of contents of a medium."""
    patient: str = field(default="", repr=False)
    sop_instance: str = field(default="", repr=False)
    study_instance: str = field(default="", repr=False)
    accession: str = field(default="", repr=False)
    identifiers: frozenset[str] = field(default=frozenset(), repr=False)
    """Values and words of the elements ``IDENTIFYING``: letters and digits only, in lower case."""

    def grey_range(self) -> GreyRange:
        """Return what the choice of a grey scale must know; the values lie in the pixels."""
        return GreyRange(
            floating=False, low=0, high=0, minimum=0, maximum=0, dicom_window=self.window
        )


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM by its content, or by its suffix. Raises OSError."""
    if path.suffix.lower() in SUFFIXES:
        return True
    with path.open("rb") as stream:
        return has_marker(stream.read(MARKER_PLACE + len(MARKER)))


def has_marker(content: bytes) -> bool:
    """Whether ``content`` starts as a DICOM file does."""
    return content[MARKER_PLACE : MARKER_PLACE + len(MARKER)] == MARKER


def read_header(path: Path) -> DicomHeader:
    """Return the header of a DICOM file. Raises Unreadable for a damaged file, and OSError.

    The pixels are not read.
    """
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        return header_of(stream, size, path)


def header_of(stream: BinaryIO, size: int, path: Path) -> DicomHeader:
    """Return the header of a DICOM file of ``size`` bytes."""
    from pydicom import dcmread

    headerless = path.suffix.lower() in SUFFIXES
    try:
        data = dcmread(stream, stop_before_pixels=True, force=headerless, specific_tags=tags(READ))
        found = _header(data, size - stream.tell())
    except Exception as error:  # pydicom raises whatever a damaged file leads it to
        raise Unreadable(path, _damaged(type(error).__name__), "dicom_damaged") from None
    if not (found.is_image or found.is_directory or _storage_class(data)):
        raise Unreadable(path, _damaged("neither an image nor another object"), "dicom_damaged")
    return found


def read_dataset(content: bytes, path: Path) -> Dataset:
    """Return the whole file as a pydicom data set. Raises Unreadable for a damaged file."""
    from pydicom import dcmread
    from pydicom.uid import UID

    try:
        data = dcmread(io.BytesIO(content), force=path.suffix.lower() in SUFFIXES)
        if "TransferSyntaxUID" not in data.file_meta:  # pydicom has guessed it
            implicit, little = data.original_encoding
            data.file_meta.TransferSyntaxUID = UID(GUESSED[bool(implicit), bool(little)])
        return data
    except Exception as error:
        raise Unreadable(path, _damaged(type(error).__name__), "dicom_damaged") from None


def _damaged(why: str) -> str:
    return f"DICOM file that cannot be read ({why})"


def _storage_class(data: Dataset) -> str:
    return text(data, "SOPClassUID") or text(data.file_meta, "MediaStorageSOPClassUID")


def _header(data: Dataset, left: int) -> DicomHeader:
    """Return the header of ``data``, after which ``left`` bytes of the file remain."""
    kind = _storage_class(data)
    rows, columns = number(data, "Rows"), number(data, "Columns")
    photometric = text(data, "PhotometricInterpretation").upper()
    return DicomHeader(
        rows=rows,
        columns=columns,
        bits=number(data, "BitsStored"),
        photometric=photometric,
        modality=text(data, "Modality").upper(),
        view=text(data, "ViewPosition").upper(),
        laterality=(text(data, "ImageLaterality") or text(data, "Laterality")).upper(),
        window=has_window(data),
        synthetic=text(data, "SyntheticData").upper() == "YES",
        burned_in=text(data, "BurnedInAnnotation").upper() == "YES",
        for_processing=text(data, "PresentationIntentType").upper() == "FOR PROCESSING",
        refusal=refusal(data, kind, left),
        is_image=bool(rows or columns or _is_image_class(kind)),
        is_directory=kind == DIRECTORY,
        patient=text(data, "PatientID"),
        sop_instance=text(data, "SOPInstanceUID"),
        study_instance=text(data, "StudyInstanceUID"),
        accession=text(data, "AccessionNumber"),
        identifiers=frozenset(_identifiers(data)),
    )


@functools.cache
def _is_image_class(kind: str) -> bool:
    from pydicom.uid import UID

    return "Image Storage" in UID(kind).name


def has_window(data: Dataset) -> bool:
    """Whether a data set has a VOI LUT, or a window that the standard allows."""
    if "VOILUTSequence" in data and data.get("VOILUTSequence"):
        return True
    centers, widths = texts(data, "WindowCenter"), texts(data, "WindowWidth")
    if not centers or not widths:
        return False
    least = 1 if text(data, "VOILUTFunction").upper() in ("", "LINEAR") else 1e-9
    try:
        return float(widths[0]) >= least and abs(float(centers[0])) < float("inf")
    except (TypeError, ValueError):
        return False


def _identifiers(data: Dataset) -> set[str]:
    """Return the values of the identifying elements, and the words of names and patient IDs."""
    found = set()
    for keyword in IDENTIFYING:
        for value in texts(data, keyword):
            low = value.lower()
            found.add(squashed(low))
            if keyword in WORDS:
                found.update(words(low))
    return {each for each in found if len(each) >= SHORTEST}
