"""What an image owes to one training image: the area of the windows copied from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fewray.quality.copies.windows import OFFSETS, SIZE, WINDOW, NearestWindows


@dataclass(frozen=True, kw_only=True)
class OwedAreas:
    """Arrays (n,), by image; the areas and ``windows`` are shares, 0 to 1."""

    index: np.ndarray
    """The reference that most is owed to, or -1."""
    owed: np.ndarray
    """The area owed to it: the mean of its :func:`owed_map`."""
    area: np.ndarray
    """The area of the windows copied from it."""
    windows: np.ndarray
    """The windows copied from any reference."""


def window_threshold(distance: np.ndarray, percentile: float) -> np.ndarray:
    """Return (14, 14): the distance at each place below which a window counts as copied.

    ``distance`` (n, 14, 14) are those of real images to other patients' images. Windows of some
    places are more alike than others (air, spine), so distances are divided by the median of their
    place and then pooled: one percentile of all is fair to each place.
    """
    usual = np.maximum(np.median(distance, axis=0), 1e-9)
    shares = np.sort((distance / usual).ravel())
    return usual * shares[int(percentile / 100 * len(shares))]


def owed_map(chosen: np.ndarray, distance: np.ndarray, threshold: np.ndarray) -> np.ndarray:
    """Return float32 (64, 64): how much each pixel owes to the windows ``chosen``, bool (14, 14).

    A window at distance d below its threshold t gives all its pixels 1 - d/t: 0 at the threshold,
    1 if identical. Each pixel has the largest value of its windows.
    """
    canvas = np.zeros((SIZE, SIZE), np.float32)
    depth = 1 - distance / threshold
    for a, b in np.argwhere(chosen & (distance < threshold)):
        part = canvas[OFFSETS[a] : OFFSETS[a] + WINDOW, OFFSETS[b] : OFFSETS[b] + WINDOW]
        np.maximum(part, depth[a, b], out=part)
    return canvas


def owed_areas(near: NearestWindows, threshold: np.ndarray) -> OwedAreas:
    """Return what each image owes to the reference that it owes most to.

    ``threshold`` is (14, 14), or (n, 14, 14) with one for each image. A window belongs to its
    nearest reference only. ``owed`` is the mean of :func:`owed_map`, and ``area`` the share of its
    pixels above 0: the union of the windows copied from that reference.
    """
    n = len(near.index)
    index, owed, area = np.full(n, -1), np.zeros(n), np.zeros(n)
    threshold = np.broadcast_to(threshold, near.distance.shape)
    copied = near.distance < threshold
    for i in range(n):
        for reference in np.unique(near.index[i][copied[i]]):
            canvas = owed_map(near.index[i] == reference, near.distance[i], threshold[i])
            if (mean := float(canvas.mean(dtype=np.float64))) > owed[i]:
                index[i], owed[i], area[i] = reference, mean, (canvas > 0).mean()
    return OwedAreas(index=index, owed=owed, area=area, windows=copied.mean((1, 2)))
