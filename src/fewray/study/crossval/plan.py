"""What a study would do and how long it would take here, without doing it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fewray.compute.machine import Machine
from fewray.config import SELECTION_ARM, CrossvalOptions, GanOptions
from fewray.data.manifest import Manifest
from fewray.generators.checkpoint import batches_per_epoch
from fewray.pipelines.estimate import (
    TIMING,
    OnProgress,
    classifier_step_seconds,
    gan_step_seconds,
    with_total,
)
from fewray.study.crossval.cohort import Cohort, Fold, FoldKey, assemble_cohort
from fewray.study.crossval.design import RATIO, Condition, added_counts, all_conditions, candidates
from fewray.study.crossval.inner_selection import inner_splits

PlanRow = dict[str, Any]
"""``job``, ``images``, ``steps``, and ``seconds`` or None where they are not estimated.

``of_folds`` names the same jobs of all folds together.
"""


def _named(job: str, fold: Fold | None = None, rest: str = "") -> PlanRow:
    name = f"{job}, {fold.name}{rest}" if fold else job
    return {"job": name, "of_folds": f"{job}{rest}"}


def plan_crossval(
    manifest: Manifest,
    options: CrossvalOptions,
    *,
    external: Manifest | None = None,
    machine: Machine | None = None,
    on_progress: OnProgress = lambda kind, event: None,
) -> list[PlanRow]:
    """Return a row for each kind of job in each fold, timed by a few training steps.

    The images are read and the folds made, inner ones too, so leaks and classes that are too small
    are found here.
    """
    cohort = assemble_cohort(manifest, options, external)
    splits = inner_splits(cohort, options) if options.select else {}
    inner = {
        fold.key: fold.train[splits[fold.key].split(0)[0]]
        for fold in cohort.folds()
        if fold.key in splits
    }
    conditions = all_conditions(options)
    tasks = len(conditions) * len(cohort.folds()) * options.seeds
    settled = (machine or Machine()).settled()
    on_progress("stage", {"text": TIMING})
    planned: list[PlanRow] = []
    if any(condition.needs_generators for condition in conditions):
        planned += _generators(cohort, inner, options, conditions, settled)
    planned += _classifiers(cohort, inner, options, conditions, settled)
    return with_total([*planned, *_untimed(cohort, inner, options, conditions)], settled, tasks)


def _generators(
    cohort: Cohort,
    inner: dict[FoldKey, np.ndarray],
    options: CrossvalOptions,
    conditions: Sequence[Condition],
    machine: Machine,
) -> list[PlanRow]:
    """Return a row for the generators of each fold and for those of each inner candidate.

    If the recipe is selected, the fold's own generators are assumed to take the longest one.
    """
    replicates = len({c.replicate for c in conditions if c.needs_generators})
    named = candidates(options) if options.select else {}
    recipes = {name: candidate.gan for name, candidate in named.items()}
    seconds = {gan: gan_step_seconds(gan, machine) for gan in {options.gan, *recipes.values()}}

    def row(job: PlanRow, gan: GanOptions, rows: np.ndarray, times: int = 1) -> PlanRow:
        counts = np.bincount(cohort.labels[rows]) + gan.classic_images
        total = int(counts.sum())
        runs = [total] if gan.pooled else counts.tolist()
        steps = times * sum(gan.epochs * batches_per_epoch(count, gan) for count in runs)
        return {**job, "images": total, "steps": steps, "seconds": seconds[gan] * steps}

    by_recipe = options.select == "recipe"
    planned = []
    for fold in cohort.folds():
        own = recipes.values() if by_recipe else [options.gan]
        job = _named("generators", fold)
        rows = [row(job, gan, fold.train, replicates) for gan in own]
        planned.append(max(rows, key=lambda planned: planned["seconds"]))
        if options.select:
            tried = {f" {name}": gan for name, gan in recipes.items()}
            for name, gan in tried.items() if by_recipe else [("", options.gan)]:
                job = _named("generators", fold, f" candidate{name}")
                planned.append(row(job, gan, inner[fold.key]))
    return planned


def _classifiers(
    cohort: Cohort,
    inner: dict[FoldKey, np.ndarray],
    options: CrossvalOptions,
    conditions: Sequence[Condition],
    machine: Machine,
) -> list[PlanRow]:
    per_step = {
        network: classifier_step_seconds(
            options.classifier.with_(network=network), len(cohort.rows.classes), machine
        )
        for network in sorted({condition.network for condition in conditions})
    }
    seeds = f"{options.seeds} seed{'' if options.seeds == 1 else 's'}"

    def row(job: str, fold: Fold, condition: Condition, rows: np.ndarray) -> PlanRow:
        steps = options.classifier.steps * options.seeds
        return {
            **_named(job, fold, f", {seeds}"),
            "images": _images(condition, cohort, rows),
            "steps": steps,
            "seconds": per_step[condition.network] * steps,
        }

    planned = []
    network = options.classifier.network
    for fold in cohort.folds() if options.select else ():
        for name, candidate in candidates(options).items():
            condition = Condition(arm=SELECTION_ARM, ratio=candidate.ratio, network=network)
            planned.append(row(f"candidate {name}", fold, condition, inner[fold.key]))
    for condition in conditions:
        for fold in cohort.folds():
            planned.append(row(condition.name, fold, condition, fold.train))
    return planned


def _untimed(
    cohort: Cohort,
    inner: dict[FoldKey, np.ndarray],
    options: CrossvalOptions,
    conditions: Sequence[Condition],
) -> list[PlanRow]:
    """Return the jobs that are not training runs, without a time."""

    def row(job: PlanRow, images: int) -> PlanRow:
        return {**job, "images": images, "steps": 0, "seconds": None}

    def added(rows: np.ndarray, ratio: float) -> int:
        return sum(added_counts(cohort.labels[rows], len(cohort.rows.classes), ratio))

    planned = []
    needing = [condition for condition in conditions if condition.needs_generators]
    what = "synthetic images, copies replaced" if options.copy_percentile else "synthetic images"
    named = list(candidates(options).values()) if options.select else []
    largest = max((candidate.ratio for candidate in named), default=options.ratio)
    selected = largest if options.select == "ratio" else options.ratio
    for fold in cohort.folds() if needing else ():
        ratios = {
            (c.replicate, max(c.ratio if c.analysis.startswith(RATIO) else selected, options.ratio))
            for c in needing
        }
        planned.append(
            row(_named(what, fold), sum(added(fold.train, ratio) for _, ratio in ratios))
        )
        if named:
            sets = len(named) if options.select == "recipe" else 1
            images = sets * added(inner[fold.key], largest)
            planned.append(row(_named(what, fold, " candidates"), images))
    if options.linear:
        planned.append(row(_named("pretrained features"), len(cohort.rows)))
    planned.append(row(_named("shortcut audit"), len(cohort.rows)))
    return planned


def _images(condition: Condition, cohort: Cohort, rows: np.ndarray) -> int:
    labels = cohort.labels[rows]
    if not condition.recipe.added:
        return len(labels)
    return len(labels) + sum(added_counts(labels, len(cohort.rows.classes), condition.ratio))
