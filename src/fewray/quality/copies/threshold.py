"""The copy threshold: how near a synthetic image may come to a training image of its class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from fewray.data.near_duplicates import near_pairs, thumbnail_of
from fewray.errors import InputError
from fewray.quality.copies.nearest import nearest_training
from fewray.quality.image_set import ImageSet, MeasuredSet
from fewray.results.copies import CopyThreshold

PERCENTILE = 2.0


def copy_threshold(
    train: Mapping[str, MeasuredSet],
    held_out: Mapping[str, MeasuredSet] | None = None,
    *,
    percentile: float = PERCENTILE,
) -> CopyThreshold:
    """Return the threshold of a data set, from distances of real images to other patients' images.

    Every training image is held out in turn with its patient; ``held_out`` images are added.
    Distances are divided by the median of their class, since some classes are more alike, and then
    pooled, so that a low percentile exists at sixty images per class. Both detectors use the same
    rank: the highest at which at most ``percentile`` of the held-out images fall below either one.
    Near-duplicates under two patients count as one patient and as flagged. With one patient per
    class no distance makes a copy. InputError for a percentile outside 0 to 50.
    """
    check_percentile(percentile)
    shares, usual, duplicates, grouped = [], {}, 0, False
    for label, images in train.items():
        others = (held_out or {}).get(label)
        everything = images if others is None else together(images, others)
        grouped = grouped or len(set(everything.groups)) < len(everything)
        groups, found = merged_groups(everything)
        duplicates += found
        known = replace(images, groups=groups[: len(images)])
        queries = [known]
        if others is not None:
            queries.append(replace(others, groups=groups[len(images) :]))
        parts = [nearest_training(each, known, exclude_same_patient=True) for each in queries]
        distances = np.array(
            [
                np.concatenate([part.distance for part in parts]),
                np.concatenate([part.feature_distance for part in parts]),
            ]
        )
        distances = distances[:, np.isfinite(distances).all(0)]
        medians = np.maximum(np.median(distances, axis=1), 1e-9) if distances.size else np.zeros(2)
        usual[label] = (float(medians[0]), float(medians[1]))
        shares.append(distances / np.maximum(medians, 1e-9)[:, None])
    pooled = np.concatenate(shares, axis=1) if shares else np.zeros((2, 0))
    n = pooled.shape[1]
    budget = max(0, int(percentile / 100 * n) - duplicates)
    ordered = np.sort(pooled, axis=1)

    def flagged(rank: int) -> int:
        return int((pooled < ordered[:, rank, None]).any(0).sum())

    # Nothing lies below rank 0.
    ranks = range(min(budget, n - 1), -1, -1)
    rank = next((rank for rank in ranks if flagged(rank) <= budget), None)
    return CopyThreshold(
        pixels=0.0 if rank is None else float(ordered[0, rank]),
        features=0.0 if rank is None else float(ordered[1, rank]),
        usual=usual,
        percentile=percentile,
        num_held_out=n,
        grouped=grouped,
        real_flagged=(0 if rank is None else flagged(rank)) + duplicates,
        false_alarms=0.0 if rank is None else min(1.0, 2 * (rank + 1) / (n + 1)),
    )


def check_percentile(percentile: float) -> None:
    """Raise InputError for a percentile outside 0 to 50."""
    if not 0 <= percentile <= 50:
        message = f"copy percentile {percentile:g}, expected 0 to 50."
        raise InputError("copy_percentile_out_of_range", message, value=percentile)


def merged_groups(images: ImageSet) -> tuple[tuple[str, ...], int]:
    """Merge patients with near-duplicate images; return groups and the number of images."""
    groups = list(images.groups)
    pairs = near_pairs({i: thumbnail_of(image[0]) for i, image in enumerate(images.images)})
    duplicates: set[int] = set()
    for i, j, _ in pairs:
        if images.groups[i] != images.groups[j]:
            duplicates |= {i, j}
            kept, gone = groups[i], groups[j]
            groups = [kept if group == gone else group for group in groups]
    return tuple(groups), len(duplicates)


def together(first: ImageSet, second: ImageSet) -> ImageSet:
    """Return the images of both sets as one."""
    return ImageSet(
        np.concatenate([first.images, second.images]),
        first.names + second.names,
        first.groups + second.groups,
    )
