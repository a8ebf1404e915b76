"""The nearest real images of an image, and the difference to them."""

from __future__ import annotations

import threading
from collections import OrderedDict

import msgspec
import numpy as np

from fewray.app.images.image_set import ID_LENGTH, ImageSet
from fewray.app.images.sets import ImageSets
from fewray.data.manifest import Row

SHOWN = 5
"""Neighbours per image."""
KEPT = 500
"""Answers kept in memory."""


class Neighbour(msgspec.Struct, frozen=True, kw_only=True):
    """A real image near another image."""

    set: str
    image: str
    label: str
    split: str
    distance: float
    """1 - correlation after alignment, from 0 (a copy) to 2."""
    trained_on: bool | None
    """Whether the generator of the class saw it; None if that is not known."""


class Neighbours:
    """Search real sets for the neighbours of one image at a time; the answers are kept."""

    def __init__(self, sets: ImageSets) -> None:
        self.sets = sets
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], list[Neighbour]] = OrderedDict()

    def of(self, found: ImageSet, row: Row) -> list[Neighbour]:
        """Return the nearest real images of the row's class, nearest first, itself left out.

        Images are compared at 64 pixels as in the search for copies
        (:mod:`fewray.quality.copies.alignment`): small shifts, rotations, changes in scale and
        mirroring do not matter.
        """
        key = (found.key, row.sha256)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = self._search(found, row)
                if len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            return self._kept[key]

    def _search(self, found: ImageSet, row: Row) -> list[Neighbour]:
        from fewray.quality.copies.alignment import aligned_distances

        fit = found.fit_of(row.label)
        source = found.generators.get(row.label)
        seen = set(source.training_set.training_hashes) if source else None
        query = found.compared([row], fit)
        near: list[Neighbour] = []
        for real in self.sets.real():
            others = [other for other in real.rows(row.label) if other.sha256 != row.sha256]
            if not others:
                continue
            distances = aligned_distances(query, real.compared(others, fit))[0]
            for i in np.argsort(distances, kind="stable")[:SHOWN]:
                if np.isfinite(distances[i]):
                    near.append(_neighbour(real, others[int(i)], float(distances[i]), seen))
        return sorted(near, key=lambda each: each.distance)[:SHOWN]


def _neighbour(real: ImageSet, row: Row, distance: float, seen: set[str] | None) -> Neighbour:
    return Neighbour(
        set=real.key,
        image=row.sha256[:ID_LENGTH],
        label=row.label,
        split=row.split,
        distance=round(max(0.0, distance), 4),
        trained_on=None if seen is None else row.sha256 in seen,
    )
