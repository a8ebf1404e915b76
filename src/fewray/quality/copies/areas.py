"""The areas of synthetic images that are copied from a training image.

A mosaic of training images is no copy of any of them, so the search over whole images passes it.
Here each window is compared on its own, and the windows copied from one image are added up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from fewray.quality.copies.owed import OwedAreas, owed_areas, owed_map, window_threshold
from fewray.quality.copies.threshold import PERCENTILE, check_percentile, merged_groups, together
from fewray.quality.copies.windows import nearest_windows
from fewray.quality.image_set import ImageSet
from fewray.results.areas import AreaLimit, ClassAreas, OwedArea

PAIRS = 300_000
"""Pairs of images searched per class at most, two to three minutes on one core."""
SHOWN = 8
"""Images per class whose map is kept."""
FOLDS = 100
"""Parts, by patient, in which the real images are held out; fewer patients: one by one."""
CONFIDENCE = 0.8
"""How certainly the limit flags no more than its percentile of real images."""


@dataclass(frozen=True, kw_only=True)
class AreaSearch:
    """What was found, by class; classes of one patient are missing."""

    limit: AreaLimit
    classes: dict[str, ClassAreas]
    images: dict[str, tuple[OwedArea, ...]]
    """Every image searched, largest owed area first."""
    maps: dict[str, np.ndarray]
    """float32 (up to 8, 64, 64): :func:`owed_map` of the first of ``images``."""


@dataclass(frozen=True, kw_only=True)
class _Held:
    """Real images against those of other patients."""

    distance: np.ndarray
    """float (n, 14, 14)."""
    owed: OwedAreas
    duplicates: int
    grouped: bool


@dataclass(frozen=True, kw_only=True)
class RealAreas:
    """The limit, and the real images of each class that it comes from."""

    limit: AreaLimit
    held: dict[str, _Held]


def find_areas(
    real: Mapping[str, ImageSet],
    fake: Mapping[str, ImageSet],
    held_out: Mapping[str, ImageSet] | None = None,
    *,
    percentile: float = PERCENTILE,
    seed: int = 0,
    device: torch.device | str = "cpu",
    known: RealAreas | None = None,
) -> AreaSearch:
    """Return the areas that the images of ``fake`` owe to training images of their class.

    A window counts as copied if it is nearer to a training image than all but ``percentile`` of the
    windows of real images are to those of other patients (:func:`window_threshold`). Real images
    are the training images and ``held_out``. An image is flagged if it owes more to one image than
    real images do to other patients': the limit flags at most ``percentile`` of unseen real images,
    with 80% confidence, or is the largest owed area of all real images where these are too few
    (:func:`limit_rank`). For that, each patient is held out of the window threshold as well. The
    images of all classes set the limit together, those without synthetic images included.

    Near-duplicates under two patients count as one patient, and as flagged. If a class has over
    300,000 pairs of images, a random part of the synthetic images is searched. ``known`` is what
    :func:`real_areas` returned for the same arguments.
    """
    if known is None:
        known = real_areas(real, held_out, percentile=percentile, seed=seed, device=device)
    limit, held = known.limit, known.held
    classes, images, maps = {}, {}, {}
    for label in (label for label in fake if label in held):
        some = _some(len(fake[label]), len(real[label]), seed)
        near = nearest_windows(fake[label].images[some], real[label].images, device=device)
        threshold = window_threshold(held[label].distance, percentile)
        owed = owed_areas(near, threshold)
        order = np.lexsort((np.arange(len(some)), -owed.area, -owed.owed))
        names = [fake[label].names[i] for i in some]
        images[label] = tuple(_named(owed, i, names[i], real[label], limit) for i in order)
        chosen = near.index == owed.index[:, None, None]
        maps[label] = np.stack(
            [owed_map(chosen[i], near.distance[i], threshold) for i in order[:SHOWN]]
        )
        classes[label] = _summary(images[label], float(held[label].owed.windows.mean()))
    return AreaSearch(limit=limit, classes=classes, images=images, maps=maps)


def real_areas(
    real: Mapping[str, ImageSet],
    held_out: Mapping[str, ImageSet] | None = None,
    *,
    percentile: float = PERCENTILE,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> RealAreas:
    """Return the part of :func:`find_areas` that does not depend on synthetic images."""
    check_percentile(percentile)
    held: dict[str, _Held] = {}
    undefined: dict[str, str] = {}
    for label, train in real.items():
        found = _held_out(train, (held_out or {}).get(label), percentile, seed, device)
        if found is None:
            undefined[label] = "it needs images of at least two patients"
        else:
            held[label] = found
    return RealAreas(limit=_limit(held, undefined, percentile), held=held)


def limit_rank(n: int, percentile: float) -> int:
    """Return how many of ``n`` held-out images may exceed the limit.

    The share of unseen images above the (r + 1)-th largest of n values exceeds p with probability
    P(B <= r), B binomial (n, p) (Wilks 1941). The rank is the largest r at which that is at most
    20%, and 0 where even that is less certain: with p = 2%, below 80 images.
    """
    from scipy.stats import binom

    rank = 0
    while rank + 1 < n and binom.cdf(rank + 1, n, percentile / 100) <= 1 - CONFIDENCE:
        rank += 1
    return rank


def _held_out(
    train: ImageSet,
    others: ImageSet | None,
    percentile: float,
    seed: int,
    device: torch.device | str,
) -> _Held | None:
    """Compare real images with other patients' training images; None with one patient."""
    everything = train if others is None else together(train, others)
    groups, duplicates = merged_groups(everything)
    patients = np.array(groups, object)
    some = _some(len(everything), len(train), seed)
    allowed = patients[some][:, None] != patients[: len(train)][None]
    some, allowed = some[allowed.any(1)], allowed[allowed.any(1)]
    if not len(some):
        return None
    near = nearest_windows(everything.images[some], train.images, allowed, device=device)
    names = sorted(set(patients[some]))
    if len(names) < 2:
        return None
    fold_of = {name: k % FOLDS for k, name in enumerate(names)}
    fold = np.array([fold_of[name] for name in patients[some]])
    thresholds = np.stack(
        [window_threshold(near.distance[fold != k], percentile) for k in range(fold.max() + 1)]
    )
    owed = owed_areas(near, thresholds[fold])
    grouped = len(set(everything.groups)) < len(everything)
    return _Held(distance=near.distance, owed=owed, duplicates=duplicates, grouped=grouped)


def _limit(held: Mapping[str, _Held], undefined: dict[str, str], percentile: float) -> AreaLimit:
    owed = np.sort(np.concatenate([found.owed.owed for found in held.values()] or [np.zeros(0)]))
    n, duplicates = len(owed), sum(found.duplicates for found in held.values())
    rank = max(0, limit_rank(n, percentile) - duplicates)
    limit = float(owed[n - 1 - rank]) if n else None
    return AreaLimit(
        limit=limit,
        percentile=percentile,
        num_held_out=n,
        grouped=any(found.grouped for found in held.values()),
        real_flagged=duplicates + (0 if limit is None else int((owed > limit).sum())),
        false_alarms=min(1.0, (duplicates + rank + 1) / (n + 1)) if n else 0.0,
        undefined=undefined,
    )


def _some(queries: int, references: int, seed: int) -> np.ndarray:
    """Return the sorted indices of the images to search: all, or as many as ``PAIRS`` allows."""
    count = min(queries, max(1, PAIRS // max(1, references)))
    return np.sort(np.random.default_rng(seed).permutation(queries)[:count])


def _named(owed: OwedAreas, i: int, name: str, train: ImageSet, limit: AreaLimit) -> OwedArea:
    return OwedArea(
        synthetic=name,
        nearest=train.names[owed.index[i]] if owed.index[i] >= 0 else "",
        owed=float(owed.owed[i]),
        area=float(owed.area[i]),
        windows=float(owed.windows[i]),
        flagged=bool(owed.owed[i] > (limit.limit or 0)),
    )


def _summary(images: tuple[OwedArea, ...], real_windows: float) -> ClassAreas:
    copied = float(np.mean([image.windows for image in images]))
    flagged = tuple(image for image in images if image.flagged)
    return ClassAreas(
        num_images=len(images),
        copied_windows=copied,
        real_windows=real_windows,
        ratio=copied / real_windows if real_windows > 0 else None,
        num_flagged=len(flagged),
        worst=flagged or images[:1],
    )
