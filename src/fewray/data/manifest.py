"""The manifest of a data set: one row per image, with its label, patient and hash."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from fewray.config import AS_IT_IS, ReadOptions
from fewray.errors import InputError
from fewray.imaging.depth import PixelScale
from fewray.results.data_check import DicomHeaders
from fewray.storage.files import write_bytes

Origin = Literal["real", "synthetic", "phantom"]
ORIGINS = ("real", "synthetic", "phantom")
COLUMNS = ("path", "label", "split", "group", "sha256", "origin")
MANIFEST, SOURCES = "manifest.csv", "generators.json"
"""Files of a folder of images: its rows, read in place of its subfolders, and the generators of
synthetic images."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One image. ``group`` is the patient; ``split`` is ``train``, ``test`` or empty."""

    path: Path
    label: str
    split: str = ""
    group: str
    sha256: str
    origin: Origin = "real"
    alias: Path | None = None
    """How outputs show ``path``, if its names identify a patient."""

    @property
    def shown(self) -> Path:
        """The path as outputs, logs and errors show it."""
        return self.alias or self.path


@dataclass(frozen=True)
class DataWarning:
    """Something that a user must know about a data set. Programs read ``code``, people ``text``."""

    code: str
    text: str
    items: tuple[str, ...] = ()
    """What the warning is about: files, classes or columns."""

    def __str__(self) -> str:
        return self.text


PATIENTS, UNREAD, CONFOUNDED = "patients_unknown", "unread_patients", "confounded_source"
"""Codes of warnings that a study acts on: patients are unknown; a column that may name them is
ignored; the classes come from different sources."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The rows of a data set, what must be known about it, and how its pixels are scaled."""

    name: str
    classes: tuple[str, ...]
    rows: tuple[Row, ...]
    warnings: tuple[DataWarning, ...] = ()
    group_regex: str | None = None
    """The pattern that found the patients in file names, if one was given."""
    read: ReadOptions = AS_IT_IS
    """The labels that were chosen, and the columns that were read."""
    display_names: dict[str, str] = field(default_factory=dict)
    """How classes are called in reports, where that differs from their names."""
    source: str = ""
    """What was loaded: an absolute path, or the name of a known data set with its options."""
    about: dict[str, Any] = field(default_factory=dict)
    """How generated images were made, as plain JSON."""
    pixel_scale: PixelScale = field(default_factory=PixelScale)
    """How images of more than 8 bits are scaled: decided once, for all files of the data set."""
    dicom: DicomHeaders | None = None
    """What the headers say, if some files are DICOM."""

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"Manifest({self.name!r}, {len(self)} images of {', '.join(self.classes)})"

    @property
    def patient_key(self) -> str:
        """The file of the key that hashes the patients of DICOM files; empty without such files."""
        return self.dicom.key_file if self.dicom else ""

    def labels(self) -> np.ndarray:
        """Return int64 (n,): each row's index in ``classes``."""
        index = {label: i for i, label in enumerate(self.classes)}
        return np.array([index[row.label] for row in self.rows], dtype=np.int64)

    def paths(self) -> list[Path]:
        """Return the rows' files."""
        return [row.path for row in self.rows]

    def shown_paths(self) -> list[Path]:
        """Return the rows' files as outputs show them."""
        return [row.shown for row in self.rows]

    def where(
        self, *, split: str | None = None, label: str | None = None, origin: str | None = None
    ) -> Manifest:
        """Return the rows that have all the given values; the classes are kept."""
        kept = tuple(
            row
            for row in self.rows
            if (split is None or row.split == split)
            and (label is None or row.label == label)
            and (origin is None or row.origin == origin)
        )
        return replace(self, rows=kept)

    def counts(self) -> dict[str, dict[str, int]]:
        """Return the number of rows by split and class; a split without rows is absent."""
        found = Counter((row.split, row.label) for row in self.rows)
        splits = sorted({split for split, _ in found}, key=lambda s: (s != "train", s))
        return {split: {label: found[split, label] for label in self.classes} for split in splits}

    def sha256(self) -> str:
        """Return a hash of all rows except their paths, and of the pixel scale."""
        digest = hashlib.sha256(self.pixel_scale.key().encode())
        for row in self.rows:
            digest.update(
                f"{row.label}\t{row.split}\t{row.group}\t{row.sha256}\t{row.origin}\n".encode()
            )
        return digest.hexdigest()

    def to_csv(self, path: Path) -> None:
        """Write the rows; paths below the file's folder are relative to it."""
        stream = io.StringIO()
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(COLUMNS)
        base = path.parent.resolve()
        for row in self.rows:
            full = row.path.resolve()
            shown = full.relative_to(base) if full.is_relative_to(base) else full
            table.writerow(
                [shown.as_posix(), row.label, row.split, row.group, row.sha256, row.origin]
            )
        write_bytes(path, stream.getvalue().encode())

    @classmethod
    def from_csv(cls, path: Path, *, name: str | None = None) -> Manifest:
        """Read what :meth:`to_csv` wrote; InputError for anything else."""

        def fault(what: str) -> InputError:
            return InputError("manifest", f"{path}: {what}. Expected a manifest written by fewray.")

        try:
            text = path.read_text(encoding="utf-8-sig")
            records = list(csv.DictReader(io.StringIO(text, newline="")))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise fault(f"cannot be read ({error})") from None
        rows = []
        for number, record in enumerate(records, start=2):
            if missing := [column for column in COLUMNS if record.get(column) is None]:
                raise fault(f"row {number}: no {', '.join(missing)}")
            if record["origin"] not in ORIGINS:
                raise fault(f"row {number}: origin {record['origin']!r}")
            origin = cast(Origin, record["origin"])
            kept = {name: record[name] for name in ("label", "split", "group", "sha256")}
            rows.append(Row(path=path.parent / record["path"], alias=None, **kept, origin=origin))
        classes = tuple(sorted({row.label for row in rows}))
        return cls(name=name or path.parent.name, classes=classes, rows=tuple(rows))
