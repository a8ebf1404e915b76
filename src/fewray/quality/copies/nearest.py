"""The nearest training image of every image, by aligned pixels and by features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fewray.quality.copies.alignment import nearest_aligned
from fewray.quality.image_set import MeasuredSet
from fewray.quality.metrics.prdc import squared_distances


@dataclass(frozen=True, kw_only=True)
class NearestTraining:
    """Arrays (n,): index of the nearest training image and distance to it; -1 and inf if none."""

    index: np.ndarray
    distance: np.ndarray
    feature_index: np.ndarray
    feature_distance: np.ndarray


def nearest_training(
    queries: MeasuredSet, train: MeasuredSet, *, exclude_same_patient: bool = False
) -> NearestTraining:
    """Return the nearest image of ``train`` to each of ``queries``.

    Mirrored training images are searched too, since most augmentations mirror. Feature distances
    are Euclidean.
    """
    if len(queries) == 0 or len(train) == 0:
        none, far = np.full(len(queries), -1), np.full(len(queries), np.inf)
        return NearestTraining(index=none, distance=far, feature_index=none, feature_distance=far)
    allowed = None
    if exclude_same_patient:
        allowed = np.array(queries.groups, object)[:, None] != np.array(train.groups, object)[None]
    pixels = nearest_aligned(queries.images, train.images, allowed, device=train.features.device)
    x = queries.features.matrix.double()
    sides = [side.matrix.double() for side in (train.features, train.mirrored) if side is not None]
    distances = np.minimum.reduce([squared_distances(x, side).cpu().numpy() for side in sides])
    if allowed is not None:
        distances = np.where(allowed, distances, np.inf)
    index = distances.argmin(1)
    found = np.sqrt(distances[np.arange(len(x)), index])
    return NearestTraining(
        index=pixels.index,
        distance=pixels.distance,
        feature_index=np.where(np.isfinite(found), index, -1),
        feature_distance=found,
    )
