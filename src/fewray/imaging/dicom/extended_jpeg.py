"""Decode JPEG Extended (Process 4) of 12 bits, which pydicom does not pass on to GDCM.

GDCM decodes it; DCMTK gives the same values (tests/imaging/test_dcmtk.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pydicom import Dataset

SYNTAX = "1.2.840.10008.1.2.4.51"


def is_deep_extended(data: Dataset) -> bool:
    """Whether the pixels are JPEG Extended with more than 8 bits."""
    return data.file_meta.TransferSyntaxUID == SYNTAX and data.BitsStored > 8


def decode_extended(data: Dataset) -> np.ndarray:
    """Return the stored values (H, W) of one grey frame. Raises ValueError if it is damaged."""
    import gdcm
    from pydicom.encaps import get_frame

    library: Any = gdcm
    fragment = library.Fragment()
    fragment.SetByteStringValue(get_frame(data.PixelData, 0, number_of_frames=1))
    fragments = library.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = library.DataElement(library.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = library.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((data.Columns, data.Rows, 1))
    image.SetDataElement(element)
    kind = library.PhotometricInterpretation.GetPIType(data.PhotometricInterpretation)
    image.SetPhotometricInterpretation(library.PhotometricInterpretation(kind))
    image.SetTransferSyntax(library.TransferSyntax(library.TransferSyntax.GetTSType(SYNTAX)))
    bits, signed = int(data.BitsStored), int(data.PixelRepresentation)
    image.SetPixelFormat(library.PixelFormat(1, data.BitsAllocated, bits, bits - 1, signed))
    found = image.GetBuffer().encode("utf-8", "surrogateescape")  # GDCM returns char* as str
    values = np.frombuffer(found, np.int16 if signed else np.uint16)
    return values.reshape(data.Rows, data.Columns)
