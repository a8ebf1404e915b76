"""The header of a DICOM file: what the image shows, whom, and whether it can be used."""

from __future__ import annotations

import functools
import math
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from sys import intern

from fewray.imaging.depth import GreyRange
from fewray.imaging.dicom.elements import Elements, squashed, words
from fewray.imaging.dicom.reading import damaged, read_elements
from fewray.imaging.dicom.refusals import refusal

IDENTIFYING = (
    "AccessionNumber",
    "AcquisitionDate",
    "ContentDate",
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
    "SeriesDate",
    "SeriesInstanceUID",
    "StudyDate",
    "StudyID",
    "StudyInstanceUID",
)
"""Elements that name a person or an examination. Exports use them as names of files and folders."""
WORDS = ("PatientName", "PatientID", "OtherPatientIDs", "OtherPatientNames", "PatientBirthName")
"""Elements of which a single word identifies a person."""
WHEN = ("StudyDate", "StudyTime")
"""What puts the images of a patient in order."""
READ = (
    *IDENTIFYING,
    "BitsAllocated",
    "BitsStored",
    "BurnedInAnnotation",
    "Columns",
    "HighBit",
    "ImageLaterality",
    "Laterality",
    "Modality",
    "ModalityLUTSequence",
    "NumberOfFrames",
    "PhotometricInterpretation",
    "PixelRepresentation",
    "PresentationIntentType",
    "PresentationLUTShape",
    "RescaleIntercept",
    "RescaleSlope",
    "Rows",
    "SOPClassUID",
    "SamplesPerPixel",
    "StudyTime",
    "SyntheticData",
    "VOILUTFunction",
    "VOILUTSequence",
    "ViewPosition",
    "WindowCenter",
    "WindowWidth",
)
DIRECTORY = "1.2.840.10008.1.3.10"
"""The storage class of DICOMDIR."""
FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
"""How a window is applied. Other values of VOILUTFunction count as the first, as in DCMTK."""
SHORTEST, SHORTEST_IDEOGRAPHS = 4, 2
"""Shorter values, such as a StudyID of 1, are no identifiers: they would match half of all file
names. Two ideographs are a name."""
IDEOGRAPHS = "\u2e80"
"""The first sign of the scripts of East Asia."""
UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
"""How names are written where these letters are not to be had."""


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
    contradictory: bool = False
    """Whether the Presentation LUT Shape says the opposite of the photometric interpretation."""
    modality: str = ""
    view: str = ""
    """ViewPosition in capitals, such as PA, AP or LL."""
    laterality: str = ""
    window: bool = False
    """Whether the file has a VOI LUT or a usable window."""
    invalid_window: bool = False
    """Whether it has a window that the standard does not allow, and no VOI LUT."""
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
    when: str = field(default="", repr=False)
    """Date and time of the examination, for sorting; never shown."""
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


def read_header(path: Path) -> DicomHeader | None:
    """Return the header of a DICOM file; None for another file.

    The pixels are not read. Raises Unreadable for a damaged file, and OSError.
    """
    if (found := read_elements(path, READ)) is None:
        return None
    elements, left = found
    try:
        header = _header(elements, left)
    except Exception as error:  # of values that pydicom cannot convert
        raise damaged(path, type(error).__name__) from None
    if not (header.is_image or header.is_directory or _storage_class(elements)):
        raise damaged(path, "neither an image nor another object")
    return header


def _storage_class(data: Elements) -> str:
    return data.text("SOPClassUID") or data.kind


def _header(data: Elements, left: int) -> DicomHeader:
    """Return the header of ``data``, after which ``left`` bytes of the file remain."""
    kind = _storage_class(data)
    rows, columns = data.number("Rows"), data.number("Columns")
    return DicomHeader(
        rows=rows,
        columns=columns,
        bits=data.number("BitsStored"),
        photometric=intern(data.text("PhotometricInterpretation").upper()),
        contradictory=is_inverted(data) != is_monochrome1(data),
        modality=intern(data.text("Modality").upper()),
        view=intern(data.text("ViewPosition").upper()),
        laterality=intern((data.text("ImageLaterality") or data.text("Laterality")).upper()),
        window=(window := has_window(data)),
        invalid_window=not window and any(data.texts("WindowWidth")),
        synthetic=data.text("SyntheticData").upper() == "YES",
        burned_in=data.text("BurnedInAnnotation").upper() == "YES",
        for_processing=data.text("PresentationIntentType").upper() == "FOR PROCESSING",
        refusal=refusal(data, kind, left),
        is_image=bool(rows or columns or any(map(_is_image_class, (kind, data.kind)))),
        is_directory=kind == DIRECTORY,
        when=" ".join(data.text(keyword) for keyword in WHEN),
        patient=data.text("PatientID"),
        sop_instance=data.text("SOPInstanceUID"),
        study_instance=data.text("StudyInstanceUID"),
        accession=data.text("AccessionNumber"),
        identifiers=frozenset(_identifiers(data)),
    )


@functools.cache
def _is_image_class(kind: str) -> bool:
    from pydicom.uid import UID

    return "Image Storage" in UID(kind).name


def has_window(data: Elements) -> bool:
    """Whether a data set has a VOI LUT, or a window that the standard allows.

    A LINEAR window must be at least 1 wide (PS3.3, C.11.2.1.2). Narrower ones are ignored, as in
    DCMTK, and a warning says so. To read them as a step would be the larger change: pydicom refuses
    them, and an image of black and white alone is hardly what was meant.
    """
    if data.has("VOILUTSequence"):
        return True
    centers, widths = data.texts("WindowCenter"), data.texts("WindowWidth")
    if not centers or not widths:
        return False
    least = 1e-9 if data.text("VOILUTFunction").upper() in FUNCTIONS[1:] else 1
    try:
        return least <= float(widths[0]) < math.inf and abs(float(centers[0])) < math.inf
    except (TypeError, ValueError):
        return False


def is_monochrome1(data: Elements) -> bool:
    """Whether the lowest value is white by the photometric interpretation."""
    return data.text("PhotometricInterpretation").upper() == "MONOCHROME1"


def is_inverted(data: Elements) -> bool:
    """Whether the lowest value is shown white.

    The Presentation LUT Shape decides it, if there is one: DCMTK and dcm4che do the same. It
    should agree with the photometric interpretation (PS3.3, C.8.11.3.1.2).
    """
    shape = data.text("PresentationLUTShape").upper()
    return shape == "INVERSE" if shape in ("IDENTITY", "INVERSE") else is_monochrome1(data)


def _identifiers(data: Elements) -> set[str]:
    """Return the values of the identifying elements, and the words of names and patient IDs."""
    found = set[str]()
    for keyword in IDENTIFYING:
        for value in data.texts(keyword):
            for text in _spellings(value):
                found.add(squashed(text))
                if "=" in text:  # a name in several scripts
                    found.update(map(squashed, text.split("=")))
                if keyword in WORDS:
                    found.update(words(text))
    return {each for each in found if len(each) >= shortest(each)}


def _spellings(value: str) -> tuple[str, ...]:
    """Return ``value``, and how it is written without umlauts."""
    if value.isascii():
        return (value,)
    low = unicodedata.normalize("NFC", value.lower())
    return low, low.translate(UMLAUTS)


def shortest(identifier: str) -> int:
    """Return the length from which on such a text identifies somebody."""
    latin = identifier.isascii() or max(identifier) < IDEOGRAPHS
    return SHORTEST if latin else SHORTEST_IDEOGRAPHS
