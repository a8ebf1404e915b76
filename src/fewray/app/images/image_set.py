"""One set of images: its rows by id, its pixels, and what is known of its generators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from fewray.data.manifest import Manifest, Row
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
