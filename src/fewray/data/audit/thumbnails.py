"""Small pictures of the images that a data check names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fewray.data.layout.image_names import image_names
from fewray.data.manifest import Manifest
from fewray.errors import InputError
from fewray.imaging.arrays import in_threads, png_bytes
from fewray.imaging.decode import decode
from fewray.imaging.depth import PixelScale
from fewray.imaging.preprocess import resize
from fewray.results.data_check import Finding

SIDE = 96
COLUMNS = 8
GAP, LINE = 8, 14
"""Pixels between the images of a sheet, and below each for its number."""
SHOWN = 16
"""How many images of a finding are shown."""


@dataclass(frozen=True)
class Thumbnails:
    """uint8 (96, 96) by name of the image, and the names of images that must not be shown."""

    shown: dict[str, np.ndarray] = field(default_factory=dict)
    withheld: frozenset[str] = frozenset()
    """DICOM images whose header says that annotation is burned into the pixels."""


def images_of(finding: Finding) -> list[str]:
    """Return the names in a finding that may be images, in order; pairs and sets one by one."""
    found = [name for item in finding.items for name in re.split(r" [=~] ", item)]
    return list(dict.fromkeys(found))


def thumbnails(manifest: Manifest, findings: Iterable[Finding], *, most: int = SHOWN) -> Thumbnails:
    """Return pictures of the first ``most`` readable images of each finding.

    Images with burned-in annotation are left out, since they may show names and dates.
    """
    paths = dict(zip(image_names(manifest), manifest.paths(), strict=True))
    burned_in = manifest.dicom.burned_in if manifest.dicom else ()
    withheld = frozenset(name for name in paths if _is_among(name, burned_in))
    chosen = dict.fromkeys(
        name
        for finding in findings
        for name in [n for n in images_of(finding) if n in paths and n not in withheld][:most]
    )
    made = in_threads(partial(_small, scale=manifest.pixel_scale), [paths[n] for n in chosen])
    shown = {name: image for name, image in zip(chosen, made, strict=True) if image is not None}
    return Thumbnails(shown, withheld)


def _is_among(name: str, longer: Sequence[str]) -> bool:
    """Whether ``name`` is one of some names that may have more folders in front."""
    return any(f"/{each}".endswith(f"/{name}") for each in longer)


def contact_sheet(images: Sequence[np.ndarray]) -> bytes:
    """Return a PNG of uint8 (96, 96) images, eight in a row, numbered from 1."""
    rows = -(-len(images) // COLUMNS)
    size = COLUMNS * (SIDE + GAP) - GAP, rows * (SIDE + GAP + LINE) - GAP
    sheet = Image.new("L", size, 255)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(LINE - 3)
    for index, image in enumerate(images):
        row, column = divmod(index, COLUMNS)
        left, top = column * (SIDE + GAP), row * (SIDE + GAP + LINE)
        sheet.paste(Image.fromarray(image), (left, top))
        pen.text((left, top + SIDE), str(index + 1), fill=80, font=font)
    return png_bytes(np.asarray(sheet))


def _small(path: Path, *, scale: PixelScale) -> np.ndarray | None:
    try:
        return resize(decode(path, scale), SIDE)
    except InputError:  # unreadable: the finding says why
        return None
