"""The model of ``study.json`` of the published protocol."""

from __future__ import annotations

from typing import Literal

from fewray.config import PublishedOptions
from fewray.results.quality import QualityReport
from fewray.results.scores import (
    Conclusion,
    FinalLosses,
    Interval,
    Matrix,
    Model,
    Origin,
    Provenance,
    StudyWarning,
)


class SplitData(Model, frozen=True, kw_only=True):
    """The images of the published split. Keys of ``sha256`` and ``counts``: train, test."""

    name: str
    origin: Origin
    classes: tuple[str, ...]
    display_names: dict[str, str]
    """By class: its name in text, where the data set defines one."""
    counts: dict[str, dict[str, int]]
    """By split and class."""
    sha256: dict[str, str]


class PublishedGenerator(Model, frozen=True, kw_only=True):
    """The generator of one class."""

    recipe: str
    epochs: int
    """The epoch of the checkpoint that was sampled,"""
    epochs_planned: int
    """of the epochs that were planned."""
    selected_best: bool
    """Whether that checkpoint is the best one on held-out images, not the last."""
    steps: int | None
    images_seen: int | None
    num_train: int
    classic_images: int
    seed: int
    sha256: str
    folder: str
    final: FinalLosses


class AddedCounts(Model, frozen=True, kw_only=True):
    """Training images of one class by kind."""

    real: int
    classic: int
    synthetic: int


class SeedSummary(Model, frozen=True, kw_only=True):
    """Accuracy over classifier seeds; ``ci`` is Wilson's for the mean and ``images``."""

    mean: float
    sd: float | None
    """None with one seed."""
    min: float
    max: float
    ci: Interval
    images: int
    by_seed: tuple[float, ...]


class StandardScores(Model, frozen=True, kw_only=True):
    """One class's scores in evaluation mode by their standard definitions; None where undefined."""

    accuracy: float | None
    sensitivity: float | None
    specificity: float | None
    ppv: float | None
    f1: float | None


class PaperScores(Model, frozen=True, kw_only=True):
    """One class's scores as the paper computed them.

    ``f1`` is the harmonic mean of sensitivity and specificity. None only in standard deviations
    over fewer than two seeds.
    """

    accuracy: float | None
    sensitivity: float | None
    specificity: float | None
    f1: float | None


class AsPublished(Model, frozen=True, kw_only=True):
    """An arm's scores from networks trained and tested as the paper's were.

    Trained with softmax applied twice, tested in many passes in training mode.
    """

    double_softmax: bool
    passes: int
    accuracy: float
    by_seed: tuple[float, ...]
    per_class: dict[str, PaperScores]
    per_class_sd: dict[str, PaperScores]
    """Standard deviations over seeds."""


class PublishedArm(Model, frozen=True, kw_only=True):
    """One arm's scores on the test split."""

    train_counts: dict[str, AddedCounts]
    steps: int
    double_softmax: bool
    """Whether the networks behind these scores were trained with softmax applied twice."""
    accuracy: SeedSummary
    confusion: Matrix
    """Mean counts over seeds. Rows: true class. Columns: predicted class."""
    per_class: dict[str, StandardScores]
    per_class_sd: dict[str, StandardScores]
    """Standard deviations over seeds."""
    as_published: AsPublished | None
    """None where these networks were not trained (``published_passes`` 0)."""


class Mixture(Model, frozen=True, kw_only=True):
    """Accuracy with so many classic and synthetic images added per class."""

    classic: int
    synthetic: int
    seeds: int
    accuracy: float
    sd: float | None


class PaperPlacement(Model, frozen=True, kw_only=True):
    """Where the paper's accuracy of an arm lies among our seeds of it, computed as published."""

    accuracy: float
    seeds: int
    seeds_below: int
    """Seeds with a lower accuracy."""
    min: float
    max: float
    text: str


class PublishedStudy(Model, frozen=True, kw_only=True, tag_field="protocol", tag="published"):
    """All results of a study by the published protocol, without clock times."""

    schema: Literal[4] = 4
    preset: str
    data: SplitData
    conclusion: Conclusion
    warnings: tuple[StudyWarning, ...]
    arms: dict[str, PublishedArm]
    paper: dict[str, PaperPlacement]
    """By arm; empty for other data than the paper's."""
    mixtures: tuple[Mixture, ...]
    seeds: tuple[int, ...]
    generators: dict[str, PublishedGenerator]
    """By class; empty where no arm needs generators."""
    trained_here: bool
    """Whether the generators were trained by this study, with ``options.gan``, or given to it."""
    quality: QualityReport | None
    """The quality of the synthetic images; None where they were not measured."""
    options: PublishedOptions
    provenance: Provenance
