"""The images of a data set, at any size: one object that every stage reads from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from fewray.imaging.arrays import load_images

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fewray.data.manifest import Manifest

COMPARISON_SIZE, COMPARISON_FIT = 64, "squash"
"""How images are loaded for the search for near-duplicates. Padding would not do: black margins
make different images alike, and hide a duplicate of another shape. On covid4 at 64 pixels,
different padded images correlate up to 0.96, and the one true pair only 0.94."""


class ImageSource:
    """The images of ``manifest``, decoded once for each size and fit.

    Sources returned by :meth:`take` share what was decoded.
    """

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self._index: np.ndarray | None = None
        self._all = manifest
        self._decoded: dict[tuple[int, str], np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.manifest)

    def at(self, size: int, fit: str = "pad") -> np.ndarray:
        """Return uint8 (n, 1, size, size), read-only, in the order of the manifest's rows."""
        if (size, fit) not in self._decoded:
            rows = self._all
            images = load_images(
                rows.paths(), size, fit, scale=rows.pixel_scale, names=rows.shown_paths()
            )
            images.flags.writeable = False
            self._decoded[size, fit] = images
        images = self._decoded[size, fit]
        return images if self._index is None else images[self._index]

    def for_comparison(self) -> np.ndarray:
        """Return uint8 (n, 1, 64, 64) as the search for near-duplicates expects them."""
        return self.at(COMPARISON_SIZE, COMPARISON_FIT)

    def take(self, index: Sequence[int] | np.ndarray) -> ImageSource:
        """Return the source of the rows at ``index``, int (k,)."""
        index = np.asarray(index, dtype=np.int64)
        rows = tuple(self.manifest.rows[i] for i in index)
        part = ImageSource(replace(self.manifest, rows=rows))
        part._all, part._decoded = self._all, self._decoded
        part._index = index if self._index is None else self._index[index]
        return part
