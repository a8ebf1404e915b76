"""Arms against their reference: the primary comparisons, descriptive ones, the sensitivity analyses, an external set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fewray.config import CrossvalOptions
from fewray.results.names import arm_name
from fewray.study.crossval.cohort import Cohort
from fewray.study.crossval.design import Analysis, Condition, subset_classes
from fewray.study.crossval.scores import accuracy_only, renormalised
from fewray.study.statistics.compare import Comparison, compare, holm
from fewray.study.statistics.patients import PatientBootstrap
from fewray.study.statistics.verdict import decide

DESCRIBED = (("synthetic", "pca"),)
"""Pairs of arms compared without a verdict: is a generator worth more than a Gaussian on the same images?"""


def comparisons_of(
    primary: Analysis,
    correct: Mapping[Condition, np.ndarray],
    folds: np.ndarray,
    groups: np.ndarray,
    options: CrossvalOptions,
) -> dict[str, Any]:
    """Return every arm's comparison with the reference, Holm's correction over all of them, and the verdict in words."""
    others = [c for c in primary.conditions if c != primary.reference]
    found = {
        c.arm: compare(
            correct[primary.reference], correct[c], folds, groups, comparisons=len(others)
        )
        for c in others
    }
    adjusted = holm({arm: made.p for arm, made in found.items()})
    made, quick = {}, options.preset == "quick"
    for arm, comparison in found.items():
        verdict = decide(comparison, adjusted[arm], quick=quick)
        made[arm] = {
            **_fields(comparison),
            "p_holm": adjusted[arm],
            "verdict": verdict.code,
            "text": verdict.sentence(arm_name(arm)),
        }
    return made


def described(
    primary: Analysis,
    correct: Mapping[Condition, np.ndarray],
    folds: np.ndarray,
    groups: np.ndarray,
    *,
    same_ratio: bool = True,
) -> dict[str, Any]:
    """Return difference and interval of the pairs :data:`DESCRIBED` that were both trained: no p, no verdict, not in Holm's.

    None where the synthetic arms' ratio was chosen and is not PCA's in every fold: unequal doses are not compared.
    """
    arms = {c.arm: correct[c] for c in primary.conditions}
    found = {}
    for arm, other in DESCRIBED:
        if (
            same_ratio
            and arm in arms
            and other in arms
            and primary.reference.arm not in (arm, other)
        ):
            compared = compare(arms[other], arms[arm], folds, groups)
            found[f"{arm} - {other}"] = {"difference": compared.difference, "ci": list(compared.ci)}
    return found


def sensitivity_of(
    analysis: Analysis,
    correct: Mapping[Condition, np.ndarray],
    folds: np.ndarray,
    groups: np.ndarray,
    draws: PatientBootstrap,
) -> dict[str, Any]:
    """Return one sensitivity analysis: each arm's accuracy, and its difference from the analysis's reference."""
    compared = [c for c in analysis.conditions if c != analysis.reference]
    return {
        "description": analysis.text,
        "reference": f"{analysis.reference.arm} ({analysis.reference.analysis})",
        "arms": {
            c.arm: {"accuracy": accuracy_only(correct[c], draws)} for c in analysis.conditions
        },
        "comparisons": {
            c.arm: _short(compare(correct[analysis.reference], correct[c], folds, groups))
            for c in compared
        },
    }


def _short(comparison: Comparison) -> dict[str, Any]:
    return {"difference": comparison.difference, "ci": list(comparison.ci), "p": comparison.p}


def _fields(comparison: Comparison) -> dict[str, Any]:
    """Return the fields under their names in ``study.json``."""
    names = {"training_df": "trainings", "seed_disagreement": "seeds_disagree"}
    found = {names.get(name, name): value for name, value in vars(comparison).items()}
    return found | {"ci": list(comparison.ci)}


def subset_of(
    name: str,
    cohort: Cohort,
    primary: Analysis,
    predicted: Mapping[Condition, np.ndarray],
    folds: np.ndarray,
    options: CrossvalOptions,
) -> dict[str, Any]:
    """Score the same predictions on the rows of some classes, probabilities renormalised among them."""
    kept = subset_classes(name, cohort.rows.classes)
    rows = np.flatnonzero(np.isin(cohort.labels, kept))
    labels = np.searchsorted(kept, cohort.labels[rows])
    draws = PatientBootstrap.of(cohort.groups[rows], options.seed)
    correct = {
        c: renormalised(predicted[c][:, :, rows], kept).argmax(-1) == labels
        for c in primary.conditions
    }
    groups, inside = cohort.groups[rows], folds[:, rows]
    others = [c for c in primary.conditions if c != primary.reference]
    return {
        "rows": len(rows),
        "arms": {c.arm: {"accuracy": accuracy_only(correct[c], draws)} for c in primary.conditions},
        "comparisons": {
            c.arm: _short(compare(correct[primary.reference], correct[c], inside, groups))
            for c in others
        },
    }


def external_of(
    cohort: Cohort,
    primary: Analysis,
    results: Mapping[tuple[Condition, int, int, int], Mapping[str, Any]],
    *,
    kept_split: bool = False,
) -> dict[str, Any] | None:
    """Score the external set: the mean probability of all folds' networks of a seed, since none of them saw it.

    ``kept_split`` says that it is the data set's own test split, ``networks`` how many networks are averaged.
    """
    if cohort.external is None or cohort.external_groups is None:
        return None
    index = {label: i for i, label in enumerate(cohort.rows.classes)}
    labels = np.array([index[row.label] for row in cohort.external.rows])
    draws = PatientBootstrap.of(cohort.external_groups, 0)
    arms = {}
    for condition in primary.conditions:
        by_seed: dict[int, list[Any]] = {}
        for (c, _, _, seed), result in results.items():
            if c == condition:
                by_seed.setdefault(seed, []).append(result["external"])
        correct = np.stack(
            [np.mean(found, axis=0).argmax(1) == labels for found in by_seed.values()]
        )
        arms[condition.arm] = {"accuracy": accuracy_only(correct, draws)}
    about = {
        "name": cohort.external.name,
        "kept_split": kept_split,
        "networks": len(cohort.parts()),
    }
    return about | {"rows": len(labels), "arms": arms}
