"""The verdict on one comparison: a code, the numbers behind it, and the sentence made from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fewray.study.statistics.compare import ALPHA, Comparison

VerdictCode = Literal["helps", "harms", "no_evidence", "inconclusive", "no_verdict"]
Reason = Literal["one_seed", "few_training_runs", "low_power"]
LARGEST_DETECTABLE = 0.10
"""A study that needs more than 10 points to reach 80% power is inconclusive."""
MIN_TRAINING_DF = 4
"""Fewest degrees of freedom of training, folds x (seeds - 1), that allow a verdict.

Two seeds in two folds reject a true null hypothesis in 11% of studies when training varies much.
"""
REASONS = {
    "one_seed": ", because one classifier seed does not show how much training varies",
    "few_training_runs": ", because there are too few classifier seeds and folds",
    "low_power": "",
}


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A verdict and its numbers, in shares of accuracy (0.01 is one percentage point)."""

    code: VerdictCode
    difference: float
    ci: tuple[float, float]
    detectable: float
    """Smallest effect detected with 80% power after Holm's correction; 1 if there is none."""
    reason: Reason | None = None
    """Why the verdict is inconclusive."""

    def sentence(self, arm: str) -> str:
        """Return the verdict as a sentence, or two for none, that begins with the name ``arm``."""
        low, high = (_points(end) for end in self.ci)
        numbers = f"{_points(self.difference)} points, 95% CI {low} to {high}"
        if self.code == "no_evidence" or self.reason == "low_power":
            numbers += f"; {self._power()}"
        subject = f"{arm[:1].upper()}{arm[1:]}"
        if self.code == "no_verdict":
            numbers = f"{_points(self.difference)} points (95% CI {low} to {high})"
            return f"{subject}: {numbers}. No verdict: the quick preset never gives one."
        excludes_zero = self.ci[0] > 0 or self.ci[1] < 0
        scope = " after correction for the number of arms" if excludes_zero else ""
        conclusion = {
            "helps": "evidence of benefit",
            "harms": "evidence of harm",
            "no_evidence": f"no evidence of benefit{scope}",
            "inconclusive": f"inconclusive{REASONS[self.reason or 'low_power']}",
        }[self.code]
        return f"{subject}: {conclusion} ({numbers})."

    def _power(self) -> str:
        if self.detectable >= 1:
            return "no effect size reaches 80% power in this design"
        effect = f"an effect of {100 * self.detectable:.1f} points"
        if self.code == "no_evidence":
            return f"{effect} would have been detected with 80% power"
        return f"only {effect} or more would have been detected with 80% power"


def decide(comparison: Comparison, p_holm: float, *, quick: bool = False) -> Verdict:
    """Return the verdict on a comparison, given its p-value after Holm's correction.

    ``quick`` is the preset, which never gives a verdict.
    """
    code: VerdictCode = "inconclusive"
    reason: Reason | None = None
    if quick:
        code = "no_verdict"
    elif comparison.training_share is None:
        reason = "one_seed"
    elif comparison.training_df < MIN_TRAINING_DF:
        reason = "few_training_runs"
    elif p_holm < ALPHA and comparison.difference:
        code = "helps" if comparison.difference > 0 else "harms"
    elif comparison.minimal_detectable_holm <= LARGEST_DETECTABLE:
        code = "no_evidence"
    else:
        reason = "low_power"
    return Verdict(
        code=code,
        difference=comparison.difference,
        ci=comparison.ci,
        detectable=comparison.minimal_detectable_holm,
        reason=reason,
    )


def _points(share: float) -> str:
    """Return signed percentage points, with one decimal or enough digits to differ from 0."""
    value = 100 * share
    return f"{value:+.1f}" if abs(value) >= 0.05 or not value else f"{value:+.1g}"
