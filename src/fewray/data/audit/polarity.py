"""Find images of opposite polarity: bone dark in some, and bright in the others.

Images of one body part and view resemble each other up to polarity: reduced to 8 x 8 pixels, they
lie along one axis, the leading principal component of all that are centred and scaled to unit norm.
The sign of an image's correlation with the axis is its polarity. No image needs to be the
reference, so that any number of images may be inverted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

SIDE, EDGE = 8, 1
"""Images are compared at this side without the outermost pixels, where collimation and burnt-in
text differ."""
LEAST_IMAGES = 6
"""Classes with fewer images are left alone: noise would lie along one axis by chance."""
ALONG_AXIS = 0.5
"""Mean squared correlation with the axis, at least. In the training images of covid4, it is 0.64 to
0.79 in the four classes; noise reaches 0.35 with 6 images."""
OPPOSITE = -0.25
"""Largest correlation with the axis of an inverted image. The smallest of an upright training image
of covid4 is 0.33, so that of its inverse is -0.33."""


@dataclass(frozen=True, kw_only=True)
class Polarity:
    """The axis of one class, pointing the way of most images, and the images opposite to it."""

    axis: np.ndarray
    opposite: tuple[int, ...]
    """Indices of the images; if exactly half of them are opposite, the half without the first."""


def polarity(thumbnails: np.ndarray) -> Polarity | None:
    """Return the polarity of one class from uint8 (n, 32, 32).

    None if the images are too few, or too different from each other.
    """
    values = _vectors(thumbnails)
    shown = np.flatnonzero(np.linalg.norm(values, axis=1) > 0)
    if len(shown) < LEAST_IMAGES:
        return None
    powers, axes = np.linalg.eigh(values[shown].T @ values[shown] / len(shown))
    if powers[-1] < ALONG_AXIS:
        return None
    axis = axes[:, -1]
    scores = values @ axis
    sides = (scores >= -OPPOSITE).sum() - (scores <= OPPOSITE).sum()
    if (sides or scores[shown[0]]) < 0:
        axis, scores = -axis, -scores
    return Polarity(axis=axis, opposite=tuple(np.flatnonzero(scores <= OPPOSITE).tolist()))


def opposite_classes(found: Mapping[str, Polarity]) -> tuple[str, ...]:
    """Return the classes whose images are mostly of the other polarity than those of the first."""
    if not found:
        return ()
    first = next(iter(found.values())).axis
    return tuple(name for name, each in found.items() if float(each.axis @ first) < OPPOSITE)


def _vectors(thumbnails: np.ndarray) -> np.ndarray:
    """Return float64 (n, 36) of zero mean and unit norm; zero for a flat image."""
    n, block = len(thumbnails), thumbnails.shape[-1] // SIDE
    small = thumbnails.reshape(n, SIDE, block, SIDE, block).mean((2, 4))
    flat = small[:, EDGE:-EDGE, EDGE:-EDGE].reshape(n, -1)
    flat = flat - flat.mean(1, keepdims=True)
    norms = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.divide(flat, norms, out=np.zeros_like(flat), where=norms > 1e-9)
