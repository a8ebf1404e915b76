"""Sets of images: real ones named when the app starts, synthetic ones found below the runs."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from fewray.app.library import Library
from fewray.data.manifest import MANIFEST, SOURCES, Manifest, Row
from fewray.errors import InputError
from fewray.results.training import GeneratorSource

if TYPE_CHECKING:
    from fewray.data.images import ImageSource

ID_LENGTH = 20
"""Hex digits of an image's SHA-256 in its address."""
COMPARED = 64
"""Pixels at which images are compared with their neighbours."""
SIZES = (64, 128, 256, 512)
"""Pixels per side at which images are sent."""
FIT = "pad"
"""How real images are made square for display: nothing is distorted."""


@dataclass
class ImageSet:
    """The images of one data set or of one folder of synthetic images."""

    key: str
    """``real/<number>`` or ``synthetic/<name of the run>``."""
    title: str
    origin: Literal["real", "synthetic"]
    manifest: Manifest
    source: str = ""
    """Of real images, where they are loaded from: as for ``--data``."""
    folder: Path | None = None
    """Of synthetic images, where ``rejects.json`` lies."""
    generators: dict[str, GeneratorSource] = field(default_factory=dict)

    @cached_property
    def ids(self) -> dict[str, int]:
        """Return the row of each image by its id."""
        return {row.sha256[:ID_LENGTH]: i for i, row in enumerate(self.manifest.rows)}

    @cached_property
    def pixels(self) -> ImageSource:
        """Return the decoded images."""
        from fewray.data.images import ImageSource

        return ImageSource(self.manifest)

    def row(self, image: str) -> Row:
        """Return the row of an image; InputError ``no_image`` if the set has none of this id."""
        index = self.ids.get(image)
        if index is None:
            raise InputError("no_image", f"{self.title}: no such image.", image=image[:80])
        return self.manifest.rows[index]

    def rows(self, label: str | None = None) -> list[Row]:
        """Return the rows of a class, or all; the same image is listed once."""
        chosen = [self.manifest.rows[i] for i in self.ids.values()]
        return [row for row in chosen if label is None or row.label == label]

    def compared(self, rows: Sequence[Row], fit: str) -> np.ndarray:
        """Return uint8 (n, 1, 64, 64) of ``rows``, made square by ``fit``."""
        index = [self.ids[row.sha256[:ID_LENGTH]] for row in rows]
        return self.pixels.at(COMPARED, fit)[index]

    def picture(self, image: str, size: int) -> np.ndarray:
        """Return uint8 (size, size) of one image."""
        from fewray.imaging.arrays import load_images

        row = self.row(image)
        scale = self.manifest.pixel_scale
        return load_images([row.path], size, FIT, scale=scale, names=[row.shown])[0, 0]

    def fit_of(self, label: str) -> str:
        """Return how the generator of a class makes images square; ``squash`` if unknown."""
        return self.generators[label].options.fit if label in self.generators else "squash"


class ImageSets:
    """All sets. InputError for real data that cannot be loaded."""

    def __init__(self, library: Library, data: Sequence[str]) -> None:
        self.library = library
        self._lock = threading.Lock()
        self._real = [_real_set(number, source) for number, source in enumerate(data)]
        self._synthetic: dict[str, tuple[float, ImageSet]] = {}

    def real(self) -> list[ImageSet]:
        """Return the real sets."""
        return list(self._real)

    def get(self, key: str) -> ImageSet:
        """Return the set called ``key``; InputError ``no_set`` if there is none."""
        kind, _, name = key.partition("/")
        if kind == "real" and name.isdecimal() and len(name) < 4 and int(name) < len(self._real):
            return self._real[int(name)]
        if kind == "synthetic":
            return self._synthetic_set(name)
        raise InputError("no_set", f"{key[:200]}: no such set of images.", key=key[:200])

    def _synthetic_set(self, name: str) -> ImageSet:
        """Return the synthetic images in a folder; read again when they are generated again."""
        from fewray.data.loading import load_dataset
        from fewray.generators.output_folder import read_sources

        folder = self.library.folder(name)
        if not (folder / SOURCES).is_file() or not (folder / MANIFEST).is_file():
            message = f"{name}: no complete set of synthetic images (no {SOURCES} or {MANIFEST})."
            raise InputError("no_set", message, key=name)
        changed = (folder / MANIFEST).stat().st_mtime
        with self._lock:
            kept = self._synthetic.get(name)
            if kept is None or kept[0] != changed:
                found = load_dataset(folder, option=name)
                self._check_inside(found, folder)
                made = ImageSet(
                    key=f"synthetic/{name}",
                    title=name,
                    origin="synthetic",
                    manifest=found,
                    folder=folder,
                    generators=read_sources(folder),
                )
                kept = self._synthetic[name] = (changed, made)
            return kept[1]

    @staticmethod
    def _check_inside(manifest: Manifest, folder: Path) -> None:
        """Refuse a table that lists files elsewhere: only files in the folder are sent."""
        for row in manifest.rows:
            if not row.path.resolve().is_relative_to(folder):
                message = f"{folder.name}: {MANIFEST} lists a file outside the folder."
                raise InputError("foreign_files", message, folder=str(folder))


def _real_set(number: int, source: str) -> ImageSet:
    from fewray.data.loading import load_dataset

    found = load_dataset(source)
    title = found.name
    return ImageSet(f"real/{number}", title, origin="real", manifest=found, source=source)
