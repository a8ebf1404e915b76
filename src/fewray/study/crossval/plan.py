"""What a trial would do and how long it would take here, without doing it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fewray.compute.machine import Machine
from fewray.config import SELECTION_ARM, CrossvalOptions, GanOptions
from fewray.data.manifest import Manifest
from fewray.generators.training import batches_per_epoch
from fewray.pipelines.estimate import (
    TIMING,
    OnProgress,
    classifier_step_seconds,
    gan_step_seconds,
    with_total,
)
from fewray.study.crossval.cohort import Cohort, assemble_cohort
from fewray.study.crossval.design import Condition, added_counts, all_conditions
from fewray.study.crossval.inner_selection import candidates, inner_splits


def plan_crossval(
    manifest: Manifest,
    options: CrossvalOptions,
    *,
    external: Manifest | None = None,
    machine: Machine | None = None,
    on_progress: OnProgress = lambda kind, event: None,
) -> list[dict[str, Any]]:
    """Return a row for each kind of job in each fold: images, steps, minutes estimated from a few steps timed now.

    The films are read and folded, inside the folds too where something is chosen there, so that a leak or a class too
    small is found here already. Of what is no training the minutes are None: they were not estimated.
    """
    cohort = assemble_cohort(manifest, options, external)
    inner = _inner_rows(cohort, options)
    conditions = all_conditions(options)
    settled = (machine or Machine()).settled()
    networks = sorted({condition.network for condition in conditions})
    on_progress("stage", {"text": TIMING})
    per_step = {
        network: classifier_step_seconds(
            options.classifier.with_(network=network), len(cohort.rows.classes), settled
        )
        for network in networks
    }
    planned: list[dict[str, Any]] = []
    if any(condition.needs_generators for condition in conditions):
        planned += _generators(cohort, inner, options, conditions, settled)

    def classifier(name: str, images: int, network: str) -> dict[str, Any]:
        steps = options.classifier.steps * options.seeds
        job = f"{name}, {options.seeds} seed{'' if options.seeds == 1 else 's'}"
        return {"job": job, "images": images, "steps": steps, "seconds": per_step[network] * steps}

    for part in cohort.parts() if options.select else ():
        rows = inner[part.repeat, part.fold]
        for name, setting in candidates(options).items():
            condition = Condition(
                arm=SELECTION_ARM, ratio=setting.ratio, network=options.classifier.network
            )
            images = _images(condition, cohort, rows)
            planned.append(classifier(f"choice {name}, {part.name}", images, condition.network))
    for condition in conditions:
        for part in cohort.parts():
            name = (
                condition.arm
                if condition.analysis == "primary"
                else f"{condition.analysis} {condition.arm}"
            )
            planned.append(
                classifier(
                    f"{name}, {part.name}",
                    _images(condition, cohort, part.train),
                    condition.network,
                )
            )
    tasks = len(conditions) * len(cohort.parts()) * options.seeds
    return with_total([*planned, *_the_rest(cohort, inner, options, conditions)], settled, tasks)


def _inner_rows(cohort: Cohort, options: CrossvalOptions) -> dict[tuple[int, int], np.ndarray]:
    """Return by repeat and fold the indices of the rows that choices are trained on; empty where nothing is chosen."""
    splits = inner_splits(cohort, options) if options.select else {}
    parts = {(part.repeat, part.fold): part for part in cohort.parts()}
    return {place: parts[place].train[split.split(0)[0]] for place, split in splits.items()}


def _generators(
    cohort: Cohort,
    inner: dict[tuple[int, int], np.ndarray],
    options: CrossvalOptions,
    conditions: Sequence[Condition],
    machine: Machine,
) -> list[dict[str, Any]]:
    """Return a row for the generators of each fold and those of each choice in it.

    Where the recipe is chosen, a fold's own are taken to be of the recipe whose training is the longest.
    """
    replicates = len(
        {condition.replicate for condition in conditions if condition.needs_generators}
    )
    choices = (
        {name: setting.gan for name, setting in candidates(options).items()}
        if options.select
        else {}
    )
    seconds = {gan: gan_step_seconds(gan, machine) for gan in {options.gan, *choices.values()}}

    def row(job: str, gan: GanOptions, rows: np.ndarray, times: int = 1) -> dict[str, Any]:
        counts = np.bincount(cohort.labels[rows]) + gan.classic_images
        steps = times * sum(gan.epochs * batches_per_epoch(int(count), gan) for count in counts)
        return {
            "job": job,
            "images": int(counts.sum()),
            "steps": steps,
            "seconds": seconds[gan] * steps,
        }

    planned = []
    for part in cohort.parts():
        name = f"generators, {part.name}"
        own = tuple(choices.values()) if options.select == "recipe" else (options.gan,)
        planned.append(
            max(
                (row(name, gan, part.train, replicates) for gan in own),
                key=lambda planned: planned["seconds"],
            )
        )
        if options.select:
            apart = {f" choice {each}": gan for each, gan in choices.items()}
            apart = apart if options.select == "recipe" else {" choice": options.gan}
            rows = inner[part.repeat, part.fold]
            planned += [row(f"{name}{which}", gan, rows) for which, gan in apart.items()]
    return planned


def _the_rest(
    cohort: Cohort,
    inner: dict[tuple[int, int], np.ndarray],
    options: CrossvalOptions,
    conditions: Sequence[Condition],
) -> list[dict[str, Any]]:
    """Return what is no training, without a time."""
    planned = []

    def add(job: str, images: int) -> None:
        planned.append({"job": job, "images": images, "steps": 0, "seconds": None})

    made = [condition for condition in conditions if condition.needs_generators]
    what = "synthetic images, copies replaced" if options.copy_percentile else "synthetic images"
    k = len(cohort.rows.classes)
    for part in cohort.parts() if made else ():
        choices = (
            [setting.ratio for setting in candidates(options).values()] if options.select else []
        )
        largest = max(choices) if options.select == "ratio" else options.ratio
        ratios = {
            (c.replicate, max(c.ratio if c.fixes_ratio else largest, options.ratio)) for c in made
        }
        add(
            f"{what}, {part.name}",
            sum(sum(added_counts(cohort.labels[part.train], k, ratio)) for _, ratio in ratios),
        )
        if options.select:
            rows, sets = (
                inner[part.repeat, part.fold],
                len(choices) if options.select == "recipe" else 1,
            )
            add(
                f"{what}, {part.name} choice",
                sets * sum(added_counts(cohort.labels[rows], k, max(choices))),
            )
    if options.linear:
        add("pretrained features", len(cohort.rows))
    add("shortcut audit", len(cohort.rows))
    return planned


def _images(condition: Condition, cohort: Cohort, rows: np.ndarray) -> int:
    labels = cohort.labels[rows]
    added = (
        added_counts(labels, len(cohort.rows.classes), condition.ratio)
        if condition.recipe.added
        else []
    )
    return len(labels) + sum(added)
