"""The images that classifiers train on, as arrays in the job store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from fewray.compute.seeds import child_seed
from fewray.config import ClassicAugmentation, CrossvalOptions
from fewray.imaging.augment import classic_augment
from fewray.storage.jobs import JobStore, key_of
from fewray.study.crossval.cohort import Cohort, Fold, FoldKey
from fewray.study.crossval.design import Condition, added_counts
from fewray.study.crossval.fold_generators import GeneratorKey

ROWS, EXTERNAL, PCA, SYNTHETIC = "rows", "external", "pca", "synthetic"
AUGMENTED, PAPER_AUGMENTED = "augmented", "paper-augmented"
"""Kinds of arrays in the job store; ``synthetic-`` precedes copies of synthetic images."""


class SyntheticKey(NamedTuple):
    """Names a synthetic set: its generators, and the ratio if it exceeds the primary one."""

    generators: GeneratorKey
    larger_ratio: float = 0.0


@dataclass(kw_only=True)
class ImageSets:
    """Keys of the arrays in the job store."""

    rows: str
    augmented: dict[str, str]
    """By kind, ``AUGMENTED`` or ``PAPER_AUGMENTED``."""
    external: str | None = None
    pca: dict[FoldKey, str] = field(default_factory=dict)
    synthetic: dict[SyntheticKey, str] = field(default_factory=dict)

    def named(self) -> dict[str, str]:
        """Return the keys by a readable name, for ``study.json``."""
        found = {"rows": self.rows, **self.augmented}
        if self.external:
            found["external"] = self.external
        found |= {f"pca/{p}/{f}": key for (p, f), key in self.pca.items()}
        for (generators, ratio), key in self.synthetic.items():
            name = "/".join(map(str, ("synthetic", *generators)))
            found[f"{name}/ratio {ratio:g}" if ratio else name] = key
        return found


@dataclass(frozen=True, kw_only=True)
class ArraysRead:
    """Keys of the arrays that one classifier reads; None for those it does not need."""

    rows: str
    external: str | None = None
    augmented: str | None = None
    added: str | None = None
    counts: tuple[int, ...] = ()
    """By class: how many images the added set holds."""


def make_row_sets(cohort: Cohort, options: CrossvalOptions, store: JobStore) -> ImageSets:
    """Make the arrays that are the same in all folds: rows, their augmented copies, external set.

    ``rows`` are (n, 1, S, S), augmented copies (n, copies, 1, S, S), each made from its row alone.
    """
    size, fit = options.classifier.image_size, options.classifier.fit
    about = {"rows": cohort.rows.sha256(), "size": size, "fit": fit}
    sets = ImageSets(rows=key_of(**about), augmented={})
    _keep(store, ROWS, sets.rows, lambda: cohort.source.at(size, fit))
    for kind, recipe in augmentations(options).items():
        key = key_of(
            **about, options=recipe.to_json(), copies=options.augmented_copies, seed=options.seed
        )
        sets.augmented[kind] = key

        def make(recipe: ClassicAugmentation = recipe) -> np.ndarray:
            large = cohort.source.at(recipe.work_size, fit)
            return augmented_copies(
                large, options.augmented_copies, recipe, size=size, seed=options.seed
            )

        _keep(store, kind, key, make)
    if external := cohort.external:
        sets.external = key_of(rows=external.rows.sha256(), size=size, fit=fit)
        _keep(store, EXTERNAL, sets.external, lambda: external.source.at(size, fit))
    return sets


def augmentations(options: CrossvalOptions) -> dict[str, ClassicAugmentation]:
    """Return the augmentations of a study by kind of array."""
    paper = {PAPER_AUGMENTED: ClassicAugmentation()} if options.paper_classic else {}
    return {AUGMENTED: options.classic, **paper}


def augmented_copies(
    images: np.ndarray,
    count: int,
    recipe: ClassicAugmentation,
    *,
    size: int,
    seed: int,
    names: Sequence[tuple[str | int, ...]] | None = None,
) -> np.ndarray:
    """Return ``count`` augmented copies of each image: uint8 (n, count, 1, size, size).

    Each image has its own seed: the child of ``seed`` by its name in ``names`` (n), or its index.
    """
    named = [(index,) for index in range(len(images))] if names is None else names
    made = [
        classic_augment(
            image[None], count, size=size, options=recipe, seed=child_seed(seed, "version", *name)
        )
        for image, name in zip(images, named, strict=True)
    ]
    return np.stack(made) if made else np.zeros((0, count, 1, size, size), np.uint8)


def make_pca_set(cohort: Cohort, fold: Fold, options: CrossvalOptions, store: JobStore) -> str:
    """Make the PCA-Gaussian images of one fold, class after class in one array; return its key."""
    from fewray.generators.models.pca_gaussian import pca_gaussian

    labels = cohort.labels[fold.train]
    counts = added_counts(labels, len(cohort.rows.classes), options.ratio)
    seed = child_seed(options.seed, "pca", *fold.key)
    size, fit = options.classifier.image_size, options.classifier.fit
    key = key_of(
        rows=cohort.take(fold.train).sha256(), size=size, fit=fit, counts=counts, seed=seed
    )

    def make() -> np.ndarray:
        images = cohort.source.at(size, fit)
        made = [
            pca_gaussian(images[fold.train[labels == k]], n, seed=child_seed(seed, k))
            for k, n in enumerate(counts)
        ]
        return np.concatenate(made)

    _keep(store, PCA, key, make)
    return key


def set_counts(cohort: Cohort, fold: Fold, options: CrossvalOptions, ratio: float) -> list[int]:
    """Return by class how many images the synthetic set read by ``ratio`` holds.

    A smaller ratio than the primary one reads the first images of the primary set.
    """
    largest = max(ratio, options.ratio)
    return added_counts(cohort.labels[fold.train], len(cohort.rows.classes), largest)


def synthetic_key(generators: GeneratorKey, ratio: float, options: CrossvalOptions) -> SyntheticKey:
    """Return the name of the synthetic set that ``ratio`` reads."""
    return SyntheticKey(generators, ratio if ratio > options.ratio else 0.0)


def arrays_read(
    condition: Condition, fold: Fold, cohort: Cohort, options: CrossvalOptions, sets: ImageSets
) -> ArraysRead:
    """Return the arrays that a condition, as it is trained, reads in one fold."""
    augmented = added = None
    counts: Sequence[int] = ()
    if condition.recipe.classic:
        augmented = sets.augmented[PAPER_AUGMENTED if condition.paper_classic else AUGMENTED]
    if condition.recipe.added == PCA:
        added = sets.pca[fold.key]
        counts = added_counts(cohort.labels[fold.train], len(cohort.rows.classes), options.ratio)
    elif condition.recipe.added == SYNTHETIC:
        generators = GeneratorKey(*fold.key, condition.replicate)
        added = sets.synthetic[synthetic_key(generators, condition.ratio, options)]
        counts = set_counts(cohort, fold, options, condition.ratio)
    return ArraysRead(
        rows=sets.rows,
        external=sets.external,
        augmented=augmented,
        added=added,
        counts=tuple(counts),
    )


def _keep(store: JobStore, kind: str, key: str, make: Callable[[], np.ndarray]) -> None:
    if store.load_array(kind, key) is None:
        store.save_array(kind, key, make())
