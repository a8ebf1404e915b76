"""Which DICOM files are refused: only single grey radiographs are read.

Read are computed and digital radiography and secondary capture (also mammograms, intraoral and
panoramic radiographs) with one frame and one grey value per pixel.
"""

from __future__ import annotations

import functools

from fewray.imaging.dicom.elements import Elements

MODALITIES = ("CR", "DX", "RG", "MG", "IO", "PX", "SC", "OT", "")
"""Modality values of projection radiographs and of secondary captures."""
STORAGE = "1.2.840.10008.5.1.4.1.1."
SOP_CLASSES = ("1", "1.1", "1.1.1", "1.2", "1.2.1", "1.3", "1.3.1", "7")
"""Storage classes that are read, after ``STORAGE``: CR, DX, MG, IO, single-frame SC."""
MULTIFRAME = ("7.1", "7.2", "7.3", "7.4")
BITS = (8, 16)
MOST_PIXELS = 80_000_000
DEFLATED = "1.2.840.10008.1.2.1.99"
COLOUR = ("RGB", "YBR", "PALETTE", "HSV", "ARGB", "CMYK")


def refusal(data: Elements, kind: str, left: int) -> tuple[str, str] | None:
    """Return code and reason if a data set cannot be used.

    ``kind`` is its SOP class. ``left`` is the number of bytes of its pixels.
    """
    return _content(data, kind) or _pixels(data) or _length(data, left)


def _content(data: Elements, kind: str) -> tuple[str, str] | None:
    from pydicom.uid import UID

    modality = data.text("Modality").upper()
    frames = data.number("NumberOfFrames")
    short = kind.removeprefix(STORAGE)
    if modality not in MODALITIES:
        return "dicom_modality", f"DICOM image of modality {_quoted(modality)}, not a radiograph"
    if frames > 1 or short in MULTIFRAME:
        return "dicom_multiframe", f"multi-frame DICOM image ({frames or 'unknown'} frames)"
    if kind and short not in SOP_CLASSES:
        name = UID(kind).name
        name = "of an unknown kind" if name == kind else name
        return "dicom_modality", f"DICOM file ({name}), not a radiograph"
    return None


def _pixels(data: Elements) -> tuple[str, str] | None:
    rows, columns = data.number("Rows"), data.number("Columns")
    if rows < 1 or columns < 1:
        return "dicom_damaged", "DICOM file without an image size; it may be truncated"
    if rows * columns > MOST_PIXELS:
        limit = MOST_PIXELS // 10**6
        return "dicom_size", f"{columns}x{rows} pixels, more than {limit} million"
    photometric = data.text("PhotometricInterpretation").upper()
    if photometric.startswith(COLOUR) or data.number("SamplesPerPixel") > 1:
        return "dicom_colour", "DICOM image in colour; export it as grey"
    if photometric not in ("MONOCHROME1", "MONOCHROME2"):
        got = _quoted(photometric) if photometric else "none"
        return "dicom_photometric", f"DICOM Photometric Interpretation: expected grey, got {got}"
    allocated, stored = data.number("BitsAllocated"), data.number("BitsStored")
    if allocated not in BITS or not 1 < stored <= allocated:
        reason = f"DICOM image of {stored} bits in {allocated}: expected 2 to 16 in 8 or 16"
        return "dicom_bits", reason
    return None


def _length(data: Elements, left: int) -> tuple[str, str] | None:
    """Return what is wrong with the number of bytes after the header, as far as it shows."""
    if data.syntax == DEFLATED:
        return None  # the header ends somewhere within the compressed part
    if left <= 0:
        return "dicom_damaged", "DICOM file without pixels; it may be truncated"
    expected = data.number("Rows") * data.number("Columns") * data.number("BitsAllocated")
    if not _is_native(data.syntax):
        return _encoding(data.syntax)
    if left < expected // 8:
        return "dicom_damaged", f"truncated DICOM file ({left} of {expected // 8} bytes of pixels)"
    return None


@functools.cache
def _is_native(syntax: str) -> bool:
    from pydicom.uid import UncompressedTransferSyntaxes

    return not syntax or syntax in UncompressedTransferSyntaxes


@functools.cache
def _encoding(syntax: str) -> tuple[str, str] | None:
    """Return code and reason if no decoder is installed for a transfer syntax."""
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.uid import UID

    try:
        if get_decoder(UID(syntax)).is_available:
            return None
        name = UID(syntax).name
    except NotImplementedError:
        name = UID(syntax).name if UID(syntax).is_transfer_syntax else "unknown transfer syntax"
    return "dicom_encoding", f"DICOM pixels in an encoding that is not supported ({name})"


def _quoted(value: str) -> str:
    """Return a code string that a file should have there; anything else is not repeated."""
    known = len(value) <= 16 and value.replace(" ", "").replace("_", "").isalnum()
    return value if known and value.isascii() else "an invalid value"
