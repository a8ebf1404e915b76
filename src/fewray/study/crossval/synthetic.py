"""A fold's synthetic images: which there are, what their generators saw, and that no test row is among it.

A set of a larger ratio than the primary design's is another one, which begins with the same images in every class; a
smaller ratio takes the first ones. So what the primary design trains on does not depend on the ratios asked for beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fewray.compute.machine import Machine
from fewray.compute.seeds import child_seed
from fewray.compute.tasks import Report
from fewray.config import ClassicAugmentation, CrossvalOptions
from fewray.errors import InputError, RunFailed
from fewray.storage.jobs import JobStore, key_of
from fewray.study.crossval.cohort import Cohort, Part
from fewray.study.crossval.design import added_counts
from fewray.study.crossval.fold_generators import FoldGenerators
from fewray.study.crossval.image_sets import versions_of

TRIES = 20
"""Seeds tried for each image wanted before copy rejection is given up."""


def set_counts(cohort: Cohort, part: Part, options: CrossvalOptions, ratio: float) -> list[int]:
    """Return by class how many images the set has that ``ratio`` is read from: never fewer than the primary design's."""
    return added_counts(
        cohort.labels[part.train], len(cohort.rows.classes), max(ratio, options.ratio)
    )


def synthetic_task(
    cohort: Cohort,
    part: Part,
    generators: FoldGenerators,
    sources: Mapping[str, Mapping[str, Any]],
    options: CrossvalOptions,
    store: JobStore,
    machine: Machine,
    *,
    ratio: float,
) -> dict[str, Any]:
    """Return the task of :func:`make_synthetic` for one fold, with its key.

    ``sources`` are the generators' provenance by class, from ``check_fold_generators``.
    """
    counts, first = (set_counts(cohort, part, options, each) for each in (ratio, options.ratio))
    key = key_of(
        checkpoints={label: source["checkpoint_sha256"] for label, source in sources.items()},
        rows=generators.train.sha256(),
        counts=counts,
        versions=options.augmented_copies,
        classic=options.classic.to_json(),
        paper=options.paper_classic,
        copy_percentile=options.copy_percentile,
        seed=options.seed,
        **(
            {} if counts == first else {"first": first}
        ),  # larger sets were numbered otherwise before
    )
    return {
        "key": key,
        "generators": generators,
        "counts": counts,
        "first": first,
        "options": options,
        "store": store,
        "machine": machine,
        "name": generators.folder.name,
    }


def kept_synthetic(task: Mapping[str, Any]) -> bool:
    """Whether the set of ``task`` is there, whole, with its arrays.

    InputError where its record says that a generator saw a test row of the fold, or that it is another set. One without
    such a record, of an earlier version, is not there: it is made again with the same bytes.
    """
    store, key, generators = task["store"], task["key"], task["generators"]
    classes, path = generators.train.classes, task["store"].result_path("synthetic", task["key"])
    found = store.load("synthetic", key, whole=lambda found: _formed(found, classes))
    if found is None:
        return False
    seen = {row for rows in found["seen"].values() for row in rows}
    if leaked := seen & {row.sha256 for row in generators.test.rows}:
        raise InputError(
            f"{path}: the generators of these images saw {len(leaked)} test rows of {task['name']}, and would leak them "
            "into training; remove this file, and the images are made again"
        )
    if found["address"] != key:
        raise InputError(
            f"{path}: these images were made as set {found['address']}, of other rows, generators or options; remove this "
            "file, and they are made again"
        )
    kinds = ["synthetic", "synthetic-versions"] + ["synthetic-paper-versions"] * task[
        "options"
    ].paper_classic
    return found["counts"] == task["counts"] and all(
        store.load_array(kind, key) is not None for kind in kinds
    )


def _formed(found: Mapping[str, Any], classes: Sequence[str]) -> bool:
    """Whether a set's record has counts and rejections of every class, an address, and what each generator saw."""
    return (
        len(found["counts"]) == len(classes)
        and all(type(count) is int for count in found["counts"])
        and all(type(found["rejected"][label]) is int for label in classes)
        and isinstance(found["address"], str)
        and all(
            found["seen"][label] and all(isinstance(row, str) for row in found["seen"][label])
            for label in classes
        )
    )


def make_synthetic(
    *,
    key: str,
    generators: FoldGenerators,
    counts: Sequence[int],
    first: Sequence[int],
    options: CrossvalOptions,
    store: JobStore,
    machine: Machine,
    name: str,
    report: Report,
) -> dict[str, Any]:
    """Sample one fold's images in this process, replace copies of its training films, keep them and their versions.

    Arrays ``synthetic`` (N, 1, S, S) and ``synthetic-versions`` (N, versions, 1, S, S), class after class. ``first`` is by
    class how many of ``counts`` the primary design reads. Beside them a record of their address and of the rows seen.
    """
    seen = {label: _seen_by(generators, label) for label in generators.train.classes}
    rejects = _rejection(generators, options) if options.copy_percentile else None
    images, rejected = [], {}
    for label, count in zip(generators.train.classes, counts, strict=True):
        kept, refused = _sampled(generators, label, count, rejects)
        images.append(kept)
        rejected[label] = refused
        report({"set": name, "label": label, "rejected": refused})
    made, names = np.concatenate(images), image_names(generators.train.classes, counts, first)
    recipes = {"synthetic-versions": options.classic}
    if options.paper_classic:
        recipes["synthetic-paper-versions"] = ClassicAugmentation()
    for kind, recipe in recipes.items():
        seed = child_seed(options.seed, kind, name)
        size = options.classifier.image_size
        made_versions = versions_of(
            made, options.augmented_copies, recipe, size=size, seed=seed, names=names
        )
        store.save_array(kind, key, made_versions)
    store.save_array("synthetic", key, made)
    result = {"counts": list(counts), "rejected": rejected, "address": key, "seen": seen}
    store.save("synthetic", key, result)
    return result


def image_names(
    classes: Sequence[str], counts: Sequence[int], first: Sequence[int]
) -> list[tuple[str | int, ...]]:
    """Name the images of a set, class after class, for the seeds of their versions.

    The ``first`` of each class, which the primary design reads, are numbered through as in a set of these alone; the
    others are named by their class and number in it.
    """
    names: list[tuple[str | int, ...]] = []
    for start, label, count, own in zip(
        np.cumsum([0, *first]), classes, counts, first, strict=False
    ):
        names += [
            (int(start) + index,) if index < own else (label, index) for index in range(count)
        ]
    return names


def _seen_by(generators: FoldGenerators, label: str) -> list[str]:
    from fewray.generators.checkpoint import read_header
    from fewray.generators.run import CHECKPOINT

    about = read_header(generators.folder / label / CHECKPOINT)["about"]
    return sorted({*about["training_hashes"], *about.get("rows_held_out", [])})


def _sampled(
    generators: FoldGenerators, label: str, count: int, rejects: Any
) -> tuple[np.ndarray, int]:
    import torch

    from fewray.generators.checkpoint import load_generator
    from fewray.generators.run import CHECKPOINT
    from fewray.generators.sampling import sample

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


def _rejection(generators: FoldGenerators, options: CrossvalOptions) -> Any:
    from fewray.pipelines.copy_rejection import copy_rejection

    return copy_rejection(
        generators.folder, generators.train, percentile=options.copy_percentile, device="cpu"
    )
