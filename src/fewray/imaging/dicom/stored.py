"""Decode the stored values of a DICOM image, without the bits that are not part of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fewray.imaging.dicom.extended_jpeg import decode_extended, is_deep_extended

if TYPE_CHECKING:
    from pydicom import Dataset


def stored_values(data: Dataset) -> tuple[np.ndarray, bool]:
    """Return the stored values, and whether bits above BitsStored were set.

    Only the lowest BitsStored bits are the value of a pixel (DICOM PS3.5, 8.1.1). The bits above
    are left out, as pydicom and DCMTK do; signed values may fill them with the sign. Raises
    whatever the decoder does for a damaged file.
    """
    if is_deep_extended(data):
        found = decode_extended(data)
    else:
        data.pixel_array_options(correct_unused_bits=False)  # it copies every image
        found = data.pixel_array
    bits = int(data.BitsStored)
    lowest = -(1 << (bits - 1)) if found.dtype.kind == "i" else 0
    if lowest <= found.min() and found.max() < lowest + (1 << bits):
        return found, False
    spare = 8 * found.itemsize - bits
    kept = (found << spare) >> spare
    above = found.view(found.dtype.str.replace("i", "u")) >> bits
    return kept, bool(np.any(above.astype(bool) & (found != kept)))
