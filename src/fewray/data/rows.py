"""Collect the rows of a user's data set, so that one error lists every fault."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from fewray.data.dicom.files import DicomFiles
from fewray.data.dicom.warnings import (
    header_warnings,
    invalid_window_warning,
    pixel_warnings,
    shape_warning,
)
from fewray.data.layout.outputs import PHANTOM, Outputs
from fewray.data.manifest import PATIENTS, DataWarning, Manifest, Origin, Row
from fewray.data.patients import (
    OPTION,
    merge_spellings,
    no_match_text,
    patient_in_path,
    patient_pattern,
    plain_patient,
)
from fewray.errors import InputError
from fewray.imaging.arrays import scan_ranges
from fewray.imaging.depth import GreyRange, PixelScale, choose_scale
from fewray.storage.files import sha256_of

SPLITS = {"train": "train", "training": "train", "test": "test", "testing": "test", "": ""}
NAMED = 10
"""How many faults an error lists before it counts the rest."""


@dataclass
class RowCollector:
    """Rows in the making. ``strict`` refuses unreadable files and files in two classes."""

    group_regex: str | None
    strict: bool
    rows: list[Row] = field(default_factory=list)
    faults: list[tuple[str, str]] = field(default_factory=list)
    """Code and text of each fault."""
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    without_patient: int = 0
    dicom: DicomFiles = field(default_factory=DicomFiles)
    """The headers of the DICOM files among the files that will be added."""
    outputs: Outputs = field(default_factory=Outputs)

    plain: dict[str, str] = field(default_factory=dict)
    """The plain spelling of each known patient. It is compared and never shown."""

    def __post_init__(self) -> None:
        self.pattern = patient_pattern(self.group_regex)

    def fault(self, code: str, text: str) -> None:
        """Add a fault of a row."""
        self.faults.append((code, text))

    def add(
        self,
        path: Path,
        label: str,
        split: str,
        *,
        name: str,
        group: str = "",
        sha256: str = "",
        origin: Origin = "real",
    ) -> None:
        """Add one file; its patient is ``group``, or found in the path ``name``, or ``name``."""
        found = self._patient_in(path, name, label)
        alias, name = self.dicom.alias(path), self.dicom.mask.shown_name(name)
        if fault := _bad_name(name, label):
            self.faults.append(fault)
            return
        if refusal := self.dicom.fault(path):
            self.unreadable.append((refusal[0], f"{name}: {refusal[1]}"))
        if path in self.dicom.headers and self.dicom.headers[path].synthetic:
            origin = "synthetic"
        if origin == "real" and (output := self.outputs.kind(path)) is not None:
            if not output.generated:
                text = f"{name}: fewray wrote this file ({output.name}); it is no data"
                self.fault("own_output", text)
                return
            origin = "phantom" if output.name == PHANTOM else "synthetic"
        try:
            if path.stat().st_size == 0:
                self.unreadable.append(("empty_file", f"{name}: empty file"))
            digest = sha256_of(path)
        except OSError as error:
            if not refusal:
                text = f"{name}: cannot be read ({error.strerror})"
                self.unreadable.append(("unreadable_file", text))
            digest = f"unread {name}"  # equal to no other file's
        if sha256 and digest != sha256.lower():
            text = f"{alias or path}: the file has changed: sha256 {digest[:12]}, not {sha256[:12]}"
            self.fault("file_changed", text)
        given = group or found
        group = self.dicom.group(path, given)
        self.without_patient += not group
        if group:
            self.plain[group] = plain_patient(self.dicom.patient(path, given))
        row = Row(
            path=path, label=label, split=split, group=group or name, sha256=digest, origin=origin
        )
        self.rows.append(replace(row, alias=alias))

    def _patient_in(self, path: Path, name: str, label: str) -> str:
        """Return the patient that the pattern finds in ``name``, a path below the data folder."""
        if Path(name).is_absolute():
            name = path.name
        splits = [part for part in Path(name).parts if part.lower() in SPLITS]
        return patient_in_path(self.pattern, name, {label, *splits})

    def manifest(self, name: str, source: str, warnings: Sequence[DataWarning]) -> Manifest:
        """Return all rows, train first. Raises InputError ``invalid_data`` with every fault."""
        faults = list(self.faults)
        if self.strict:
            faults += [*self.unreadable, *two_class_faults(self.rows)]
        if faults:
            more = f"; and {len(faults) - NAMED} more" if len(faults) > NAMED else ""
            raise InputError(
                "invalid_data",
                f"{source}: {'; '.join(text for _, text in faults[:NAMED])}{more}",
                faults=[code for code, _ in faults],
                texts=[text for _, text in faults],
            )
        if self.pattern and self.without_patient == len(self.rows):
            example = self.rows[0].group
            raise InputError(
                "group_regex_no_match",
                no_match_text(self.pattern.pattern, example),
                pattern=self.group_regex,
                example=example,
            )
        self.rows, spelled = merge_spellings(self.rows, self.plain)
        found = [*self._patient_warnings(), *spelled, *warnings]
        if max(Counter(row.sha256 for row in self.rows).values()) > 1:
            text = "some files are byte-identical; `fewray data check` lists them"
            found.append(DataWarning("byte_equal", text))
        if 0 < (unsplit := sum(not row.split for row in self.rows)) < len(self.rows):
            who = f"{unsplit} of {len(self.rows)} images"
            text = f"{who} have no split and are counted as training images"
            found.append(DataWarning("no_split", text))
            self.rows = [row if row.split else replace(row, split="train") for row in self.rows]
        groups = {row.path: row.group for row in self.rows}
        place = self.dicom.order(groups)
        rows = sorted(
            self.rows, key=lambda row: (row.split != "train", row.split, row.label, place(row.path))
        )
        classes = tuple(sorted({row.label for row in rows}))
        summary = self.dicom.summary(groups)
        found += [*header_warnings(summary), *shape_warning(self.dicom, list(groups))]
        found += invalid_window_warning(self.dicom, list(groups))
        scale, depths = self._pixel_scale(source)
        found += [*depths, *pixel_warnings(self.dicom, list(groups), scale)]
        found += _similar_labels(classes)
        return Manifest(
            name=name,
            classes=classes,
            rows=tuple(rows),
            warnings=tuple(found),
            group_regex=self.group_regex,
            pixel_scale=scale,
            dicom=summary,
        )

    def _patient_warnings(self) -> list[DataWarning]:
        if not self.without_patient:
            return []
        who = f"{self.without_patient} of {len(self.rows)} images have no patient ID"
        who = "no image has a patient ID" if self.without_patient == len(self.rows) else who
        text = (
            f"{who}: each of these images is counted as a separate patient; "
            f"give patient IDs in a CSV column `group` or with {OPTION}"
        )
        return [DataWarning(PATIENTS, text)]

    def _pixel_scale(self, source: str) -> tuple[PixelScale, list[DataWarning]]:
        """Return the grey scale of all files, and a warning if the classes differ in depth."""
        by_class: dict[str, list[GreyRange]] = {}
        paths = [row.path for row in self.rows if row.path not in self.dicom.headers]
        ranges = dict(zip(paths, scan_ranges(paths), strict=True))
        ranges |= {path: header.grey_range() for path, header in self.dicom.headers.items()}
        for row in self.rows:
            if (found := ranges.get(row.path)) is not None and not self.dicom.fault(row.path):
                by_class.setdefault(row.label, []).append(found)
        try:
            scale = choose_scale(each for ranges in by_class.values() for each in ranges)
            depths = {name: choose_scale(ranges).describe() for name, ranges in by_class.items()}
        except InputError as error:
            if self.strict:
                message = f"{source}: {error.message}"
                raise InputError(error.code, message, **error.fields) from None
            return PixelScale(), []  # `data check` reports the files
        if len(set(depths.values())) < 2:
            return scale, []
        shown = ", ".join(f"{label} ({depth})" for label, depth in sorted(depths.items()))
        text = f"classes differ in grey scale: {shown}; all are read as {scale.describe()}"
        return scale, [DataWarning("depth_by_class", text, tuple(sorted(depths)))]


def _bad_name(name: str, label: str) -> tuple[str, str] | None:
    """Return code and text if a file or class (which names folders) has an unusable name."""
    if any("\ud800" <= sign <= "\udfff" for sign in name + label):  # bytes that are not UTF-8
        return "file_name", f"{name!a}: the file name is not UTF-8; rename the file"
    if label.startswith(".") or not label.isprintable() or any(sign in label for sign in "/\\"):
        rule = "a class name may not start with a dot or contain / \\ or control characters"
        return "class_name", f"{name}: class {label!a}: {rule}"
    return None


def two_class_faults(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Return code and text of each file that is in more than one class."""
    places: dict[str, dict[str, Path]] = {}
    for row in rows:
        places.setdefault(row.sha256, {}).setdefault(row.label, row.shown)
    return [
        (
            "two_classes",
            f"{', '.join(map(str, found.values()))}: the same file in classes {', '.join(found)}",
        )
        for found in places.values()
        if len(found) > 1
    ]


def _similar_labels(classes: Iterable[str]) -> list[DataWarning]:
    """Return a warning for each set of classes whose names differ only in spelling."""
    found = defaultdict(list)
    for label in classes:
        found[_alike(label)].append(label)
    return [
        DataWarning(
            "similar_classes",
            f"classes {', '.join(map(_distinct(names), names))} differ only in case, blanks, "
            "Unicode form or .0, but are treated as separate classes; spell them alike if they are "
            "one",
            tuple(names),
        )
        for names in found.values()
        if len(names) > 1
    ]


def _distinct(names: Sequence[str]) -> Callable[[str], str]:
    """Return how to show names so that they look different."""
    look = {unicodedata.normalize("NFC", name) for name in names}
    return repr if len(look) == len(names) else ascii


def _alike(label: str) -> str:
    """Return a class without what only spelling differs in."""
    plain = unicodedata.normalize("NFKC", "".join(label.split())).casefold()
    return re.sub(r"^([+-]?\d+)[.,]0+$", r"\1", plain)
