"""The verdict on one comparison: a code, the numbers behind it, and the sentence made from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fewray.study.statistics.compare import ALPHA, Comparison

VerdictCode = Literal["helps", "harms", "no_evidence", "inconclusive", "no_verdict"]
Reason = Literal["one_seed", "few_training_runs", "low_power"]
"""Why a verdict is inconclusive."""
LARGEST_DETECTABLE = 0.10
"""A study that needs more than 10 points to reach 80% power is inconclusive."""
MIN_TRAINING_DF = 4
"""Fewest degrees of freedom of the training runs, folds x (seeds - 1), that allow a verdict.

Two seeds in two folds reject a true null hypothesis in 11% of studies when training varies much.
"""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A verdict and its numbers, all in shares of accuracy (0.01 is one percentage point).

    ``difference`` is arm - reference with its 95% interval ``ci``. ``detectable`` is the smallest
    effect detected with 80% power after Holm's correction, 1 if there is none.
    """

    code: VerdictCode
    difference: float
    ci: tuple[float, float]
    detectable: float
    reason: Reason | None = None

    def sentence(self, arm: str, reference: str | None = None) -> str:
        """Return the verdict as one sentence; ``arm`` and ``reference`` are display names."""
        low, high = (_points(end) for end in self.ci)
        numbers = f"{_points(self.difference)} points, 95% CI {low} to {high}"
        if self.code == "no_evidence" or self.reason == "low_power":
            numbers += f"; {self._power()}"
        return f"{arm[:1].upper()}{arm[1:]}: {self._conclusion(reference)} ({numbers})."

    def _conclusion(self, reference: str | None) -> str:
        over = f" over {reference}" if reference else ""
        compared = f" compared with {reference}" if reference else ""
        if self.code == "helps":
            return f"evidence of benefit{over}"
        if self.code == "harms":
            return f"evidence of harm{compared}"
        if self.code == "no_verdict":
            return "no verdict from preset quick"
        if self.code == "no_evidence":
            excludes_zero = self.ci[0] > 0 or self.ci[1] < 0
            scope = " after correction for the number of arms" if excludes_zero else ""
            return f"no evidence of benefit{over}{scope}"
        reasons = {
            "one_seed": ", because one classifier seed does not show how much training varies",
            "few_training_runs": ", because there are too few classifier seeds and folds",
        }
        return f"inconclusive{compared}{reasons.get(self.reason or '', '')}"

    def _power(self) -> str:
        if self.detectable >= 1:
            return "no effect size reaches 80% power in this design"
        effect = f"an effect of {_points(self.detectable).lstrip('+')} points"
        if self.code == "no_evidence":
            return f"{effect} would have been detected with 80% power"
        return f"only {effect} or more would have been detected with 80% power"


def decide(comparison: Comparison, p_holm: float, *, quick: bool = False) -> Verdict:
    """Return the verdict on a comparison, given its p-value after Holm's correction.

    ``quick`` (the preset) never gives a verdict. One classifier seed, or fewer than
    :data:`MIN_TRAINING_DF` degrees of freedom of the training runs, is inconclusive; so is a
    comparison without evidence that could not detect :data:`LARGEST_DETECTABLE`.
    """
    code, reason = _decide(comparison, p_holm, quick=quick)
    return Verdict(
        code=code,
        difference=comparison.difference,
        ci=comparison.ci,
        detectable=comparison.minimal_detectable_holm,
        reason=reason,
    )


def _decide(
    comparison: Comparison, p_holm: float, *, quick: bool
) -> tuple[VerdictCode, Reason | None]:
    if quick:
        return "no_verdict", None
    if comparison.training_share is None:
        return "inconclusive", "one_seed"
    if comparison.training_df < MIN_TRAINING_DF:
        return "inconclusive", "few_training_runs"
    if p_holm < ALPHA and comparison.difference:
        return ("helps" if comparison.difference > 0 else "harms"), None
    if comparison.minimal_detectable_holm <= LARGEST_DETECTABLE:
        return "no_evidence", None
    return "inconclusive", "low_power"


def difference_sentence(arm: str, reference: str, difference: float) -> str:
    """Return the difference in words: "No augmentation: 2.1 points below classic augmentation"."""
    name = f"{arm[:1].upper()}{arm[1:]}"
    if not difference:
        return f"{name}: same accuracy as {reference}"
    side = "above" if difference > 0 else "below"
    return f"{name}: {_points(abs(difference)).lstrip('+')} points {side} {reference}"


def _points(share: float) -> str:
    """Return percentage points with sign, with one decimal or enough digits to differ from 0."""
    value = 100 * share
    return f"{value:+.1f}" if abs(value) >= 0.05 or not value else f"{value:+.1g}"
