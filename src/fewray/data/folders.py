"""A user's own images: class folders, split and class folders, or a CSV file."""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fewray.data.manifest import COLUMNS, Manifest, Origin, Row, sha256_of
from fewray.errors import InputError
from fewray.images import SUFFIXES

SPLITS = {"train": "train", "training": "train", "test": "test", "testing": "test", "": ""}


def load_folder(root: Path, *, group_regex: str | None = None) -> Manifest:
    """Return the images of ``root/<class>/*`` or ``root/<split>/<class>/*``.

    Each file is its own patient unless ``group_regex`` finds one in its name. Hidden files and files that are no images
    are left out and counted in the notes. InputError for an empty class folder or fewer than one class.
    """
    pattern = _pattern(group_regex)
    top = _folders(root)
    has_splits = bool(top) and all(path.name.lower() in SPLITS for path in top)
    places = [(SPLITS[s.name.lower()], c) for s in top for c in _folders(s)] if has_splits else [("", c) for c in top]
    if not places:
        raise InputError(f"{root}: no class folders; <class>/* or <split>/<class>/* with images is wanted")
    rows, strangers = [], []
    for split, folder in places:
        files = list(_files(folder))
        images = [path for path in files if path.suffix.lower() in SUFFIXES]
        strangers += [str(path.relative_to(root)) for path in files if path.suffix.lower() not in SUFFIXES]
        if not images:
            raise InputError(f"{folder}: no images ({', '.join(SUFFIXES)}); remove the folder or fill it")
        for path in images:
            group = _group(path, pattern) or path.relative_to(root).as_posix()
            rows.append(Row(path=path, label=folder.name, split=split, group=group, sha256=_hash(path)))
    return _manifest(root.resolve().name, rows, grouped=pattern is not None, notes={"not_images": strangers})


def load_csv(path: Path, *, group_regex: str | None = None) -> Manifest:
    """Return the rows of a CSV file with columns path, label and, if wanted, group, split, sha256, origin.

    Paths are relative to the file's folder. A manifest written by fewray is one such file. InputError names the row.
    """
    pattern = _pattern(group_regex)
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            records = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as CSV ({error}); UTF-8 with columns path,label is wanted") from None
    if not records:
        raise InputError(f"{path}: no rows; columns path,label and a row an image are wanted")
    if missing := {"path", "label"} - set(records[0]):
        raise InputError(f"{path}: no column {', '.join(sorted(missing))}; it has {', '.join(map(str, records[0]))}")
    rows, absent = [], []
    for number, record in enumerate(records, start=2):
        values = {name: (record.get(name) or "").strip() for name in COLUMNS}
        if not values["path"] or not values["label"]:
            raise InputError(
                f"{path} row {number}: path {values['path']!r}, label {values['label']!r}; both are wanted"
            )
        if values["split"].lower() not in SPLITS:
            raise InputError(f"{path} row {number}: split {values['split']!r}; train, test or nothing is wanted")
        file = path.parent / values["path"]
        if not file.is_file():
            absent.append(f"row {number} {values['path']}")
            continue
        origin: Origin = values["origin"] if values["origin"] in ("synthetic", "phantom") else "real"  # pyright: ignore[reportAssignmentType]
        rows.append(
            Row(
                path=file,
                label=values["label"],
                split=SPLITS[values["split"].lower()],
                group=values["group"] or _group(file, pattern) or values["path"],
                sha256=_hash(file),
                origin=origin,
            )
        )
    if absent:
        raise InputError(f"{path}: {len(absent)} files not found: {'; '.join(absent[:10])}; paths are relative to it")
    grouped = pattern is not None or any((record.get("group") or "").strip() for record in records)
    return _manifest(path.stem, rows, grouped=grouped, notes={})


def _manifest(name: str, rows: list[Row], *, grouped: bool, notes: dict[str, Any]) -> Manifest:
    warnings = []
    if not grouped:
        warnings.append(
            "no patients are known: every image counts as its own; name them in a CSV column group or by --group-regex"
        )
    if notes.get("not_images"):
        warnings.append(f"{len(notes['not_images'])} files are no images and are left out")
    labels = {}
    for row in rows:
        labels.setdefault(row.sha256, {}).setdefault(row.label, row.path)
    for places in (found for found in labels.values() if len(found) > 1):
        raise InputError(
            f"{', '.join(str(path) for path in places.values())}: the same bytes in the classes "
            f"{', '.join(places)}; one class an image is wanted"
        )
    for label in sorted({row.label for row in rows}):
        if label in (".", "..") or "/" in label or "\\" in label or not label.isprintable():
            raise InputError(f"{name}: class {label!r}; a name that can be a folder's is wanted")
    rows = sorted(rows, key=lambda row: (row.split != "train", row.split, row.label, str(row.path)))
    most = max(Counter(row.sha256 for row in rows).values())
    if most > 1:
        warnings.append("some files are byte-equal; `fewray data check` lists them")
    classes = tuple(sorted({row.label for row in rows}))
    return Manifest(name=name, classes=classes, rows=tuple(rows), notes={**notes, "warnings": warnings})


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith((".", "__")))


def _files(folder: Path) -> Iterator[Path]:
    """Yield the visible files below ``folder``; links to folders are not followed, so loops are harmless."""
    for place, folders, names in os.walk(folder, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield Path(place) / name


def _pattern(text: str | None) -> re.Pattern[str] | None:
    if text is None:
        return None
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise InputError(f"--group-regex {text}: not a pattern ({error})") from None
    if pattern.groups < 1:
        raise InputError(f"--group-regex {text}: no group in parentheses; one that holds the patient is wanted")
    return pattern


def _group(path: Path, pattern: re.Pattern[str] | None) -> str | None:
    found = pattern.search(path.name) if pattern else None
    return found.group(1) if found else None


def _hash(path: Path) -> str:
    try:
        if path.stat().st_size == 0:
            raise InputError(f"{path}: empty file; an image is wanted")
        return sha256_of(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
