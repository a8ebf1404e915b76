"""The images a trial adds to the real ones, as arrays in files named by the hash of what made them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fewray.augment import classic_augment
from fewray.config import ClassicAugmentation, TrialOptions
from fewray.device import child_seed
from fewray.errors import RunFailed
from fewray.images import load_images
from fewray.parcels import travels
from fewray.study.jobs import JobStore, key_of
from fewray.study.machine import Machine
from fewray.study.trial.cohort import Cohort, Part
from fewray.study.trial.conditions import added_counts
from fewray.study.trial.fold_generators import FoldGenerators, check_fold_generators
from fewray.workers import Report

TRIES = 20
"""Seeds tried for each image wanted before copy rejection is given up."""


def row_sets(cohort: Cohort, options: TrialOptions, store: JobStore) -> dict[str, str]:
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
        keys[name] = key_of(**about, options=recipe.to_json(), versions=options.versions, seed=options.seed)

        def make(recipe: ClassicAugmentation = recipe) -> np.ndarray:
            large = load_images(cohort.rows.paths(), recipe.work_size, fit)
            return versions_of(large, options.versions, recipe, size=size, seed=options.seed)

        _keep(store, name, keys[name], make)
    if cohort.external is not None and cohort.external_images is not None:
        images = cohort.external_images
        keys["external"] = key_of(rows=cohort.external.sha256(), size=size, fit=fit)
        _keep(store, "external", keys["external"], lambda: images)
    return keys


def versions_of(images: np.ndarray, count: int, recipe: ClassicAugmentation, *, size: int, seed: int) -> np.ndarray:
    """Return ``count`` augmented versions of each image: uint8 (n, count, 1, size, size), the i-th by its own seed."""
    made = [
        classic_augment(image[None], count, size=size, options=recipe, seed=child_seed(seed, "version", index))
        for index, image in enumerate(images)
    ]
    return np.stack(made) if made else np.zeros((0, count, 1, size, size), np.uint8)


def pca_set(cohort: Cohort, part: Part, options: TrialOptions, store: JobStore) -> str:
    """Make one fold's PCA-Gaussian images, class by class in one array, and return their key."""
    from fewray.gan.pca_gaussian import pca_gaussian

    counts = added_counts(cohort.labels[part.train], len(cohort.rows.classes), options.ratio)
    seed = child_seed(options.seed, "pca", part.partition, part.fold)
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
            [pca_gaussian(cohort.images[train[k]], n, seed=child_seed(seed, k)) for k, n in enumerate(counts)]
        )

    _keep(store, "pca", key, make)
    return key


def synthetic_task(
    cohort: Cohort,
    part: Part,
    generators: FoldGenerators,
    options: TrialOptions,
    store: JobStore,
    machine: Machine,
    *,
    ratio: float,
) -> dict[str, Any]:
    """Return the task of :func:`make_synthetic` for one fold, with its key; the generators are checked for leaks now."""
    sources = check_fold_generators(generators, finished=True)
    counts = added_counts(cohort.labels[part.train], len(cohort.rows.classes), ratio)
    key = key_of(
        checkpoints={label: source["checkpoint_sha256"] for label, source in sources.items()},
        rows=generators.train.sha256(),
        counts=counts,
        versions=options.versions,
        classic=options.classic.to_json(),
        paper=options.paper_classic,
        copy_percentile=options.copy_percentile,
        seed=options.seed,
    )
    return {
        "key": key,
        "generators": generators,
        "counts": counts,
        "options": options,
        "store": store,
        "machine": machine,
        "name": generators.folder.name,
    }


def _read_by_synthesis(task: Mapping[str, Any]) -> list[Path]:
    generators = task["generators"]
    return [*generators.train.paths(), *(path for path in generators.folder.rglob("[!.]*") if path.suffix != ".png")]


@travels(_read_by_synthesis)
def make_synthetic(
    *,
    key: str,
    generators: FoldGenerators,
    counts: Sequence[int],
    options: TrialOptions,
    store: JobStore,
    machine: Machine,
    name: str,
    report: Report,
) -> dict[str, Any]:
    """Sample one fold's images in this process, replace copies of its training films, keep them and their versions.

    Arrays ``synthetic`` (N, 1, S, S) and ``synthetic-versions`` (N, versions, 1, S, S), class after class.
    """
    rejects = _rejection(generators, options) if options.copy_percentile else None
    images, rejected = [], {}
    for label, count in zip(generators.train.classes, counts, strict=True):
        kept, refused = _sampled(generators, label, count, rejects)
        images.append(kept)
        rejected[label] = refused
        report({"set": name, "label": label, "rejected": refused})
    made = np.concatenate(images)
    recipes = {"synthetic-versions": options.classic}
    if options.paper_classic:
        recipes["synthetic-paper-versions"] = ClassicAugmentation()
    for kind, recipe in recipes.items():
        seed = child_seed(options.seed, kind, name)
        size = options.classifier.image_size
        store.save_array(kind, key, versions_of(made, options.versions, recipe, size=size, seed=seed))
    store.save_array("synthetic", key, made)
    result = {"counts": list(counts), "rejected": rejected}
    store.save("synthetic", key, result)
    return result


def _sampled(generators: FoldGenerators, label: str, count: int, rejects: Any) -> tuple[np.ndarray, int]:
    import torch

    from fewray.gan.checkpoint import load_generator
    from fewray.gan.run import CHECKPOINT
    from fewray.gan.sampling import sample

    network, gan = load_generator(generators.folder / label / CHECKPOINT, torch.device("cpu"))
    kept: list[np.ndarray] = []
    seed, refused = 0, 0
    while (have := sum(map(len, kept))) < count:
        drawn = sample(network, gan, range(seed, seed + count - have))
        seed += len(drawn)
        bad = rejects(label, drawn) if rejects else np.zeros(len(drawn), bool)
        refused += int(bad.sum())
        kept.append(drawn[~bad])
        if seed >= TRIES * count and sum(map(len, kept)) < count:
            raise RunFailed(
                f"{generators.folder.name}, class {label}: {refused} of {seed} images are copies of training films; train "
                "with more augmentation or for fewer epochs, or keep copies with --copy-percentile 0"
            )
    return np.concatenate(kept), refused


def _rejection(generators: FoldGenerators, options: TrialOptions) -> Any:
    from fewray.study.rejection import copy_rejection

    return copy_rejection(generators.folder, generators.train, percentile=options.copy_percentile, device="cpu")


def _keep(store: JobStore, kind: str, key: str, make: Any) -> None:
    if store.load_array(kind, key) is None:
        store.save_array(kind, key, make())
