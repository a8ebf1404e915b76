"""The model of ``reader-results.json``: what a reader study found.

Ratings rise from 1 (certainly real) to 10 (certainly synthetic). Sensitivity is the share of
synthetic images called synthetic, specificity the share of real images called real. An AUC of 0.5
means that readers cannot tell real from synthetic images. Intervals are 95% intervals.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec

from fewray.errors import InputError
from fewray.results.readers.study import Grade, Kind
from fewray.results.scores import Estimate, Interval, Matrix, Model, StudyWarning
from fewray.storage.files import write_bytes

RESULTS = "reader-results.json"


class ReaderScores(Model, frozen=True, kw_only=True):
    """The scores of one reader, from the first showing of every image."""

    reader: str
    grade: Grade | None
    num_real: int
    num_synthetic: int
    accuracy: Estimate
    """Of all test images; intervals of shares are Wilson's (1927)."""
    sensitivity: Estimate
    specificity: Estimate
    auc: dict[str, Estimate]
    """By generator, against the real images. Interval: DeLong's variance, logit scale."""
    class_accuracy: Estimate | None
    """Share of images whose class was named right; None if the class was not asked."""
    repeats: int
    """Images shown twice,"""
    repeats_same: int
    """and how many of them were called the same both times."""
    within_kappa: float | None
    """Cohen's kappa of the two readings; None if undefined."""
    median_seconds: float
    late: int
    """Answers after the time limit."""


class AveragedAuc(Model, frozen=True, kw_only=True):
    """The AUC averaged over readers, with readers and images both random."""

    generator: str
    auc: float
    ci: Interval | None
    """None, as the next three, if ``undefined`` says why."""
    se: float | None
    df: float | None
    """Hillis's degrees of freedom; None if infinite."""
    p: float | None
    """Of the null hypothesis that the AUC is 0.5."""
    ms_reader: float | None
    cov2: float | None
    undefined: str


class GeneratorComparison(Model, frozen=True, kw_only=True):
    """The reader-averaged AUC of one generator minus that of another (Obuchowski-Rockette)."""

    first: str
    second: str
    difference: float
    """Positive: the images of ``first`` are easier to recognise."""
    ci: Interval | None
    f: float | None
    df: float | None
    p: float | None
    p_holm: float | None
    """Corrected for the number of comparisons (Holm 1979)."""
    ms_interaction: float | None
    cov: tuple[float, float, float, float] | None
    """Var, Cov1, Cov2, Cov3 of the error."""
    undefined: str


class Agreement(Model, frozen=True, kw_only=True):
    """A kappa and its interval; None where undefined. Perfect agreement has no interval."""

    kappa: float | None
    ci: Interval | None
    images: int
    """Images rated, or pairs of readings."""
    readers: int


class ImageReadings(Model, frozen=True, kw_only=True):
    """What the readers said of one test image."""

    id: str
    source: str
    """The file it was made from, below the folder of its data."""
    kind: Kind
    label: str
    generator: str | None
    readers: int
    called_real: int
    mean_rating: float


class Clicks(Model, frozen=True, kw_only=True):
    """Where readers clicked, counted on a square grid, rows from the top."""

    synthetic: Matrix
    """On synthetic images."""
    real: Matrix
    """On real images: what readers wrongly took for a trace, or right signs of a real image."""

    @property
    def total(self) -> int:
        """Number of clicks."""
        return int(sum(map(sum, (*self.synthetic, *self.real))))


class LeftOut(Model, frozen=True, kw_only=True):
    """A reader who has not finished, whose answers are not analysed."""

    reader: str
    done: int
    total: int


class ReaderResults(Model, frozen=True, kw_only=True):
    """The analysis of a reader study."""

    schema: Literal[1] = 1
    name: str
    options: dict[str, Any]
    classes: tuple[str, ...]
    display_names: dict[str, str]
    generators: tuple[str, ...]
    real: str
    phantom: bool
    simulated: bool
    """Whether readers were simulated, so that no person looked at the images."""
    readers: tuple[ReaderScores, ...]
    left_out: tuple[LeftOut, ...]
    averaged: tuple[AveragedAuc, ...]
    comparisons: tuple[GeneratorComparison, ...]
    between_readers: Agreement
    """Fleiss' kappa of real or synthetic."""
    within_readers: Agreement
    """Cohen's kappa of all images shown twice, readers pooled."""
    images: tuple[ImageReadings, ...]
    """Synthetic images most often called real first, then real images most often called synthetic.
    """
    clicks: Clicks
    warnings: tuple[StudyWarning, ...]

    @property
    def image_size(self) -> int:
        """Pixels per side."""
        return int(self.options["image_size"])


def read_results(folder: Path) -> ReaderResults:
    """Return the results in ``folder``; InputError if there are none or they do not fit."""
    path = folder / RESULTS
    try:
        return msgspec.json.decode(path.read_bytes(), type=ReaderResults)
    except (OSError, msgspec.DecodeError) as error:
        message = f"{path}: no results of a reader study ({error}). Run `fewray readers analyse`."
        raise InputError("reader_results_invalid", message, path=path) from None


def write_results(folder: Path, results: ReaderResults) -> None:
    """Write ``results`` into ``folder``; what is written has been checked to be readable."""
    content = msgspec.json.encode(results)
    msgspec.json.decode(content, type=ReaderResults)
    write_bytes(folder / RESULTS, msgspec.json.format(content, indent=1) + b"\n")
