"""Read what a file reveals without its pixels: size, colour mode, format, compression."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from fewray.imaging.dicom.header import read_header
from fewray.imaging.nifti import is_nifti, nifti_facts
from fewray.imaging.unreadable import Unreadable

COLUMNS = (
    "log pixels",
    "width / height",
    "log bytes per pixel",
    "is L",
    "is RGB",
    "is RGBA",
    "is PNG",
)

KINDS: dict[str, tuple[int, ...]] = {
    "image size": (0,),
    "aspect ratio": (1,),
    "bytes per pixel": (2,),
    "colour mode": (3, 4, 5),
    "file format": (6,),
}
"""What the columns tell, with their indices."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FileFacts:
    """The header of an image file; zeros and empty texts if it cannot be read."""

    width: int = 0
    height: int = 0
    mode: str = ""
    format: str = ""
    bytes: int = 0

    def vector(self) -> list[float]:
        """Return the numbers named in ``COLUMNS``."""
        pixels = max(1, self.width * self.height)
        return [
            float(np.log(pixels)),
            self.width / max(1, self.height),
            float(np.log(max(1, self.bytes) / pixels)),
            *(float(self.mode == mode) for mode in ("L", "RGB", "RGBA")),
            float(self.format == "PNG"),
        ]


def file_facts(path: Path) -> FileFacts:
    """Read the header of an image. Raises OSError, or whatever Pillow raises for a damaged file."""
    size = path.stat().st_size
    if (header := read_header(path)) is not None:
        mode = f"{header.photometric} {header.bits} bit"
        return FileFacts(
            width=header.columns, height=header.rows, mode=mode, format="DICOM", bytes=size
        )
    if is_nifti(path):
        found = nifti_facts(path)
        return FileFacts(
            width=found.width, height=found.height, mode=found.kind, format="NIfTI", bytes=size
        )
    with Image.open(path) as image:
        return FileFacts(
            width=image.width,
            height=image.height,
            mode=image.mode,
            format=image.format or "",
            bytes=size,
        )


def file_metadata(paths: Sequence[Path], names: Sequence[Path] = ()) -> np.ndarray:
    """Return float64 (n, 7), the columns named in ``COLUMNS``; Unreadable for a bad file.

    Errors show the ``names`` of the files, if these are given.
    """
    rows = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on unusual metadata
        for path, name in zip(paths, names or paths, strict=True):
            try:
                rows.append(file_facts(Path(path)).vector())
            except (
                Exception
            ) as error:  # Pillow's parsers raise whatever a damaged file leads them to
                raise Unreadable(name, f"cannot be decoded ({type(error).__name__})") from None
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(COLUMNS))
