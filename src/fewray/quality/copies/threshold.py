"""How near a synthetic image may come to a training image: the bar that real films of other patients set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from fewray.data.near_duplicates import near_pairs, thumbnail_of
from fewray.errors import InputError
from fewray.quality.copies.nearest import nearest_training
from fewray.quality.image_set import ImageSet, MeasuredSet

PERCENTILE = 2.0


@dataclass(frozen=True, kw_only=True)
class CopyThreshold:
    """Below these shares of what is usual in its class an image is called a copy, and what they were drawn from."""

    pixels: float
    features: float
    usual: dict[str, tuple[float, float]]
    """By class: the median distances, by pixels and by features, of held-out real images to the training images."""
    percentile: float
    num_held_out: int
    grouped: bool
    """Whether a patient is known to have several films; if not, every film was held out by itself."""
    real_flagged: int
    """Held-out real images below either bar, near-duplicates included: at most ``percentile`` of them where it can be."""
    false_alarms: float
    """At most this share of unseen films is expected to be called copies: 2 (rank + 1) / (n + 1), two detectors."""

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers."""
        return asdict(self) | {"usual": {label: list(pair) for label, pair in self.usual.items()}}

    def judge(self, label: str, pixels: float, features: float) -> str:
        """Return by which distances an image of class ``label`` is a copy: ``pixels``, ``features``, both or none.

        None where all films of the class are of one patient: nothing says then what is usual.
        """
        usual = self.usual[label]
        below = {
            "pixels": pixels < self.pixels * usual[0],
            "features": features < self.features * usual[1],
        }
        return "+".join(name for name, yes in below.items() if yes)

    def sentence(self) -> str:
        """Return what a reader of the counts must know."""
        identical = "only images that are a training image pixel for pixel are counted"
        if self.num_held_out == 0:
            return f"copies cannot be judged: one patient a class; {identical}"
        how = (
            "with their patient"
            if self.grouped
            else "one by one, no two being known to be of one patient,"
        )
        silent = [label for label, pair in self.usual.items() if not any(pair)]
        return (
            f"copies: nearer to a training image of its class than {100 * self.pixels:.0f} % of the distance usual in the class by "
            f"pixels or {100 * self.features:.0f} % by features; {self.real_flagged} of {self.num_held_out} real images "
            f"held out {how} are as near, and up to {100 * self.false_alarms:.1f} % of unseen films would be"
            + (
                f"; copies of {', '.join(silent)} cannot be judged: one patient, and {identical}"
                if silent
                else ""
            )
        )


def copy_threshold(
    train: Mapping[str, MeasuredSet],
    held_out: Mapping[str, MeasuredSet] | None = None,
    *,
    percentile: float = PERCENTILE,
) -> CopyThreshold:
    """Return the bars of a data set, from distances of real images to the training images of other patients.

    Every training image is held out in turn with its patient, and ``held_out`` images are added where there are any.
    Distances are divided by their class's median, since some classes are more alike than others, and then pooled, so
    that a low percentile exists at sixty images a class. Both bars stand at the same rank, the highest at which no more
    than ``percentile`` of the held-out images lie below either of them; with few images that is the least distance.
    Near-duplicates under two patients are one film, so they set no bar, but they are counted as flagged. With one
    patient a class nothing can be said, and no distance makes a copy. InputError for a percentile outside 0 to 50.
    """
    check_percentile(percentile)
    shares, usual, twins, grouped = [], {}, 0, False
    for label, images in train.items():
        others = (held_out or {}).get(label)
        everything = images if others is None else _together(images, others)
        grouped = grouped or len(set(everything.groups)) < len(everything)
        groups, found = joined_groups(everything)
        twins += found
        known = replace(images, groups=groups[: len(images)])
        parts = [nearest_training(known, known, apart=True)]
        if others is not None:
            parts.append(
                nearest_training(replace(others, groups=groups[len(images) :]), known, apart=True)
            )
        distances = np.array(
            [
                np.concatenate([p.distance for p in parts]),
                np.concatenate([p.feature_distance for p in parts]),
            ]
        )
        distances = distances[:, np.isfinite(distances).all(0)]
        medians = np.maximum(np.median(distances, axis=1), 1e-9) if distances.size else np.zeros(2)
        usual[label] = (float(medians[0]), float(medians[1]))
        shares.append(distances / np.maximum(medians, 1e-9)[:, None])
    pooled = np.concatenate(shares, axis=1) if shares else np.zeros((2, 0))
    n = pooled.shape[1]
    budget = max(0, int(percentile / 100 * n) - twins)
    ordered = np.sort(pooled, axis=1)

    def flagged(rank: int) -> int:
        return int((pooled < ordered[:, rank, None]).any(0).sum())

    # At rank 0 nothing lies below.
    rank = next(
        (rank for rank in range(min(budget, n - 1), -1, -1) if flagged(rank) <= budget), None
    )
    return CopyThreshold(
        pixels=0.0 if rank is None else float(ordered[0, rank]),
        features=0.0 if rank is None else float(ordered[1, rank]),
        usual=usual,
        percentile=percentile,
        num_held_out=n,
        grouped=grouped,
        real_flagged=(0 if rank is None else flagged(rank)) + twins,
        false_alarms=0.0 if rank is None else min(1.0, 2 * (rank + 1) / (n + 1)),
    )


def check_percentile(percentile: float) -> None:
    """Raise InputError for a percentile outside 0 to 50."""
    if not 0 <= percentile <= 50:
        raise InputError(f"copy percentile: {percentile:g}; 0 to 50 is wanted")


def joined_groups(images: ImageSet) -> tuple[tuple[str, ...], int]:
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


def _together(first: ImageSet, second: ImageSet) -> ImageSet:
    return ImageSet(
        np.concatenate([first.images, second.images]),
        first.names + second.names,
        first.groups + second.groups,
    )
