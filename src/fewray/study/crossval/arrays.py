"""The arrays of a trial: made where they are missing, and named for the conditions that read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fewray.config import CrossvalOptions
from fewray.study.crossval.cohort import Cohort, Part
from fewray.study.crossval.design import Condition, added_counts
from fewray.study.crossval.fold_generators import FoldGenerators, check_fold_generators
from fewray.study.crossval.image_sets import pca_set, row_sets
from fewray.study.crossval.inner_selection import SelectedConfig, as_chosen
from fewray.study.crossval.run_context import FoldKey, RunContext
from fewray.study.crossval.synthetic import (
    kept_synthetic,
    make_synthetic,
    set_counts,
    synthetic_task,
)


def image_set_keys(
    cohort: Cohort,
    options: CrossvalOptions,
    conditions: list[Condition],
    generators: Mapping[FoldKey, FoldGenerators],
    chosen: Mapping[tuple[int, int], SelectedConfig],
    work: RunContext,
) -> dict[Any, Any]:
    """Make what is missing of the image sets; return their keys.

    By name, by ``("pca", repeat, fold)``, by ``("synthetic", repeat, fold, replicate)`` and, of ratios larger than
    the primary design's, with ``"ratio R"`` after it. InputError where generators or synthetic images would leak a test row.
    """
    keys: dict[Any, Any] = dict(row_sets(cohort, options, work.store))
    if any(c.recipe.added == "pca" for c in conditions):
        for part in cohort.parts():
            keys["pca", part.repeat, part.fold] = pca_set(cohort, part, options, work.store)
    parts = {(part.repeat, part.fold): part for part in cohort.parts()}
    missing: dict[str, dict[str, Any]] = {}
    for place, found in generators.items():
        sources = check_fold_generators(found, finished=True)
        own = [c for c in conditions if c.needs_generators and c.replicate == place[2]]
        for ratio in sorted({as_chosen(c, chosen[place[:2]], options).ratio for c in own}):
            name = set_name(place, ratio, options)
            if name in keys:
                continue
            task = synthetic_task(
                cohort,
                parts[place[:2]],
                found,
                sources,
                options,
                work.store,
                work.machine,
                ratio=ratio,
            )
            keys[name] = task["key"]
            if not kept_synthetic(task):
                missing[task["key"]] = task
    work.machine.run(
        make_synthetic,
        list(missing.values()),
        on_message=lambda message: work.tell("synthetic", message),
    )
    return keys


def set_name(place: FoldKey, ratio: float, options: CrossvalOptions) -> tuple[Any, ...]:
    """Return the name among the keys of the synthetic set that ``ratio`` is read from."""
    return ("synthetic", *place, *([f"ratio {ratio:g}"] if ratio > options.ratio else []))


def keys_of(
    condition: Condition,
    part: Part,
    cohort: Cohort,
    options: CrossvalOptions,
    keys: Mapping[Any, Any],
) -> dict[str, Any]:
    """Return the arrays that one condition, as it is trained, reads in one fold, by their place in a training set."""
    found: dict[str, Any] = {"rows": keys["rows"]}
    if "external" in keys:
        found["external"] = keys["external"]
    if condition.recipe.classic:
        found["versions"] = keys["paper-versions" if condition.paper_classic else "versions"]
    place = (part.repeat, part.fold)
    if condition.recipe.added == "pca":
        found["added"] = keys["pca", *place]
        found["counts"] = added_counts(
            cohort.labels[part.train], len(cohort.rows.classes), options.ratio
        )
    elif condition.recipe.added == "synthetic":
        own = keys[set_name((*place, condition.replicate), condition.ratio, options)]
        found["added"] = found["added-versions"] = own
        found["counts"] = set_counts(cohort, part, options, condition.ratio)
    return found
