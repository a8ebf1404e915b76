"""What a comparison says: one of four words, and the sentence with its numbers."""

from __future__ import annotations

from fewray.study.statistics.compare import ALPHA, Comparison

INFORMATIVE = 0.10
"""A trial that would miss even ten points decides nothing."""
LEAST_TRAININGS = 4
"""Degrees of freedom of the trainings, folds times seeds less one, below which no verdict is given: two seeds in two folds
call one difference in ten real that is none, where trainings are restless."""


def verdict(comparison: Comparison, p_holm: float, *, quick: bool = False) -> str:
    """Return ``helps``, ``harms``, ``no evidence`` or ``too small to decide``.

    The last where it takes more than ten points to be seen with 80 % power after Holm's correction, with one seed, with two
    seeds in two folds, in preset quick.
    """
    if quick or comparison.trainings < LEAST_TRAININGS:
        return "too small to decide"
    if p_holm < ALPHA and comparison.difference:
        return "helps" if comparison.difference > 0 else "harms"
    return (
        "no evidence"
        if comparison.minimal_detectable_holm <= INFORMATIVE
        else "too small to decide"
    )


def sentence(comparison: Comparison, word: str, *, quick: bool = False) -> str:
    """Return the verdict ``word`` with its reason and numbers: the interval and the effect that would have been seen."""
    low, high = (_points(end) for end in comparison.ci)
    between = f"the effect lies between {low} and {high} points (95 % interval, not corrected for the number of arms)"
    if word in ("helps", "harms"):
        return f"{word} by {_points(abs(comparison.difference)).lstrip('+')} points: {between}"
    smallest = comparison.minimal_detectable_holm
    seen = (
        f"one of {_points(smallest).lstrip('+')} points would have been seen with 80 % power, smaller ones less often"
        if smallest < 1
        else "none, however large, would have been seen with 80 % power"
    )
    if word == "no evidence":
        apart = comparison.ci[0] > 0 or comparison.ci[1] < 0
        scope = "after Holm's correction" if apart else "either way"
        return f"{word} {scope}: {between}; {seen}"
    return f"{word}, {_why(comparison, quick=quick)}: {between}; {seen}"


def _why(comparison: Comparison, *, quick: bool) -> str:
    """Return why nothing is decided."""
    if quick:
        return "for preset quick decides nothing, whatever it finds"
    if comparison.training_share is None:
        return "for there is one classifier seed: the chance of training is not in the interval"
    if comparison.trainings < LEAST_TRAININGS:
        return "for there are too few seeds and folds: the chance of training is hardly known"
    return f"for it could have missed {100 * INFORMATIVE:.0f} points"


def _points(share: float) -> str:
    """Return percentage points with a sign and one decimal, or as many as show that they are not 0."""
    value = 100 * share
    return f"{value:+.1f}" if abs(value) >= 0.05 or not value else f"{value:+.1g}"
