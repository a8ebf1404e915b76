"""The one type every stage hands on: a row an image, with its label, patient, hash and origin."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from fewray.errors import InputError
from fewray.storage.files import write_bytes

Origin = Literal["real", "synthetic", "phantom"]
ORIGINS = ("real", "synthetic", "phantom")
COLUMNS = ("path", "label", "split", "group", "sha256", "origin")
MANIFEST, SOURCES = "manifest.csv", "generators.json"
"""Files of a folder: the rows, which are read instead of its folders, and, of synthetic images, their generators."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One image. ``group`` is the patient; ``split`` is ``train``, ``test`` or empty."""

    path: Path
    label: str
    split: str = ""
    group: str
    sha256: str
    origin: Origin = "real"


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The rows of a data set. ``notes`` holds plain JSON: ``warnings``, sentences for the user, ``group_regex`` if given."""

    name: str
    classes: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        """Name the set and count it; the rows are in ``rows``."""
        return f"Manifest({self.name!r}, {len(self)} images of {', '.join(self.classes)})"

    def labels(self) -> np.ndarray:
        """Return int64 (n,): each row's index in ``classes``."""
        index = {label: i for i, label in enumerate(self.classes)}
        return np.array([index[row.label] for row in self.rows], dtype=np.int64)

    def paths(self) -> list[Path]:
        """Return the rows' files."""
        return [row.path for row in self.rows]

    def where(
        self, *, split: str | None = None, label: str | None = None, origin: str | None = None
    ) -> Manifest:
        """Return the rows that have all the given values; the classes stay."""
        kept = tuple(
            row
            for row in self.rows
            if (split is None or row.split == split)
            and (label is None or row.label == label)
            and (origin is None or row.origin == origin)
        )
        return replace(self, rows=kept)

    def counts(self) -> dict[str, dict[str, int]]:
        """Return how many rows each split has of each class; splits without rows are left out."""
        found = Counter((row.split, row.label) for row in self.rows)
        splits = sorted({split for split, _ in found}, key=lambda s: (s != "train", s))
        return {split: {label: found[split, label] for label in self.classes} for split in splits}

    def sha256(self) -> str:
        """Return the hash of the content: labels, splits, groups and file hashes in order, but not where files lie."""
        digest = hashlib.sha256()
        for row in self.rows:
            digest.update(
                f"{row.label}\t{row.split}\t{row.group}\t{row.sha256}\t{row.origin}\n".encode()
            )
        return digest.hexdigest()

    def to_csv(self, path: Path) -> None:
        """Write the rows; paths are relative to the file where they lie below its folder."""
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
        """Read what :meth:`to_csv` wrote; InputError names the row that does not fit."""
        try:
            records = list(
                csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline=""))
            )
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise InputError(
                f"{path}: cannot be read ({error}); a manifest of fewray is wanted"
            ) from None
        rows = []
        for number, record in enumerate(records, start=2):
            if missing := [column for column in COLUMNS if record.get(column) is None]:
                raise InputError(
                    f"{path} row {number}: no {', '.join(missing)}; a manifest of fewray is wanted"
                )
            if record["origin"] not in ORIGINS:
                raise InputError(
                    f"{path} row {number}: origin {record['origin']}; one of {', '.join(ORIGINS)} is wanted"
                )
            kept = {name: record[name] for name in ("label", "split", "group", "sha256")}
            rows.append(
                Row(
                    path=path.parent / record["path"], **kept, origin=cast(Origin, record["origin"])
                )
            )
        classes = tuple(sorted({row.label for row in rows}))
        return cls(name=name or path.parent.name, classes=classes, rows=tuple(rows))
