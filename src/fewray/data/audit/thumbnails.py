"""Small pictures of the images that a data check names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from fewray.data.audit.check import short_names
from fewray.data.manifest import Manifest
from fewray.errors import InputError
from fewray.imaging.arrays import in_threads, png_bytes
from fewray.imaging.decode import decode
from fewray.imaging.depth import PixelScale
from fewray.imaging.preprocess import resize
from fewray.results.data_check import Finding

SIDE = 128
SHOWN = 12
"""How many images of a finding are shown."""


@dataclass(frozen=True)
class Thumbnails:
    """PNG files by name of the image, and the names of images that must not be shown."""

    shown: dict[str, bytes] = field(default_factory=dict)
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
    paths = dict(zip(short_names(manifest), manifest.paths(), strict=True))
    burned_in = manifest.dicom.burned_in if manifest.dicom else ()
    withheld = frozenset(name for name in paths if _is_among(name, burned_in))
    chosen = dict.fromkeys(
        name
        for finding in findings
        for name in [n for n in images_of(finding) if n in paths and n not in withheld][:most]
    )
    made = in_threads(partial(_small, scale=manifest.pixel_scale), [paths[n] for n in chosen])
    shown = {name: png for name, png in zip(chosen, made, strict=True) if png is not None}
    return Thumbnails(shown, withheld)


def _is_among(name: str, longer: Sequence[str]) -> bool:
    """Whether ``name`` is one of some names that may have more folders in front."""
    return any(f"/{each}".endswith(f"/{name}") for each in longer)


def _small(path: Path, *, scale: PixelScale) -> bytes | None:
    try:
        return png_bytes(resize(decode(path, scale), SIDE))
    except InputError:  # unreadable: the finding says why
        return None
