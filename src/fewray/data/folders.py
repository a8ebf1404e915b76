"""A user's own images: class folders, split and class folders, or a CSV file."""

from __future__ import annotations

import csv
import io
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from fewray.data.labels import alike_labels, label_of
from fewray.data.manifest import (
    COLUMNS,
    MANIFEST,
    ORIGINS,
    PATIENTS,
    DataWarning,
    Manifest,
    Origin,
    Row,
)
from fewray.data.patients import patient_of, unread_patients
from fewray.data.skipped_files import (
    files_below,
    generated_classes,
    is_image,
    loose_warning,
    no_images_text,
    strangers_warning,
    unlisted_warning,
)
from fewray.errors import InputError
from fewray.storage.files import sha256_of

SPLITS = {"train": "train", "training": "train", "test": "test", "testing": "test", "": ""}
BYTE_EQUAL = "some files are byte-equal; `fewray data check` lists them"
NAMED = 10
"""How many faults an error names before it counts the rest."""


def load_folder(root: Path, *, group_regex: str | None = None, strict: bool = True) -> Manifest:
    """Return the images of ``root/<class>/**`` or ``root/<split>/<class>/**``.

    Each file is its own patient unless ``group_regex`` finds one in its name. Hidden files are passed over; files that
    are no images, and images outside the class folders, are left out and listed in the notes. InputError for an empty
    class folder, a layout that is neither, and, if ``strict``, for files that are empty or lie in two classes.
    """
    films = _Films(group_regex)
    places, made = _places(root), generated_classes(root)
    unexpected = []
    for split, folder in places:
        files = list(files_below(folder))
        images = [path for path in files if is_image(path)]
        unexpected += [path.relative_to(root).as_posix() for path in files if not is_image(path)]
        if not images:
            raise InputError(f"{folder}: {no_images_text(files)}")
        for path in images:
            origin: Origin = (
                "synthetic" if folder.name in made and path.match("seed*.png") else "real"
            )
            films.add(
                path, folder.name, split, name=path.relative_to(root).as_posix(), origin=origin
            )
    loose = sorted(
        path.relative_to(root).as_posix()
        for folder in {root, *(place.parent for _, place in places)}
        for path in folder.iterdir()
        if is_image(path) and not path.name.startswith(".") and path.is_file()
    )
    notes: dict[str, Any] = {"not_images": unexpected}
    notes["warnings"] = [*strangers_warning(unexpected), *loose_warning(loose)]
    if loose:
        notes["outside_classes"] = loose
    return films.manifest(root.resolve().name, str(root), notes, strict=strict)


def load_csv(path: Path, *, group_regex: str | None = None, strict: bool = True) -> Manifest:
    """Return the rows of a CSV file with columns path, label and, if wanted, group, split, sha256, origin.

    Paths are relative to the file's folder; cells are separated by commas, semicolons or tabs. A group that is empty,
    NaN, NA, None or null names no patient, and such a label no class. A manifest written by fewray is one such file.
    InputError names the rows that do not fit; where a hash is given, the file must have it.
    """
    films, records = _Films(group_regex), _records(path)
    for number, record in records:
        values = {name: (record.get(name) or "").strip() for name in COLUMNS}
        row = f"row {number}"
        if None in record:
            films.faults.append(
                f"{row}: more cells than columns; put names that hold a comma in quotes"
            )
        elif not values["path"] or not label_of(values["label"], values["path"]):
            films.faults.append(
                f"{row}: path {values['path']!r}, label {values['label']!r}; both are wanted"
            )
        elif values["split"].lower() not in SPLITS:
            films.faults.append(
                f"{row}: split {values['split']!r}; train, test or nothing is wanted"
            )
        elif values["origin"] not in ("", *ORIGINS):
            films.faults.append(
                f"{row}: origin {values['origin']!r}; {', '.join(ORIGINS)} or nothing is wanted"
            )
        elif not os.path.isfile(path.parent / values["path"]):  # noqa: PTH113 (False, never an error, for odd names)
            films.faults.append(
                f"{row}: {values['path']} not found; paths are relative to the CSV file"
            )
        else:
            films.add(
                path.parent / values["path"],
                values["label"],
                SPLITS[values["split"].lower()],
                name=values["path"],
                group=patient_of(values["group"]),
                sha256=values["sha256"],
                origin=cast(Origin, values["origin"] or "real"),
            )
    whole = path.name == MANIFEST
    unlisted = unlisted_warning(path.parent, films.rows, SPLITS) if whole else []
    name = path.resolve().parent.name if whole else path.stem
    return films.manifest(
        name, str(path), {"warnings": [*unread_patients(records[0][1]), *unlisted]}, strict=strict
    )


@dataclass
class _Films:
    """Rows being gathered, with the faults met on the way, so that one error can name them all."""

    group_regex: str | None
    rows: list[Row] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    unusable: list[str] = field(default_factory=list)
    """Files that are empty or cannot be read: `data check` lists them beside the rest, everything else refuses them."""
    alone: int = 0
    """Rows whose patient nothing names."""

    def __post_init__(self) -> None:
        self.pattern = _pattern(self.group_regex)

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
        """Add one file; without a group or a match of the pattern it is its own patient, called ``name``."""
        if fault := _unfit(name, label):
            self.faults.append(fault)
            return
        try:
            if path.stat().st_size == 0:
                self.unusable.append(f"{name}: empty file; an image is wanted")
            digest = sha256_of(path)
        except OSError as error:
            self.unusable.append(f"{name}: cannot be read ({error.strerror})")
            digest = f"unread {name}"  # equal to no other file's
        if sha256 and digest != sha256.lower():
            self.faults.append(
                f"{path}: sha256 {digest[:12]}..., not {sha256[:12]}... as written; the file has changed"
            )
        found = self.pattern.search(path.name) if self.pattern and not group else None
        group = group or (found.group(1) if found else None) or ""
        self.alone += not group
        row = Row(
            path=path, label=label, split=split, group=group or name, sha256=digest, origin=origin
        )
        self.rows.append(row)

    def manifest(self, name: str, source: str, notes: dict[str, Any], *, strict: bool) -> Manifest:
        """Return all rows, train first, as a manifest; InputError with the faults if there are any."""
        faults = [*self.faults, *((*self.unusable, *_in_two_classes(self.rows)) if strict else ())]
        if faults:
            more = f"; and {len(faults) - NAMED} more" if len(faults) > NAMED else ""
            raise InputError(f"{source}: {'; '.join(faults[:NAMED])}{more}")
        if self.pattern:
            notes["group_regex"] = self.group_regex
        if self.alone == len(self.rows):
            if self.pattern:
                raise InputError(
                    f"--group-regex {self.group_regex}: fits no file name, such as {self.rows[0].path.name}"
                )
            notes["warnings"].insert(
                0,
                DataWarning(
                    "no patients are known: every image counts as its own; name them in a CSV column group or by --group-regex",
                    PATIENTS,
                ),
            )
        elif self.alone:
            notes["warnings"].append(
                DataWarning(
                    f"{self.alone} of {len(self.rows)} images name no patient: each counts as its own",
                    PATIENTS,
                )
            )
        if max(Counter(row.sha256 for row in self.rows).values()) > 1:
            notes["warnings"].append(BYTE_EQUAL)
        unsplit = sum(not row.split for row in self.rows)
        if 0 < unsplit < len(self.rows):
            notes["warnings"].append(
                f"{unsplit} images name no split, others do: they count as train"
            )
            self.rows = [row if row.split else replace(row, split="train") for row in self.rows]
        rows = sorted(
            self.rows, key=lambda row: (row.split != "train", row.split, row.label, str(row.path))
        )
        classes = tuple(sorted({row.label for row in rows}))
        notes["warnings"] += alike_labels(classes)
        return Manifest(name=name, classes=classes, rows=tuple(rows), notes=notes)


def _unfit(name: str, label: str) -> str:
    """Return what is wrong with the name of a file or class; classes name folders, so a label must be able to."""
    if any(
        "\ud800" <= sign <= "\udfff" for sign in name + label
    ):  # what Python makes of other bytes
        return f"{name!a}: a file name that is not UTF-8; rename it"
    if label.startswith(".") or not label.isprintable() or any(sign in label for sign in "/\\"):
        return f"{name}: class {label!a}; a name without / \\ and control characters that no dot begins is wanted"
    return ""


def _in_two_classes(rows: Sequence[Row]) -> list[str]:
    places: dict[str, dict[str, Path]] = {}
    for row in rows:
        places.setdefault(row.sha256, {}).setdefault(row.label, row.path)
    return [
        f"{', '.join(map(str, found.values()))}: the same bytes in the classes {', '.join(found)}; one class is wanted"
        for found in places.values()
        if len(found) > 1
    ]


def _records(path: Path) -> list[tuple[int, dict[Any, Any]]]:
    """Return line number and cells by lower-case column name of each row."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        separator = max(",;\t", key=text.partition("\n")[0].count)
        table = csv.DictReader(io.StringIO(text), delimiter=separator, strict=True)
        table.fieldnames = [name.strip().lower() for name in table.fieldnames or ()]
        records = [(table.line_num, record) for record in table]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{path}: cannot be read as CSV ({error}); UTF-8 with columns path,label is wanted"
        ) from None
    if missing := {"path", "label"} - set(table.fieldnames or ()) if text.strip() else set():
        raise InputError(
            f"{path}: no column {', '.join(sorted(missing))}; it has {', '.join(table.fieldnames or ())}"
        )
    if not records:
        raise InputError(f"{path}: no rows; columns path,label and a row an image are wanted")
    return records


def _places(root: Path) -> list[tuple[str, Path]]:
    """Return split and folder of each class."""
    top = _folders(root)
    odd = [path.name for path in top if path.name.lower() not in SPLITS]
    if top and not odd:
        places = [
            (SPLITS[split.name.lower()], folder) for split in top for folder in _folders(split)
        ]
    elif len(odd) < len(top):
        raise InputError(
            f"{root}: folders {', '.join(odd)} beside train or test; only train and test are wanted there"
        )
    else:
        places = [("", folder) for folder in top]
        if inside := [
            path for folder in top for path in _folders(folder) if path.name.lower() in SPLITS
        ]:
            raise InputError(f"{inside[0]}: a split inside a class; <split>/<class>/* is wanted")
    if not places:
        raise InputError(
            f"{root}: no class folders; <class>/* or <split>/<class>/* with images is wanted"
        )
    return places


def _folders(root: Path) -> list[Path]:
    """Return the visible folders in ``root``, without links back to it or to what holds it."""
    here = root.resolve()
    found = (
        path for path in root.iterdir() if path.is_dir() and not path.name.startswith((".", "__"))
    )
    return sorted(path for path in found if not here.is_relative_to(path.resolve()))


def _pattern(text: str | None) -> re.Pattern[str] | None:
    if text is None:
        return None
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise InputError(f"--group-regex {text}: not a pattern ({error})") from None
    if pattern.groups < 1:
        raise InputError(
            f"--group-regex {text}: no group in parentheses; one that holds the patient is wanted"
        )
    return pattern
