"""Choosing the ratio or the recipe inside a fold, by films of its training rows that the choice's generators did not see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fewray.compute.seeds import child_seed
from fewray.config import SELECTION_ARM, CrossvalOptions, GanOptions
from fewray.presets import recipe
from fewray.study.crossval.cohort import Cohort, Part
from fewray.study.crossval.design import PRIMARY, Condition
from fewray.study.folds import Folds, check_disjoint, make_folds

INNER_FOLDS = 4
"""One of so many inner folds is kept for the choice: a quarter of the training patients."""

Fit = Callable[
    [Cohort, CrossvalOptions, Path, list[Condition], str],
    Mapping[tuple[Condition, int, int, int], Mapping[str, Any]],
]
"""Trains generators and classifiers of some conditions on a cohort, in a folder, under a name; returns their results."""


@dataclass(frozen=True, kw_only=True)
class SelectedConfig:
    """What one fold's synthetic arms use, and how the choices fared on the inner films."""

    ratio: float
    gan: GanOptions
    chosen: str = ""
    accuracies: tuple[tuple[str, float], ...] = ()


def settings(
    cohort: Cohort, options: CrossvalOptions, run: Path, fit: Fit
) -> dict[tuple[int, int], SelectedConfig]:
    """Return each fold's setting: what was fixed beforehand or, with ``choose``, what did best on an inner split.

    The inner split is stratified and grouped by patient; generators and classifiers of every choice are fitted to the inner
    training rows alone, and the fold's test rows are not touched. The first of equal choices is taken.
    """
    fixed = SelectedConfig(ratio=options.ratio, gan=options.gan)
    if not options.select:
        return {(part.repeat, part.fold): fixed for part in cohort.parts()}
    inner = inner_splits(cohort, options)
    return {
        (part.repeat, part.fold): _chosen(
            cohort, part, inner[part.repeat, part.fold], options, run, fit
        )
        for part in cohort.parts()
    }


def candidates(options: CrossvalOptions) -> dict[str, SelectedConfig]:
    """Return the candidates by name; InputError for a recipe that does not exist."""
    if options.select == "recipe":
        fit = options.classifier.fit
        gans = {name: recipe(name).with_(fit=fit) for name in options.candidates}
        return {name: SelectedConfig(ratio=options.ratio, gan=gan) for name, gan in gans.items()}
    ratios = {name: options.ratio_of(name) for name in options.candidates}
    return {name: SelectedConfig(ratio=each, gan=options.gan) for name, each in ratios.items()}


def _chosen(
    cohort: Cohort, part: Part, split: Folds, options: CrossvalOptions, run: Path, fit: Fit
) -> SelectedConfig:
    inner = _inner(cohort, part, split)
    accuracies: dict[str, float] = {}
    choices = candidates(options)
    for name, setting in choices.items():
        condition = Condition(
            arm=SELECTION_ARM, ratio=setting.ratio, network=options.classifier.network
        )
        folder = f"{part.name}-inner" + (f"-{name}" if options.select == "recipe" else "")
        # Classifiers of several ratios share the inner generators, and each its own images: the largest ratio's first ones.
        largest = max(each.ratio for each in choices.values())
        asked = options.with_(gan=setting.gan, ratio=largest, generator_repeats=1)
        results = fit(inner, asked, run / folder, [condition], f"{part.name} choice {name}")
        test = inner.parts()[0].test
        right = [
            np.argmax(found["probabilities"], axis=1) == inner.labels[test]
            for found in results.values()
        ]
        accuracies[name] = float(np.mean(right))
    best = max(accuracies, key=lambda name: accuracies[name])
    return replace(choices[best], chosen=best, accuracies=tuple(accuracies.items()))


def as_chosen(condition: Condition, setting: SelectedConfig, options: CrossvalOptions) -> Condition:
    """Return what is trained: without the analysis's name, and with the fold's ratio where the analysis fixes none."""
    ratio = condition.ratio
    if (
        options.select == "ratio"
        and setting.chosen
        and condition.needs_generators
        and not condition.fixes_ratio
    ):
        ratio = setting.ratio
    return replace(condition, analysis=PRIMARY, ratio=ratio)


def inner_splits(cohort: Cohort, options: CrossvalOptions) -> dict[tuple[int, int], Folds]:
    """Return by repeat and fold how its training rows are split once more; InputError where a class is too small."""
    found = {}
    for part in cohort.parts():
        rows, likenesses = cohort.take(part.train), cohort.likenesses[part.train]
        split = make_folds(
            rows,
            likenesses,
            n_splits=INNER_FOLDS,
            seed=child_seed(options.seed, "inner", part.repeat, part.fold),
            inner=f"--select {options.select}: the training films of {part.name} are split by patient into {INNER_FOLDS} parts",
        )
        train, test = split.split(0)
        sides = [tuple(rows.rows[i] for i in side) for side in (train, test)]
        check_disjoint(
            sides[0],
            sides[1],
            likenesses[train],
            likenesses[test],
            where=f"{part.name}, inner split",
        )
        found[part.repeat, part.fold] = split
    return found


def _inner(cohort: Cohort, part: Part, split: Folds) -> Cohort:
    """Return the fold's training rows as a cohort of their own, with one split of them."""
    return replace(
        cohort,
        rows=cohort.take(part.train),
        images=cohort.images[part.train],
        likenesses=cohort.likenesses[part.train],
        labels=cohort.labels[part.train],
        repeats=(split,),
        external=None,
        external_images=None,
        only_fold=0,
    )
