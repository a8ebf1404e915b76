"""The images that a trial makes without a generator, as arrays in files named by the hash of what made them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fewray.compute.seeds import child_seed
from fewray.config import ClassicAugmentation, CrossvalOptions
from fewray.imaging.arrays import load_images
from fewray.imaging.augment import classic_augment
from fewray.storage.jobs import JobStore, key_of
from fewray.study.crossval.cohort import Cohort, Part
from fewray.study.crossval.design import added_counts


def row_sets(cohort: Cohort, options: CrossvalOptions, store: JobStore) -> dict[str, str]:
    """Make the arrays that no fold changes, and return their keys by name.

    ``rows`` (n, 1, S, S); ``versions`` and ``paper-versions`` (n, versions, 1, S, S), each made from its own row alone;
    ``external`` where there is such a set.
    """
    size, fit = options.classifier.image_size, options.classifier.fit
    about = {"rows": cohort.rows.sha256(), "size": size, "fit": fit}
    keys = {"rows": key_of(**about)}
    _keep(store, "rows", keys["rows"], lambda: cohort.images)
    recipes = {"versions": options.classic}
    if options.paper_classic:
        recipes["paper-versions"] = ClassicAugmentation()
    for name, recipe in recipes.items():
        keys[name] = key_of(
            **about, options=recipe.to_json(), versions=options.augmented_copies, seed=options.seed
        )

        def make(recipe: ClassicAugmentation = recipe) -> np.ndarray:
            large = load_images(cohort.rows.paths(), recipe.work_size, fit)
            return versions_of(
                large, options.augmented_copies, recipe, size=size, seed=options.seed
            )

        _keep(store, name, keys[name], make)
    if cohort.external is not None and cohort.external_images is not None:
        images = cohort.external_images
        keys["external"] = key_of(rows=cohort.external.sha256(), size=size, fit=fit)
        _keep(store, "external", keys["external"], lambda: images)
    return keys


def versions_of(
    images: np.ndarray,
    count: int,
    recipe: ClassicAugmentation,
    *,
    size: int,
    seed: int,
    names: Sequence[tuple[str | int, ...]] | None = None,
) -> np.ndarray:
    """Return ``count`` augmented versions of each image: uint8 (n, count, 1, size, size), each by its own seed.

    The seed is the child of ``seed`` by the image's name among ``names`` (n), or else by its index.
    """
    named = [(index,) for index in range(len(images))] if names is None else names
    made = [
        classic_augment(
            image[None], count, size=size, options=recipe, seed=child_seed(seed, "version", *name)
        )
        for image, name in zip(images, named, strict=True)
    ]
    return np.stack(made) if made else np.zeros((0, count, 1, size, size), np.uint8)


def pca_set(cohort: Cohort, part: Part, options: CrossvalOptions, store: JobStore) -> str:
    """Make one fold's PCA-Gaussian images, class by class in one array, and return their key."""
    from fewray.generators.families.pca_gaussian import pca_gaussian

    counts = added_counts(cohort.labels[part.train], len(cohort.rows.classes), options.ratio)
    seed = child_seed(options.seed, "pca", part.repeat, part.fold)
    key = key_of(
        rows=cohort.take(part.train).sha256(),
        size=options.classifier.image_size,
        fit=options.classifier.fit,
        counts=counts,
        seed=seed,
    )

    def make() -> np.ndarray:
        train = {k: part.train[cohort.labels[part.train] == k] for k in range(len(counts))}
        return np.concatenate(
            [
                pca_gaussian(cohort.images[train[k]], n, seed=child_seed(seed, k))
                for k, n in enumerate(counts)
            ]
        )

    _keep(store, "pca", key, make)
    return key


def _keep(store: JobStore, kind: str, key: str, make: Any) -> None:
    if store.load_array(kind, key) is None:
        store.save_array(kind, key, make())
