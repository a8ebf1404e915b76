"""The result of a data check, its tables, and a coded warning for each finding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from fewray.data.audit.shortcuts import Shortcut
from fewray.data.dicom.summary import DicomSummary
from fewray.data.manifest import DataWarning, Manifest
from fewray.data.skipped_files import listed, plural

NAMED = 5
"""How many files a warning lists before it counts the rest."""
Table = tuple[str, Sequence[str], Sequence[Sequence[str]]]
"""Title, header and rows."""


@dataclass(frozen=True, kw_only=True)
class ClassFiles:
    """The readable files of one class: sizes, median width / height, modes, bit depth above 8."""

    smallest: str
    median: str
    largest: str
    aspect: float | None
    modes: dict[str, int]
    depth: str


@dataclass(frozen=True, kw_only=True)
class NearPair:
    """Two files that show the same image without being byte-equal."""

    first: str
    second: str
    correlation: float


@dataclass(frozen=True, kw_only=True)
class Outlier:
    """A file with pixels outside the grey scale of the data set."""

    path: str
    minimum: float
    maximum: float


@dataclass(frozen=True, kw_only=True)
class Audit:
    """What was found in one data set."""

    name: str
    counts: dict[str, dict[str, int]]
    """Readable files by split and class."""
    classes: dict[str, ClassFiles]
    unreadable: dict[str, str]
    """By file: why it cannot be read."""
    duplicates: list[list[str]]
    """Sets of byte-equal files."""
    two_classes: list[list[str]]
    """Those that lie in more than one class. Training refuses such a data set."""
    near_duplicates: list[NearPair]
    images_across_splits: list[list[str]]
    """Duplicates and near-duplicates with files in different splits."""
    groups: int
    groups_across_splits: list[str]
    pixel_scale: str
    """How images of more than 8 bits are read; empty without such images."""
    outliers: list[Outlier]
    dicom: DicomSummary | None
    """What the headers of DICOM files say; None without such files."""
    shortcut: Shortcut | None
    warnings: tuple[DataWarning, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON: ``warnings`` are texts, ``findings`` the same with codes and items."""
        found = asdict(self)
        texts = [warning.text for warning in self.warnings]
        return {**found, "warnings": texts, "findings": found["warnings"]}

    def tables(self) -> list[Table]:
        """Return the tables that ``data check`` prints."""
        rows = [
            (
                label,
                *(str(self.counts[split].get(label, 0)) for split in self.counts),
                found.smallest,
                found.median,
                found.largest,
                "" if found.aspect is None else f"{found.aspect:.2f}",
                ", ".join(f"{mode} {count}" for mode, count in found.modes.items()),
            )
            for label, found in self.classes.items()
        ]
        counts = [split or "images" for split in self.counts]
        header = ("class", *counts, "smallest", "median", "largest", "width/height", "modes")
        near = [(p.first, p.second, f"{p.correlation:.3f}") for p in self.near_duplicates]
        depths = [(label, found.depth) for label, found in self.classes.items() if found.depth]
        outliers = [(o.path, f"{o.minimum:g}", f"{o.maximum:g}") for o in self.outliers]
        tables: list[Table] = [
            (f"{self.name}: sizes in pixels", header, rows),
            ("Unreadable files", ("file", "reason"), list(self.unreadable.items())),
            ("Byte-equal files", ("files",), [(", ".join(same),) for same in self.duplicates]),
            ("In two classes", ("files",), [(", ".join(same),) for same in self.two_classes]),
            ("Near-duplicates", ("first", "second", "correlation"), near),
            ("DICOM files", ("what", "found"), self.dicom.lines() if self.dicom else []),
            (f"Grey scale: {self.pixel_scale}", ("class", "its own"), depths),
            ("Pixels outside the grey scale", ("file", "minimum", "maximum"), outliers),
        ]
        return [table for table in tables if table[2]]


def findings(found: Audit, manifest: Manifest) -> tuple[DataWarning, ...]:
    """Return what a user should act on."""
    repeated = {"byte_equal", "depth_by_class"}  # the audit says them itself
    own = [w for w in manifest.warnings if w.code not in repeated]
    return (*_synthetic(manifest), *own, *_files(found), *_depth(found), *_leaks(found))


def _synthetic(manifest: Manifest) -> list[DataWarning]:
    count = len(manifest.where(origin="synthetic"))
    if not count:
        return []
    which = f"{count} of {len(manifest)} images are synthetic"
    which = "all images are synthetic" if count == len(manifest) else which
    return [DataWarning("synthetic_images", f"{which}: `train` and `study` refuse them")]


def _files(found: Audit) -> list[DataWarning]:
    warnings = []
    if names := tuple(found.unreadable):
        shown = listed([f"{name} ({why})" for name, why in found.unreadable.items()], NAMED)
        text = f"skipped {plural(names, 'unreadable file')}, which training refuses: {shown}"
        warnings.append(DataWarning("unreadable_files", text, names))
    if two := _equal(found.two_classes):
        text = (
            f"the same file is in two classes: {listed(two, NAMED)}; training refuses this data set"
        )
        warnings.append(DataWarning("two_classes", text, two))
    if same := _equal(found.duplicates):
        sets = plural(same, "set")
        text = f"{sets} of byte-equal files: keep one of each, or they count more than once"
        warnings.append(DataWarning("duplicates", text, same))
    if near := tuple(f"{p.first} ~ {p.second}" for p in found.near_duplicates):
        pairs = plural(near, "pair")
        text = (
            f"{pairs} of near-duplicates: inspect them, and give both images of a pair one patient"
        )
        warnings.append(DataWarning("near_duplicates", text, near))
    return warnings


def _depth(found: Audit) -> list[DataWarning]:
    warnings = []
    depths = {label: files.depth for label, files in found.classes.items() if files.depth}
    if len(set(depths.values())) > 1:
        shown = ", ".join(f"{label} ({depth})" for label, depth in depths.items())
        text = f"classes differ in grey scale: {shown}; all are read as {found.pixel_scale}"
        warnings.append(DataWarning("depth_by_class", text, tuple(depths)))
    if outliers := found.outliers:
        first = f"{outliers[0].path} ({outliers[0].minimum:g} to {outliers[0].maximum:g})"
        text = (
            f"{plural(outliers, 'image')} with pixels outside the grey scale "
            f"({found.pixel_scale}), which are clipped; first {first}"
        )
        warnings.append(DataWarning("pixel_outliers", text, tuple(o.path for o in outliers)))
    return warnings


def _leaks(found: Audit) -> list[DataWarning]:
    warnings = []
    if images := _equal(found.images_across_splits):
        text = f"the split leaks: the same image is in both splits: {listed(images, NAMED)}"
        warnings.append(DataWarning("images_across_splits", text, images))
    if patients := tuple(found.groups_across_splits):
        text = f"the split leaks: patients with images in both splits: {listed(patients, NAMED)}"
        warnings.append(DataWarning("patients_across_splits", text, patients))
    if found.shortcut and (labels := tuple(found.shortcut.identified)):
        rate = found.shortcut.majority_class_rate
        text = (
            f"a model reaches {found.shortcut.accuracy:.0%} accuracy from file metadata "
            f"(majority-class rate {rate:.0%}) and identifies {', '.join(labels)}: a classifier "
            "may learn the source of the file, not the lungs"
        )
        warnings.append(DataWarning("metadata_shortcut", text, labels))
    return warnings


def _equal(sets: Sequence[Sequence[str]]) -> tuple[str, ...]:
    return tuple(" = ".join(names) for names in sets)
