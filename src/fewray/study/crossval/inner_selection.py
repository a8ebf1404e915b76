"""Select the ratio or the recipe inside each fold, by an inner split of its training rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from fewray.compute.seeds import child_seed
from fewray.config import SELECTION_ARM, CrossvalOptions
from fewray.study.crossval.cohort import Cohort, Fold, FoldKey
from fewray.study.crossval.design import Condition, SelectedConfig, candidates, fixed_config
from fewray.study.crossval.jobs import run_jobs
from fewray.study.folds import Folds, make_folds
from fewray.study.job_runner import RunContext
from fewray.study.leaks import check_disjoint

INNER_FOLDS = 4
"""One of these inner folds tests the candidates: a quarter of the training patients."""


def select_configs(
    cohort: Cohort, options: CrossvalOptions, folder: Path, context: RunContext
) -> dict[FoldKey, SelectedConfig]:
    """Return each fold's configuration: the fixed one or, with ``select``, the best candidate.

    The inner split is stratified and grouped by patient. Generators and classifiers of every
    candidate are trained on the inner training rows alone; the fold's test rows are not touched.
    Of equal candidates the first is selected.
    """
    if not options.select:
        return {fold.key: fixed_config(options) for fold in cohort.folds()}
    splits = inner_splits(cohort, options)
    return {
        fold.key: _selected(cohort, fold, splits[fold.key], options, folder, context)
        for fold in cohort.folds()
    }


def inner_splits(cohort: Cohort, options: CrossvalOptions) -> dict[FoldKey, Folds]:
    """Return how the training rows of each fold are split; InputError if a class is too small."""
    found = {}
    for fold in cohort.folds():
        split = make_folds(
            cohort.source.take(fold.train),
            n_splits=INNER_FOLDS,
            seed=child_seed(options.seed, "inner", *fold.key),
            inner=f"--select {options.select}, the training images of {fold.name} split into "
            f"{INNER_FOLDS} parts by patient",
        )
        train, test = (cohort.source.take(fold.train[side]) for side in split.split(0))
        check_disjoint(train, test, where=f"{fold.name}, inner split")
        found[fold.key] = split
    return found


def _selected(
    cohort: Cohort,
    fold: Fold,
    split: Folds,
    options: CrossvalOptions,
    folder: Path,
    context: RunContext,
) -> SelectedConfig:
    inner = replace(
        cohort,
        source=cohort.source.take(fold.train),
        labels=cohort.labels[fold.train],
        repeats=(split,),
        external=None,
        only_fold=0,
    )
    (tested,) = inner.folds()
    named = candidates(options)
    largest = max(candidate.ratio for candidate in named.values())
    accuracies: dict[str, float] = {}
    for name, candidate in named.items():
        condition = Condition(
            arm=SELECTION_ARM, ratio=candidate.ratio, network=options.classifier.network
        )
        # Candidates of other ratios share the generators, and take the first images of the
        # largest ratio's set.
        asked = options.with_(gan=candidate.gan, ratio=largest, generator_repeats=1)
        suffix = f"-{name}" if options.select == "recipe" else ""
        trained = run_jobs(
            inner,
            asked,
            folder / f"{fold.name}-inner{suffix}",
            [condition],
            {tested.key: fixed_config(asked)},
            replace(context, prefix=f"{fold.name} candidate {name}: "),
        )
        correct = [
            np.argmax(prediction.probabilities, axis=1) == inner.labels[tested.test]
            for prediction in trained.predictions.values()
        ]
        accuracies[name] = float(np.mean(correct))
    best = max(accuracies, key=lambda name: accuracies[name])
    return replace(named[best], name=best, accuracies=tuple(accuracies.items()))
