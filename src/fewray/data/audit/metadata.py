"""What a file tells without a pixel being looked at: size, aspect, colour mode, format, bytes a pixel."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from fewray.imaging.decode import Unreadable

COLUMNS = (
    "log pixels",
    "width / height",
    "log bytes a pixel",
    "is L",
    "is RGB",
    "is RGBA",
    "is PNG",
)


@dataclass(frozen=True, kw_only=True)
class FileFacts:
    """The header of an image file; zeros and empty texts for one that cannot be read."""

    width: int = 0
    height: int = 0
    mode: str = ""
    format: str = ""
    bytes: int = 0


def file_facts(path: Path) -> FileFacts:
    """Read the header of one image; OSError, or what Pillow raises, where that cannot be done."""
    size = path.stat().st_size
    with Image.open(path) as image:
        return FileFacts(
            width=image.width,
            height=image.height,
            mode=image.mode,
            format=image.format or "",
            bytes=size,
        )


def metadata_vector(facts: FileFacts) -> list[float]:
    """Return the numbers named in ``COLUMNS``."""
    pixels = max(1, facts.width * facts.height)
    kinds = [float(facts.mode == mode) for mode in ("L", "RGB", "RGBA")] + [
        float(facts.format == "PNG")
    ]
    return [
        np.log(pixels),
        facts.width / max(1, facts.height),
        np.log(max(1, facts.bytes) / pixels),
        *kinds,
    ]


def file_metadata(paths: Sequence[Path]) -> np.ndarray:
    """Return float64 (n, 7), a row a file and a column each of ``COLUMNS``; :class:`Unreadable` names a bad file."""
    rows = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on odd metadata
        for path in paths:
            try:
                rows.append(metadata_vector(file_facts(Path(path))))
            except (
                Exception
            ) as error:  # Pillow's parsers raise whatever a damaged file leads them to
                raise Unreadable(
                    path, f"cannot be read as an image ({type(error).__name__})"
                ) from None
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(COLUMNS))
