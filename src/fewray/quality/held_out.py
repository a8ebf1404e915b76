"""Synthetic images against held-out images, which no generator saw."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fewray.quality.copies.detect import find_copies, pooled_copies
from fewray.quality.image_set import ImageSet, MeasuredSet, pooled
from fewray.quality.metrics.data_copying import DataCopying, data_copying, weighted
from fewray.quality.metrics.kid import KernelDistance, kernel_distance
from fewray.results.copies import Copy, CopyThreshold
from fewray.results.held_out import HeldOutQuality


def held_out_quality(
    held_out: Mapping[str, MeasuredSet],
    real: Mapping[str, MeasuredSet],
    fake: Mapping[str, MeasuredSet],
    threshold: CopyThreshold,
    *,
    seed: int = 0,
) -> tuple[dict[str, HeldOutQuality], HeldOutQuality | None]:
    """Return the comparison of each class of ``held_out``, and of all of them pooled.

    For C_T of the pool, each class is divided into cells on its own. None without classes.
    """
    tests: dict[str, DataCopying] = {}
    classes: dict[str, HeldOutQuality] = {}
    copies: dict[str, tuple[Copy, ...]] = {}
    for label, unseen in held_out.items():
        train, made = real[label], fake[label]
        found = find_copies(label, made, unseen, threshold)
        copies[label] = tuple(row for row in found if row.detected_by)
        test = None
        if min(len(side) for side in (train, unseen, made)) >= 2:
            test = data_copying(
                *(side.features.matrix for side in (train, unseen, made)),
                groups=(
                    _patients("real", train),
                    _patients("held out", unseen),
                    made.features.groups,
                ),
                seed=seed,
            )
        if test is not None:
            tests[label] = test
        classes[label] = _quality(unseen, train, made, test, copies[label], seed)
    if not classes:
        return {}, None
    unseen, train, made = (
        {label: side[label] for label in classes} for side in (held_out, real, fake)
    )
    cells = [cell for test in tests.values() for cell in test.cells]
    everything = _quality(
        pooled(unseen),
        pooled(train),
        pooled(made),
        weighted(cells) if cells else None,
        pooled_copies(copies, made, unseen),
        seed,
    )
    return classes, everything


def _quality(
    unseen: MeasuredSet,
    train: MeasuredSet,
    made: MeasuredSet,
    test: DataCopying | None,
    copies: tuple[Copy, ...],
    seed: int,
) -> HeldOutQuality:
    synthetic, known = (_kid(unseen, side, seed) for side in (made, train))
    return HeldOutQuality(
        num_held_out=len(unseen),
        kid=synthetic.all_images if synthetic else None,
        kid_ci=synthetic.interval if synthetic else None,
        real_kid=known.all_images if known else None,
        real_kid_ci=known.interval if known else None,
        c_t=test.c_t if test else None,
        c_t_sd=test.sd if test else None,
        c_t_cells=len(test.cells) if test else None,
        copies=copies,
    )


def _kid(unseen: MeasuredSet, other: MeasuredSet, seed: int) -> KernelDistance | None:
    if min(len(unseen), len(other)) < 2:
        return None
    x, y = unseen.features, other.features
    return kernel_distance(x.matrix, y.matrix, seed=seed, groups=x.groups, fake_groups=y.groups)


def _patients(side: str, images: ImageSet) -> np.ndarray:
    """Return the patients; images without one, whose group is their file, are their own."""

    def file(path: str) -> str:
        return path.replace("\\", "/").rsplit("/", 1)[-1]

    return np.array(
        [
            f"{side}/{group}" if file(group) == file(name) else group
            for name, group in zip(images.names, images.groups, strict=True)
        ]
    )
