"""The model of ``study.json`` of the cross-validation protocol."""

from __future__ import annotations

from typing import Literal

import msgspec

from fewray.config import AS_IT_IS, CrossvalOptions, ReadOptions
from fewray.results.scores import (
    Accuracy,
    ClassScores,
    Conclusion,
    Difference,
    Estimate,
    FinalLosses,
    Interval,
    Matrix,
    Model,
    Origin,
    Provenance,
    SplitCounts,
    StudyWarning,
    VerdictCode,
)


class DataSummary(Model, frozen=True, kw_only=True):
    """The images that were cross-validated."""

    name: str
    origin: Origin
    classes: tuple[str, ...]
    display_names: dict[str, str]
    """By class: its name in text, where the data set defines one."""
    counts: dict[str, int]
    images: int
    patients: int
    """After patients with near-duplicate images were merged."""
    patients_known: Literal["all", "some", "none"]
    """Of how many images the patient is known."""
    sha256: str
    source: str = ""
    """What was loaded, with DIR, TABLE or FILE in place of paths; empty if not recorded."""
    read: ReadOptions = AS_IT_IS
    """The labels that were chosen, and the columns that were read."""
    group_regex: str | None = None
    """The pattern that found the patients in file names, if one was given."""


class FoldSummary(Model, frozen=True, kw_only=True):
    """What one fold of one repeat trains on and tests: images, patients, and images by class."""

    repeat: int
    fold: int
    train: int
    test: int
    train_patients: int
    test_patients: int
    counts: dict[str, SplitCounts]


class GeneratorSummary(Model, frozen=True, kw_only=True):
    """The generators of one class, means over the folds."""

    recipe: str
    """Folds may have selected different recipes: all of them, most frequent first."""
    recipes: dict[str, int]
    """By recipe: how many generators used it."""
    generators: int
    epochs: int
    steps: int
    images_seen: int
    final: FinalLosses


class Selection(Model, frozen=True, kw_only=True):
    """What one fold selected, and the inner accuracy of each candidate."""

    repeat: int
    fold: int
    selected: str
    accuracies: dict[str, float]


class CopyCounts(Model, frozen=True, kw_only=True):
    """Synthetic images kept, and those rejected as copies of training images, over all folds."""

    kept: int
    rejected: int


class ArmScores(Model, frozen=True, kw_only=True):
    """Out-of-fold scores of one arm, means over seeds and repeats."""

    accuracy: Accuracy
    balanced_accuracy: Estimate
    auroc: Estimate
    brier: Estimate
    """Between 0 and 2."""
    calibration_error: Estimate
    per_class: dict[str, ClassScores]
    confusion: Matrix
    """Rows: true class. Columns: predicted class. Mean counts over seeds and repeats."""


class ArmResult(ArmScores, frozen=True, kw_only=True):
    """An arm, its scores, and what its classifiers were trained on."""

    description: str
    train_images: int
    """Mean over folds; augmented copies count as part of their original."""
    steps: int


class Comparison(Difference, frozen=True, kw_only=True):
    """An arm against the reference; see ``study/statistics/compare.py`` for the rule."""

    p_holm: float
    p_mcnemar: float
    p_corrected_t: float | None
    minimal_detectable: float
    """Smallest true difference that would be detected with 80% power, tested alone,"""
    minimal_detectable_holm: float
    """and as the first in Holm's order."""
    discordance: float
    standard_error: float
    df: float
    training_share: float | None
    """Share of the variance that comes from training; None with one seed."""
    training_df: int
    """Degrees of freedom of that share."""
    seed_disagreement: float | None
    """Share of images on which two seeds of one arm disagree; None with one seed."""
    verdict: VerdictCode
    reason: Literal["one_seed", "few_training_runs", "low_power"] | None
    """Why the verdict is inconclusive; None for other verdicts."""
    text: str
    """The verdict as one sentence."""


class PairDifference(Model, frozen=True, kw_only=True):
    """The difference of two arms, described only: no p-value and no verdict."""

    arm: str
    other: str
    difference: float
    ci: Interval


class Analysis(Model, frozen=True, kw_only=True):
    """A sensitivity analysis or a subset of the classes; p-values are not corrected."""

    description: str
    reference: str
    """The arm compared with, and in brackets the analysis it comes from."""
    images: int
    accuracy: dict[str, Estimate]
    """By arm."""
    comparisons: dict[str, Difference]
    """By arm, without the reference."""


class External(Model, frozen=True, kw_only=True):
    """Accuracy on an external test set, which was predicted and never trained on."""

    name: str
    own_test_split: bool
    """Whether it is the test split of the same data set (``--keep-test``)."""
    images: int
    networks: int
    """How many networks' probabilities were averaged."""
    accuracy: dict[str, Estimate]
    """By arm."""
    comparisons: dict[str, Difference] = msgspec.field(default_factory=dict)
    """By arm, without the reference; empty in studies from before they were compared. p-values are
    not corrected."""


class AuditModel(Model, frozen=True, kw_only=True):
    """A simple model that sees little or nothing of the lungs, tested in the first repeat."""

    description: str
    """What it sees."""
    accuracy: float
    auroc: dict[str, float]
    """By class, against all others."""
    identified: tuple[str, ...]
    """The classes that it separates from the others."""


class Audit(Model, frozen=True, kw_only=True):
    """The shortcut audit."""

    majority_class_rate: float
    models: dict[str, AuditModel]

    @property
    def identified(self) -> tuple[str, ...]:
        """Return the classes that at least one model identifies, in alphabetical order."""
        return tuple(
            sorted({label for model in self.models.values() for label in model.identified})
        )


class EarlierStudy(Model, frozen=True, kw_only=True):
    """A study with other options that was finished in the same folder before this one."""

    reference: str
    arms: tuple[str, ...]
    seeds: int


class CrossvalStudy(Model, frozen=True, kw_only=True, tag_field="protocol", tag="crossval"):
    """All results of a cross-validation study, without clock times."""

    schema: Literal[4] = 4
    preset: str
    data: DataSummary
    conclusion: Conclusion
    warnings: tuple[StudyWarning, ...]
    reference: str
    comparisons: dict[str, Comparison]
    """By arm, without the reference."""
    descriptive: tuple[PairDifference, ...]
    arms: dict[str, ArmResult]
    sensitivity: dict[str, Analysis]
    subsets: dict[str, Analysis]
    external: External | None
    audit: Audit
    seeds: tuple[int, ...]
    folds: tuple[FoldSummary, ...]
    merged_patients: tuple[tuple[str, str], ...]
    """Pairs of patients treated as one, because they share an image or a near-duplicate."""
    generators: dict[str, GeneratorSummary]
    """By class; empty where no arm needs generators."""
    selections: tuple[Selection, ...]
    """Empty where nothing was selected inside the folds."""
    rejected_copies: dict[str, CopyCounts] | None
    """By class; None where copies were not searched for."""
    bootstrap_draws: int
    """Draws of patients behind the intervals of the scores."""
    history: tuple[EarlierStudy, ...]
    options: CrossvalOptions
    provenance: Provenance
