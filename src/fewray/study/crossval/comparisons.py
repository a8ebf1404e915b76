"""Compare arms with their reference, in the primary analysis and in all others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fewray.results.crossval import Analysis, Comparison, PairDifference
from fewray.results.crossval import External as ExternalResult
from fewray.results.names import arm_name
from fewray.results.scores import Conclusion, Difference, StudyWarning, Verdict
from fewray.study.crossval.cohort import Cohort, External, subset_classes
from fewray.study.crossval.design import Condition, PlannedAnalysis
from fewray.study.crossval.scores import accuracy_of, renormalised
from fewray.study.statistics import compare as statistics
from fewray.study.statistics.holm import holm
from fewray.study.statistics.patients import PatientBootstrap
from fewray.study.statistics.verdict import decide

DESCRIBED = (("synthetic", "pca"),)
"""Pairs compared without a verdict: does a generator add more than a Gaussian?"""
QUESTION = ("synthetic", "classic+synthetic")
"""The arms that the study is about. If it has them, the conclusion is about them alone."""
CONTROL = "shuffled"


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """Whether each image was classified correctly: bool (repeats, seeds, n) per condition.

    ``folds`` (repeats, n) and ``groups`` (n,) name each image's test fold and patient.
    """

    correct: Mapping[Condition, np.ndarray]
    folds: np.ndarray
    groups: np.ndarray

    def compare(
        self, condition: Condition, reference: Condition, *, comparisons: int = 1
    ) -> statistics.Comparison:
        """Return the comparison of a condition with a reference."""
        return statistics.compare(
            self.correct[reference],
            self.correct[condition],
            self.folds,
            self.groups,
            comparisons=comparisons,
        )


def primary_comparisons(
    primary: PlannedAnalysis, outcomes: Outcomes, *, quick: bool
) -> dict[str, Comparison]:
    """Return each arm's comparison with the reference, corrected after Holm, with its verdict."""
    compared = {
        condition.arm: outcomes.compare(
            condition, primary.reference, comparisons=len(primary.compared)
        )
        for condition in primary.compared
    }
    adjusted = holm({arm: found.p for arm, found in compared.items()})
    made = {}
    for arm, found in compared.items():
        verdict = decide(found, adjusted[arm], quick=quick)
        made[arm] = Comparison(
            **vars(found),
            p_holm=adjusted[arm],
            verdict=verdict.code,
            reason=verdict.reason,
            text=verdict.sentence(arm_name(arm)),
        )
    return made


def conclude(comparisons: Mapping[str, Comparison], reference: str) -> Conclusion:
    """Return the verdicts on the arms that the study is about, or on all of them."""
    arms = [arm for arm in QUESTION if arm in comparisons] or list(comparisons)
    return Conclusion(
        reference=reference,
        verdicts=tuple(
            Verdict(arm=arm, verdict=comparisons[arm].verdict, text=comparisons[arm].text)
            for arm in arms
        ),
    )


def control_warnings(comparisons: Mapping[str, Comparison], reference: str) -> list[StudyWarning]:
    """Return a warning if the negative control helps: wrong labels cannot teach the classes."""
    if CONTROL not in comparisons or comparisons[CONTROL].verdict != "helps":
        return []
    text = (
        f"The negative control ({arm_name(CONTROL)}) helps compared with {arm_name(reference)}. "
        "The content of the images cannot be the cause, so no verdict of this study can be trusted."
    )
    return [StudyWarning(code="negative_control_helps", text=text)]


def described_pairs(
    primary: PlannedAnalysis, outcomes: Outcomes, *, same_ratio: bool
) -> tuple[PairDifference, ...]:
    """Return the differences of the pairs in :data:`DESCRIBED`, if both arms were trained.

    Empty unless ``same_ratio``: arms with unequal numbers of added images are not compared.
    """
    arms = {condition.arm: condition for condition in primary.conditions}
    found = []
    for arm, other in DESCRIBED if same_ratio else ():
        if arm in arms and other in arms and primary.reference.arm not in (arm, other):
            compared = outcomes.compare(arms[arm], arms[other])
            found.append(
                PairDifference(arm=arm, other=other, difference=compared.difference, ci=compared.ci)
            )
    return tuple(found)


def sensitivity(
    analysis: PlannedAnalysis, outcomes: Outcomes, draws: PatientBootstrap, *, description: str = ""
) -> Analysis:
    """Return each arm's accuracy and its difference from the analysis's reference."""
    reference = analysis.reference
    return Analysis(
        description=description or analysis.text,
        reference=f"{reference.arm} ({reference.analysis})",
        images=len(outcomes.groups),
        accuracy={c.arm: accuracy_of(outcomes.correct[c], draws) for c in analysis.conditions},
        comparisons={c.arm: _difference(outcomes, c, reference) for c in analysis.compared},
    )


def subset(
    name: str,
    cohort: Cohort,
    primary: PlannedAnalysis,
    predicted: Mapping[Condition, np.ndarray],
    seed: int,
) -> Analysis:
    """Score the same predictions on some classes, with probabilities renormalised among them."""
    kept = subset_classes(name, cohort.rows.classes)
    rows = np.flatnonzero(np.isin(cohort.labels, kept))
    labels = np.searchsorted(kept, cohort.labels[rows])
    outcomes = Outcomes(
        correct={
            c: renormalised(predicted[c][:, :, rows], kept).argmax(-1) == labels
            for c in primary.conditions
        },
        folds=cohort.fold_of[:, rows],
        groups=cohort.groups[rows],
    )
    draws = PatientBootstrap.of(outcomes.groups, seed)
    classes = ", ".join(cohort.rows.classes[k] for k in kept)
    return sensitivity(primary, outcomes, draws, description=f"classes {classes} only")


def external_result(
    external: External,
    classes: Sequence[str],
    probabilities: Mapping[str, Mapping[int, Sequence[np.ndarray]]],
    reference: str,
) -> ExternalResult:
    """Score the external set by the mean probability of all folds' networks of a seed.

    ``probabilities`` are by arm and seed, one (m, k) per network. Arms are compared with the arm
    ``reference`` by the rule of the study; a training run is a seed, since its networks vote.
    """
    index = {label: i for i, label in enumerate(classes)}
    labels = np.array([index[row.label] for row in external.rows.rows])
    draws = PatientBootstrap.of(external.groups, 0)
    correct, networks = {}, 0
    for arm, by_seed in probabilities.items():
        predicted = [np.mean(found, axis=0).argmax(1) for found in by_seed.values()]
        correct[arm] = np.stack(predicted) == labels
        networks = max(map(len, by_seed.values()))
    comparisons = {}
    if len(np.unique(external.groups)) > 1:
        folds = np.zeros((1, len(labels)), int)
        for arm in (arm for arm in correct if arm != reference):
            found = statistics.compare(
                correct[reference][None], correct[arm][None], folds, external.groups
            )
            comparisons[arm] = _as_difference(found)
    return ExternalResult(
        name=external.rows.name,
        own_test_split=external.own_test_split,
        images=len(labels),
        networks=networks,
        accuracy={arm: accuracy_of(found, draws) for arm, found in correct.items()},
        comparisons=comparisons,
    )


def _difference(outcomes: Outcomes, condition: Condition, reference: Condition) -> Difference:
    return _as_difference(outcomes.compare(condition, reference))


def _as_difference(found: statistics.Comparison) -> Difference:
    return Difference(difference=found.difference, ci=found.ci, p=found.p)
