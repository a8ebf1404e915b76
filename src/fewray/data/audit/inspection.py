"""Read each file of a data set once, and keep little of it: a small copy and a few figures."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fewray.data.audit.appearance import Appearance, appearance, reduced_copy
from fewray.data.audit.metadata import FileFacts, file_facts
from fewray.data.near_duplicates import THUMBNAIL
from fewray.errors import InputError
from fewray.imaging.decode import RawImage, Unreadable, read_file, read_image
from fewray.imaging.depth import GreyRange, PixelScale
from fewray.imaging.preprocess import resize


@dataclass(frozen=True, kw_only=True, slots=True)
class InspectedFile:
    """One file: its header and its appearance, or why it is unreadable."""

    facts: FileFacts = field(default_factory=FileFacts)
    thumbnail: np.ndarray | None = None
    """uint8 (32, 32); None for an unreadable file."""
    appearance: Appearance | None = None
    grey_range: GreyRange | None = None
    """Of DICOM images and images of more than 8 bits."""
    excess_bits: bool = False
    """Whether a DICOM image has bits above BitsStored."""
    error: str = ""

    @property
    def kind(self) -> str:
        """How deep the pixels are: 8 bits, 16 or 32 bits, float, or DICOM."""
        if self.grey_range is None:
            return "8 bits"
        if self.grey_range.dicom_window is not None:
            return "DICOM"
        return "float" if self.grey_range.floating else "more than 8 bits"


def inspect_file(path: Path, *, scale: PixelScale) -> InspectedFile:
    """Decode a file and describe it. Damaged files never raise: their ``error`` says why."""
    try:
        image = read_image(read_file(path), path)
        grey = image.grey(scale)
        reduced = reduced_copy(grey)
        return InspectedFile(
            thumbnail=resize(reduced, THUMBNAIL, "squash"),
            appearance=appearance(
                grey, reduced, image.picture if isinstance(image, RawImage) else None
            ),
            grey_range=image.grey_range() if image.is_deep else None,
            excess_bits=not isinstance(image, RawImage) and image.excess_bits,
            facts=file_facts(path),
        )
    except Unreadable as error:
        return InspectedFile(error=error.reason)
    except InputError as error:
        return InspectedFile(error=error.message)
    except OSError as error:
        return InspectedFile(error=str(error.strerror))
