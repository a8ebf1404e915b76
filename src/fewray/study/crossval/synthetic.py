"""Make one fold's synthetic images, and check that their generators saw none of its test rows.

A set for a larger ratio than the primary one is a set of its own, which begins with the same images
in every class. So what the primary arms train on does not depend on the other ratios.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fewray.compute.seeds import child_seed
from fewray.compute.tasks import Report
from fewray.config import CrossvalOptions
from fewray.errors import InputError, RunFailed
from fewray.storage.jobs import JobStore, key_of
from fewray.study.crossval.cohort import Cohort, Fold
from fewray.study.crossval.fold_generators import FoldGenerators, checkpoint_hashes, hashes_seen
from fewray.study.crossval.image_sets import (
    AUGMENTED,
    PAPER_AUGMENTED,
    SYNTHETIC,
    augmentations,
    augmented_copies,
    set_counts,
)

TRIES = 20
"""Seeds tried per image before copy rejection gives up."""
SEED_LABELS = {AUGMENTED: "synthetic-versions", PAPER_AUGMENTED: "synthetic-paper-versions"}
"""Labels of the seeds of augmented copies. Changing one would change the images."""

Rejects = Callable[[str, np.ndarray], np.ndarray]


@dataclass(frozen=True, kw_only=True)
class SyntheticSet:
    """A synthetic set of one fold, stored or not; the main ratio reads the ``primary`` counts."""

    key: str
    generators: FoldGenerators
    counts: tuple[int, ...]
    primary: tuple[int, ...]
    options: CrossvalOptions
    store: JobStore

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the classes, in the order of the images."""
        return self.generators.train.classes

    def record(self) -> dict[str, Any] | None:
        """Return the stored record of the set, or None if it is missing or malformed."""
        return self.store.load(SYNTHETIC, self.key, whole=self._is_whole)

    def _is_whole(self, found: Mapping[str, Any]) -> bool:
        return (
            len(found["counts"]) == len(self.classes)
            and all(type(count) is int for count in found["counts"])
            and all(type(found["rejected"][label]) is int for label in self.classes)
            and isinstance(found["key"], str)
            and all(
                found["seen"][label] and all(isinstance(row, str) for row in found["seen"][label])
                for label in self.classes
            )
        )


def synthetic_set(
    cohort: Cohort,
    fold: Fold,
    generators: FoldGenerators,
    options: CrossvalOptions,
    store: JobStore,
    *,
    ratio: float,
) -> SyntheticSet:
    """Return the set that ``ratio`` reads in one fold, with its key; InputError for a leak."""
    counts, primary = (
        tuple(set_counts(cohort, fold, options, each)) for each in (ratio, options.ratio)
    )
    key = key_of(
        checkpoints=checkpoint_hashes(generators),
        rows=generators.train.sha256(),
        counts=counts,
        primary=primary,
        copies=options.augmented_copies,
        classic=options.classic.to_json(),
        paper=options.paper_classic,
        copy_percentile=options.copy_percentile,
        seed=options.seed,
    )
    return SyntheticSet(
        key=key, generators=generators, counts=counts, primary=primary, options=options, store=store
    )


def is_made(planned: SyntheticSet) -> bool:
    """Return whether the set and its augmented copies are stored.

    InputError if its record says that a generator saw a test row, or that it is another set.
    """
    found = planned.record()
    if found is None:
        return False
    path = planned.store.result_path(SYNTHETIC, planned.key)
    seen = {row for rows in found["seen"].values() for row in rows}
    if leaked := seen & {row.sha256 for row in planned.generators.test.rows}:
        raise InputError(
            "synthetic_images_saw_test_rows",
            f"{path}: the generators of these images saw {len(leaked)} test images of "
            f"{planned.generators.folder.name} and would leak them into training. Remove this file "
            "to make the images again.",
            path=path,
            count=len(leaked),
        )
    if found["key"] != planned.key:
        raise InputError(
            "synthetic_images_of_other_set",
            f"{path}: these images belong to set {found['key']}, which has other images, "
            "generators or options. Remove this file to make them again.",
            path=path,
        )
    kinds = [SYNTHETIC, *(f"{SYNTHETIC}-{kind}" for kind in augmentations(planned.options))]
    return tuple(found["counts"]) == planned.counts and all(
        planned.store.load_array(kind, planned.key) is not None for kind in kinds
    )


def make_synthetic(*, planned: SyntheticSet, report: Report) -> dict[str, Any]:
    """Sample one fold's images, replace copies of training images, and store them.

    Arrays: ``synthetic`` (N, 1, S, S) and its augmented copies (N, copies, 1, S, S), class after
    class. Their record holds the key and the rows that the generators saw.
    """
    generators, options, store = planned.generators, planned.options, planned.store
    seen = {label: sorted(hashes_seen(generators.checkpoint(label))) for label in planned.classes}
    rejects = None
    if options.copy_percentile:
        from fewray.pipelines.copy_rejection import copy_rejection

        rejects = copy_rejection(
            generators.folder, generators.train, percentile=options.copy_percentile, device="cpu"
        )
    images, rejected = [], {}
    for label, count in zip(planned.classes, planned.counts, strict=True):
        kept, rejected[label] = _sampled(generators, label, count, rejects)
        images.append(kept)
        report({"set": generators.folder.name, "label": label, "rejected": rejected[label]})
    made = np.concatenate(images)
    names = image_names(planned.classes, planned.counts, planned.primary)
    for kind, recipe in augmentations(options).items():
        copies = augmented_copies(
            made,
            options.augmented_copies,
            recipe,
            size=options.classifier.image_size,
            seed=_copies_seed(options.seed, kind, *generators.key),
            names=names,
        )
        store.save_array(f"{SYNTHETIC}-{kind}", planned.key, copies)
    store.save_array(SYNTHETIC, planned.key, made)
    result = {
        "counts": list(planned.counts),
        "rejected": rejected,
        "key": planned.key,
        "seen": seen,
    }
    store.save(SYNTHETIC, planned.key, result)
    return result


def _copies_seed(seed: int, kind: str, repeat: int, fold: int, replicate: int) -> int:
    """Return the seed of a set's augmented copies; another label would change the images."""
    suffix = f"-replicate-{replicate}" if replicate else ""
    return child_seed(seed, SEED_LABELS[kind], f"partition-{repeat}-fold-{fold}{suffix}")


def image_names(
    classes: Sequence[str], counts: Sequence[int], primary: Sequence[int]
) -> list[tuple[str | int, ...]]:
    """Return the names of a set's images, class after class, for the seeds of their copies.

    The ``primary`` images of each class are numbered as in a set of these alone; further images
    are named by their class and their number in it.
    """
    names: list[tuple[str | int, ...]] = []
    starts = np.cumsum([0, *primary])
    for start, label, count, own in zip(starts, classes, counts, primary, strict=False):
        names += [
            (int(start) + index,) if index < own else (label, index) for index in range(count)
        ]
    return names


def _sampled(
    generators: FoldGenerators, label: str, count: int, rejects: Rejects | None
) -> tuple[np.ndarray, int]:
    """Return ``count`` images of the first seeds that are not rejected, and how many were."""
    import torch

    from fewray.generators.checkpoint import load_checkpoint

    generator = load_checkpoint(generators.checkpoint(label), torch.device("cpu"), label)
    kept: list[np.ndarray] = []
    seed, rejected = 0, 0
    while (have := sum(map(len, kept))) < count:
        drawn = generator.sample(range(seed, seed + count - have))
        seed += len(drawn)
        bad = rejects(label, drawn) if rejects else np.zeros(len(drawn), bool)
        rejected += int(bad.sum())
        kept.append(drawn[~bad])
        if seed >= TRIES * count and sum(map(len, kept)) < count:
            raise RunFailed(
                "too_many_copies",
                f"{generators.folder.name}, class {label}: {rejected} of {seed} synthetic images "
                "are copies of training images. Train with more augmentation or for fewer epochs, "
                "or keep copies with --copy-percentile 0.",
                label=label,
                rejected=rejected,
                drawn=seed,
            )
    return np.concatenate(kept), rejected
