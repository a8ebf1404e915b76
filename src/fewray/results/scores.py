"""Models of scores, comparisons and facts that both protocols share.

Accuracies and differences lie between -1 and 1. Intervals are 95% intervals, ``(low, high)``.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Interval = tuple[float, float]
Matrix = tuple[tuple[float, ...], ...]
Origin = Literal["real", "phantom"]
VerdictCode = Literal["helps", "harms", "no_evidence", "inconclusive", "no_verdict"]


class Model(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all models: immutable, keyword-only, unknown fields are errors when read."""


class Estimate(Model, frozen=True, kw_only=True):
    """A score and its interval; both are None where the score is undefined."""

    value: float | None
    ci: Interval | None


class Accuracy(Estimate, frozen=True, kw_only=True):
    """Accuracy, also by classifier seed and by repeat and fold."""

    by_seed: tuple[float, ...]
    by_fold: Matrix
    """One row per repeat, one value per fold: the mean over seeds."""


class ClassScores(Model, frozen=True, kw_only=True):
    """Scores of one class against all others."""

    sensitivity: Estimate
    specificity: Estimate
    ppv: Estimate
    f1: Estimate
    auroc: Estimate


class Difference(Model, frozen=True, kw_only=True):
    """Accuracy of an arm minus that of its reference, paired by image; ``p`` is not corrected."""

    difference: float
    ci: Interval
    p: float


class SplitCounts(Model, frozen=True, kw_only=True):
    """Images on either side of a split."""

    train: int
    test: int


class FinalLosses(Model, frozen=True, kw_only=True):
    """Mean losses and discriminator outputs of the last epoch; None where they were not logged."""

    loss: float | None = None
    """Denoising loss of a diffusion model."""
    loss_d: float | None
    loss_g: float | None
    d_x: float | None
    d_g_z1: float | None
    """D(G(z)) before the discriminator's update,"""
    d_g_z2: float | None
    """and after it."""


class StudyWarning(Model, frozen=True, kw_only=True):
    """Something a reader must know before believing the results.

    ``code`` is a short snake_case string that never changes; ``text`` is short, cause first.
    """

    code: str
    text: str
    classes: tuple[str, ...] = ()


class Verdict(Model, frozen=True, kw_only=True):
    """One arm's verdict: a code and a sentence that can be quoted alone."""

    arm: str
    verdict: VerdictCode
    text: str


class Conclusion(Model, frozen=True, kw_only=True):
    """What the study concludes, one verdict per arm that it is about."""

    reference: str
    verdicts: tuple[Verdict, ...]

    @property
    def text(self) -> str:
        """Return the verdicts, one per line."""
        return "\n".join(verdict.text for verdict in self.verdicts)


class Provenance(Model, frozen=True, kw_only=True):
    """What made the results: versions, the machine's settings, and keys of the image sets."""

    versions: dict[str, str]
    device: str
    precision: str
    threads: int
    keys: dict[str, str]
