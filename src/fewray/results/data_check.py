"""The result of a data check: what ``fewray data check --json`` prints.

File names are relative to the data folder or that of the table. Names that identify a patient are
hidden.
"""

from __future__ import annotations

from typing import Any

import msgspec

from fewray.results.scores import Model


class Finding(Model, frozen=True, kw_only=True):
    """Something that a user should look at. Programs read ``code``, people ``text``."""

    code: str
    text: str
    """What was found, with the first few of ``items``."""
    advice: str = ""
    """What to do, where ``text`` does not say so."""
    items: tuple[str, ...] = ()
    """Everything that the finding is about: files, classes, patients or columns."""

    @property
    def sentence(self) -> str:
        """The text followed by the advice."""
        return f"{self.text}. {self.advice}" if self.advice else self.text


class ClassFiles(Model, frozen=True, kw_only=True):
    """The readable files of one class: sizes, median width / height, modes, bit depth above 8."""

    smallest: str
    median: str
    largest: str
    aspect: float | None
    modes: dict[str, int]
    depth: str


class NearPair(Model, frozen=True, kw_only=True):
    """Two files that show the same image without being byte-equal."""

    first: str
    second: str
    correlation: float
    one_patient: bool = False
    """Whether both are of the same patient, as far as is known."""


class Outlier(Model, frozen=True, kw_only=True):
    """A file with pixels outside the grey scale of the data set; these are clipped."""

    path: str
    minimum: float
    maximum: float


class DicomHeaders(Model, frozen=True, kw_only=True):
    """What the headers of the DICOM files say, without identifiers. Counts are files by value."""

    files: int
    views: dict[str, int]
    """Files by ViewPosition, the most frequent first."""
    laterality: dict[str, int]
    modalities: dict[str, int]
    photometric: dict[str, int]
    bits: dict[str, int]
    """Files by BitsStored."""
    windows: int
    """Files with a VOI LUT or a usable window."""
    several_dates: int = 0
    """Patients with examinations on more than one date."""
    without_patient: int
    burned_in: tuple[str, ...]
    """Files with BurnedInAnnotation YES."""
    for_processing: tuple[str, ...]
    """Files with PresentationIntentType FOR PROCESSING."""
    key_file: str
    """Where the key lies with which patient IDs are hashed."""


class MetadataShortcut(Model, frozen=True, kw_only=True):
    """What a model of the file metadata alone reaches, cross-validated."""

    accuracy: float
    majority_class_rate: float
    auroc: dict[str, float]
    folds: int
    identified: tuple[str, ...]
    telling: tuple[str, ...] = ()
    """The kinds of metadata that identify a class alone, such as "file format"."""


class DataCheck(Model, frozen=True, kw_only=True):
    """What was found in one data set."""

    name: str
    counts: dict[str, dict[str, int]]
    """Readable files by split and class."""
    classes: dict[str, ClassFiles]
    unreadable: dict[str, str]
    """By file: why it cannot be read."""
    duplicates: tuple[tuple[str, ...], ...]
    """Sets of byte-equal files."""
    two_classes: tuple[tuple[str, ...], ...]
    """Those that lie in more than one class. Training refuses such a data set."""
    near_duplicates: tuple[NearPair, ...]
    images_across_splits: tuple[tuple[str, ...], ...]
    """Duplicates and near-duplicates with files in different splits."""
    groups: int
    groups_across_splits: tuple[str, ...]
    pixel_scale: str
    """How images of more than 8 bits are read; empty without such images."""
    outliers: tuple[Outlier, ...]
    dicom: DicomHeaders | None
    """None without DICOM files."""
    shortcut: MetadataShortcut | None
    """None if there are too few images."""
    findings: tuple[Finding, ...] = ()
    warnings: tuple[str, ...] = ()
    """The findings as text."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON."""
        return msgspec.to_builtins(self)
