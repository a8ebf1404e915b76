"""Which synthetic images are copies of training images, judged by how near real images come to other patients' films.

Nothing is called a copy for being near alone: films of one class are alike. The bar is what real images do that were
never trained on. No single detector is reliable (Stein et al. 2023, arXiv 2306.04675), so there are two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from fewray.data.likeness import near_pairs, thumbnail_of
from fewray.errors import InputError
from fewray.quality.alignment import nearest_aligned
from fewray.quality.image_set import ImageSet, MeasuredSet
from fewray.quality.neighbors import squared_distances

PERCENTILE = 2.0


@dataclass(frozen=True, kw_only=True)
class Copy:
    """One synthetic image and what lies nearest to it, by pixels after alignment and by features."""

    synthetic: str
    nearest: str
    distance: float
    """1 - correlation after alignment: 0 for the same film moved, mirrored or brightened."""
    nearest_by_features: str
    feature_distance: float
    by: str
    """``pixels``, ``features`` or ``pixels+features``: the bars it lies below; empty for no copy."""

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Bar:
    """Below these distances an image is called a copy, and what they were drawn from."""

    pixels: float
    features: float
    percentile: float
    num_held_out: int
    real_flagged: int
    """Held-out real images below either bar, near-duplicates included: at most ``percentile`` of them where it can be."""

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers."""
        return asdict(self)

    def judge(self, pixels: float, features: float) -> str:
        """Return by which distances an image is a copy."""
        return "+".join(
            name for name, below in (("pixels", pixels < self.pixels), ("features", features < self.features)) if below
        )


@dataclass(frozen=True, kw_only=True)
class NearestTraining:
    """For n images: their nearest training images and distances, by pixels and by features; -1 and infinity: none."""

    index: np.ndarray
    distance: np.ndarray
    feature_index: np.ndarray
    feature_distance: np.ndarray


def nearest_training(queries: MeasuredSet, train: MeasuredSet, *, apart: bool = False) -> NearestTraining:
    """Return the nearest of ``train`` to each of ``queries``; with ``apart`` only films of other patients count.

    Mirrored training images are searched as well: most augmentations mirror. Feature distances are Euclidean.
    """
    if len(queries) == 0 or len(train) == 0:
        nothing, far = np.full(len(queries), -1), np.full(len(queries), np.inf)
        return NearestTraining(index=nothing, distance=far, feature_index=nothing, feature_distance=far)
    allowed = None
    if apart:
        allowed = np.array(queries.groups, object)[:, None] != np.array(train.groups, object)[None]
    pixels = nearest_aligned(queries.images, train.images, allowed)
    x = np.asarray(queries.features.features, np.float64)
    sides = [np.asarray(side.features, np.float64) for side in (train.features, train.mirrored) if side is not None]
    distances = np.minimum.reduce([squared_distances(x, side) for side in sides])
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


def copy_bar(
    train: Mapping[str, MeasuredSet],
    held_out: Mapping[str, MeasuredSet] | None = None,
    *,
    percentile: float = PERCENTILE,
) -> Bar:
    """Return the bars of a data set: distances of real images to the training images of other patients.

    Every training image is held out in turn with its patient, and ``held_out`` images are added where there are any;
    classes are pooled, so that a low percentile exists at sixty images a class. Both bars stand at the same rank, the
    highest at which no more than ``percentile`` of the held-out images lie below either of them; with few images that
    is the least distance there is. Near-duplicates under two patients are one film, so they set no bar, but they are
    counted as flagged. InputError for a percentile outside 0 to 50.
    """
    if not 0 <= percentile <= 50:
        raise InputError(f"copy percentile: {percentile:g}; 0 to 50 is wanted")
    parts, twins = [], 0
    for label, images in train.items():
        others = (held_out or {}).get(label)
        everything = images if others is None else _together(images, others)
        groups, found = _joined_groups(everything)
        twins += found
        known = replace(images, groups=groups[: len(images)])
        parts.append(nearest_training(known, known, apart=True))
        if others is not None:
            parts.append(nearest_training(replace(others, groups=groups[len(images) :]), known, apart=True))
    pixels = np.concatenate([part.distance for part in parts])
    features = np.concatenate([part.feature_distance for part in parts])
    known_pairs = np.isfinite(pixels) & np.isfinite(features)
    pixels, features = pixels[known_pairs], features[known_pairs]
    if not len(pixels):  # one patient a class: nothing tells how near an unseen film comes
        return Bar(pixels=0.0, features=0.0, percentile=percentile, num_held_out=0, real_flagged=0)
    budget = max(0, int(percentile / 100 * len(pixels)) - twins)
    ordered = np.sort(pixels), np.sort(features)

    def flagged(rank: int) -> int:
        return int(((pixels < ordered[0][rank]) | (features < ordered[1][rank])).sum())

    # At rank 0 nothing lies below.
    rank = next(rank for rank in range(min(budget, len(pixels) - 1), -1, -1) if flagged(rank) <= budget)
    return Bar(
        pixels=float(ordered[0][rank]),
        features=float(ordered[1][rank]),
        percentile=percentile,
        num_held_out=len(pixels),
        real_flagged=flagged(rank) + twins,
    )


def _together(first: ImageSet, second: ImageSet) -> ImageSet:
    return ImageSet(
        np.concatenate([first.images, second.images]), first.names + second.names, first.groups + second.groups
    )


def _joined_groups(images: ImageSet) -> tuple[tuple[str, ...], int]:
    """Return the patients with near-duplicate films put under one, and how many films had such a twin elsewhere."""
    groups = list(images.groups)
    pairs = near_pairs({i: thumbnail_of(image[0]) for i, image in enumerate(images.images)})
    twins = set()
    for i, j, _ in pairs:
        if images.groups[i] != images.groups[j]:
            twins |= {i, j}
            kept, gone = groups[i], groups[j]
            groups = [kept if group == gone else group for group in groups]
    return tuple(groups), len(twins)


def find_copies(synthetic: MeasuredSet, train: MeasuredSet, bar: Bar) -> list[Copy]:
    """Return a row for every synthetic image, nearest first; ``by`` says which are copies."""
    near = nearest_training(synthetic, train)
    rows = [
        Copy(
            synthetic=name,
            nearest=_name(train.names, near.index[i]),
            distance=float(near.distance[i]),
            nearest_by_features=_name(train.names, near.feature_index[i]),
            feature_distance=float(near.feature_distance[i]),
            by=bar.judge(near.distance[i], near.feature_distance[i]),
        )
        for i, name in enumerate(synthetic.names)
    ]
    return sorted(rows, key=lambda row: (not row.by, row.distance, row.synthetic))


def _name(names: Sequence[str], index: int) -> str:
    return names[index] if index >= 0 else ""
