"""What a data set holds and what is wrong with it: sizes, damaged files, duplicates, patients across splits, shortcuts."""

from __future__ import annotations

import os
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fewray.data.audit.metadata import FileFacts, file_facts, metadata_vector
from fewray.data.audit.shortcuts import Shortcut, metadata_shortcut
from fewray.data.folders import BYTE_EQUAL
from fewray.data.manifest import Manifest
from fewray.data.near_duplicates import near_pairs, thumbnail_of
from fewray.imaging.decode import Unreadable, decode


@dataclass(frozen=True, kw_only=True)
class Film:
    """One file: its header, its thumbnail, and why it cannot be read (empty for one that can)."""

    facts: FileFacts
    thumbnail: np.ndarray | None
    error: str


@dataclass(frozen=True, kw_only=True)
class Audit:
    """The findings on one manifest; ``warnings`` say in words what a user should act on."""

    name: str
    counts: dict[str, dict[str, int]]
    """Files that can be read, by split and class."""
    sizes: dict[str, dict[str, Any]]
    """By class: smallest, median and largest width and height, and the median aspect ratio width / height."""
    modes: dict[str, dict[str, int]]
    unreadable: list[dict[str, str]]
    duplicates: list[list[str]]
    """Sets of byte-equal files."""
    two_classes: list[list[str]]
    """Those of them that lie in more than one class; training refuses such a set."""
    near_duplicates: list[dict[str, Any]]
    """``first``, ``second``, ``correlation`` of each pair that looks alike without being byte-equal."""
    groups: int
    groups_across_splits: list[str]
    shortcut: Shortcut | None
    warnings: list[str]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON."""
        return asdict(self)

    def tables(self) -> list[tuple[str, Sequence[str], Sequence[Sequence[str]]]]:
        """Return title, header and rows of each table."""
        splits = list(self.counts)
        rows = []
        for label, size in self.sizes.items():
            modes = ", ".join(f"{mode} {count}" for mode, count in self.modes[label].items())
            counts = [str(self.counts[split].get(label, 0)) for split in splits]
            rows.append(
                (
                    label,
                    *counts,
                    size["smallest"],
                    size["median"],
                    size["largest"],
                    "" if size["aspect"] is None else f"{size['aspect']:.2f}",
                    modes,
                )
            )
        header = (
            "class",
            *(s or "images" for s in splits),
            "smallest",
            "median",
            "largest",
            "w/h",
            "modes",
        )
        tables: list[tuple[str, Sequence[str], Sequence[Sequence[str]]]] = [
            (f"{self.name}: sizes in pixels", header, rows)
        ]
        if self.unreadable:
            bad = [(entry["path"], entry["error"]) for entry in self.unreadable]
            tables.append(("Cannot be read", ("file", "why"), bad))
        if self.duplicates:
            tables.append(
                ("Byte-equal files", ("files",), [(", ".join(same),) for same in self.duplicates])
            )
        if self.two_classes:
            tables.append(
                ("In two classes", ("files",), [(", ".join(same),) for same in self.two_classes])
            )
        if self.near_duplicates:
            pairs = [
                (p["first"], p["second"], f"{p['correlation']:.3f}") for p in self.near_duplicates
            ]
            tables.append(("Near duplicates", ("first", "second", "correlation"), pairs))
        return tables


def audit(manifest: Manifest) -> Audit:
    """Read every file of ``manifest`` and report; damaged files are named, never an exception."""
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on odd metadata
        films = list(pool.map(_look, manifest.paths()))
    facts = [film.facts for film in films]
    names = _names(manifest)
    readable = [i for i, film in enumerate(films) if not film.error]
    unreadable = [
        {"path": names[i], "error": film.error} for i, film in enumerate(films) if film.error
    ]
    by_hash = defaultdict(list)
    for index, row in enumerate(manifest.rows):
        by_hash[row.sha256].append(index)
    same = [found for found in by_hash.values() if len(found) > 1]
    two_classes = [found for found in same if len({manifest.rows[i].label for i in found}) > 1]
    thumbnails = {i: thumbnail for i in readable if (thumbnail := films[i].thumbnail) is not None}
    near = [
        (i, j, correlation)
        for i, j, correlation in near_pairs(thumbnails)
        if manifest.rows[i].sha256 != manifest.rows[j].sha256
    ]
    alike_across = [
        found
        for found in (*same, *(pair[:2] for pair in near))
        if len({manifest.rows[i].split for i in found}) > 1
    ]
    counted = replace(manifest, rows=tuple(manifest.rows[i] for i in readable)).counts()
    splits = defaultdict(set)
    for row in manifest.rows:
        splits[row.group].add(row.split)
    across = sorted(group for group, found in splits.items() if len(found) > 1)
    shortcut = metadata_shortcut(
        np.array([metadata_vector(facts[i]) for i in readable]),
        manifest.labels()[readable],
        [manifest.rows[i].group for i in readable],
        manifest.classes,
    )
    return Audit(
        name=manifest.name,
        counts={
            split: counted.get(split, dict.fromkeys(labels, 0))
            for split, labels in manifest.counts().items()
        },
        sizes={
            label: _sizes([facts[i] for i in readable if manifest.rows[i].label == label])
            for label in manifest.classes
        },
        modes={
            label: dict(
                Counter(
                    facts[i].mode for i in readable if manifest.rows[i].label == label
                ).most_common()
            )
            for label in manifest.classes
        },
        unreadable=unreadable,
        duplicates=[[names[i] for i in found] for found in same],
        two_classes=[[names[i] for i in found] for found in two_classes],
        near_duplicates=[
            {"first": names[i], "second": names[j], "correlation": round(correlation, 4)}
            for i, j, correlation in near
        ],
        groups=len(splits),
        groups_across_splits=across,
        shortcut=shortcut,
        warnings=[
            *_synthetic(manifest),
            *(
                str(note) for note in manifest.notes.get("warnings", []) if note != BYTE_EQUAL
            ),  # _copies counts them
            *_damage(len(unreadable), [[names[i] for i in found] for found in two_classes]),
            *_copies(len(same), len(near), [[names[i] for i in found] for found in alike_across]),
            *_leaks(across, shortcut),
        ],
    )


def _look(path: Path) -> Film:
    facts, thumbnail, error = FileFacts(), None, ""
    try:
        thumbnail = thumbnail_of(decode(path))
        facts = file_facts(path)
    except Unreadable as failure:
        error = failure.reason
    except OSError as failure:
        error = str(failure.strerror)
    return Film(facts=facts, thumbnail=thumbnail, error=error)


def _sizes(facts: list[FileFacts]) -> dict[str, Any]:
    if not facts:
        return {"smallest": "", "median": "", "largest": "", "aspect": None}
    ordered = sorted(facts, key=lambda fact: fact.width * fact.height)
    named = {"smallest": ordered[0], "median": ordered[len(ordered) // 2], "largest": ordered[-1]}
    aspect = float(np.median([fact.width / fact.height for fact in facts]))
    return {name: f"{fact.width}x{fact.height}" for name, fact in named.items()} | {
        "aspect": round(aspect, 3)
    }


def _names(manifest: Manifest) -> list[str]:
    """Return the rows' paths without what all share."""
    paths = [os.path.abspath(path) for path in manifest.paths()]  # noqa: PTH100 (links stay as they are)
    root = os.path.commonpath([*paths, *(os.path.dirname(path) for path in paths)]) if paths else ""  # noqa: PTH120
    return [Path(path).relative_to(root).as_posix() for path in paths]


def _synthetic(manifest: Manifest) -> list[str]:
    made = len(manifest.where(origin="synthetic"))
    if not made:
        return []
    which = (
        "these are synthetic images"
        if made == len(manifest)
        else f"{made} of {len(manifest)} images are synthetic"
    )
    return [f"{which}, no films: `train` and `study` refuse them"]


def _damage(unreadable: int, two_classes: list[list[str]]) -> list[str]:
    found = []
    if unreadable:
        files = (
            "1 file cannot be read and is"
            if unreadable == 1
            else f"{unreadable} files cannot be read and are"
        )
        found.append(f"{files} not counted; training refuses the set")
    if two_classes:
        found.append(
            f"the same file in two classes: {_some(map(' = '.join, two_classes))}; training refuses the set"
        )
    return found


def _copies(same: int, near: int, across: list[list[str]]) -> list[str]:
    found = []
    if same:
        found.append(f"{same} sets of byte-equal files: keep one of each, or they count twice")
    if near:
        found.append(
            f"near duplicates ({near} pairs): look at them, and give both films of a pair the same patient"
        )
    if across:
        found.append(
            f"the split leaks: the same film on both sides: {_some(map(' = '.join, across))}"
        )
    return found


def _leaks(across: list[str], shortcut: Shortcut | None) -> list[str]:
    found = []
    if across:
        found.append(f"the split leaks: {_some(across)} has images on both sides")
    if shortcut is not None and shortcut.identified:
        found.append(
            f"file metadata alone (no pixel read) tells classes apart: accuracy {shortcut.accuracy:.2f} in grouped "
            f"folds, chance {shortcut.majority_class_rate:.2f}; {', '.join(shortcut.identified)} can be separated by the source of "
            "the file, so a classifier may be reading the source, not the lungs"
        )
    return found


def _some(names: Iterable[str]) -> str:
    """Return the first five names and how many more there are."""
    names = list(names)
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
