"""Find runs below the folder that is served, and turn names in addresses into their folders."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fewray.data.manifest import SOURCES
from fewray.errors import InputError
from fewray.generators.log import LOG, OPTIONS
from fewray.results.files import STUDY

Kind = Literal["study", "training", "quality", "images", "reader_study"]
QUALITY = "quality.json"
READER_STUDY = "reader-study.json"
STARTED = ("fold_assignment.json",)
"""Files of a study that has no results yet."""
DEPTH = 5
"""Folders below the served one that are searched."""
MOST = 500
"""Runs that are listed."""
SKIPPED = ("jobs",)
"""Folders without runs of their own, which may hold thousands of files."""


@dataclass(frozen=True)
class Found:
    """A run: its name is its path below the served folder, with slashes."""

    name: str
    folder: Path
    kind: Kind
    misnamed: bool = False
    """Whether no address can name it: it is not UTF-8, has a line feed, or ends with .json."""


class Library:
    """The runs in and below ``folder``."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            what = "expected a folder, found a file" if folder.exists() else "no such folder"
            raise InputError("runs_folder", f"{folder}: {what}.", folder=str(folder))
        folder = folder.resolve()
        self.only = folder.name if kind_of(folder) else None
        """The name of the one run if the served folder is a run itself."""
        self.base = folder.parent if self.only else folder

    def runs(self) -> list[Found]:
        """Return the runs, those of a study's generators left out, by name."""
        start = self.base / self.only if self.only else self.base
        found = []
        for each in self._below(start, DEPTH):
            found.append(each)
            if len(found) == MOST:
                break
        return sorted(found, key=lambda run: run.name)

    def _below(self, folder: Path, depth: int) -> Iterator[Found]:
        kind = kind_of(folder)
        if kind and folder != self.base:
            name = folder.relative_to(self.base).as_posix()
            shown = os.fsencode(name).decode(errors="backslashreplace").replace("\n", "\\n")
            yield Found(shown, folder, kind, shown != name or name.endswith(".json"))
        if depth == 0 or kind in ("study", "training", "images", "reader_study"):
            return
        for child in _folders(folder):
            yield from self._below(child, depth - 1)

    def folder(self, name: str) -> Path:
        """Return the folder called ``name``; InputError ``no_run`` if it is not below the base.

        Hidden folders, ``..`` and links that lead elsewhere are not found.
        """
        parts = name.split("/")
        allowed = not self.only or parts[0] == self.only
        if allowed and all(part and not part.startswith(".") for part in parts):
            try:
                path = self.base.joinpath(*parts).resolve()
                if path.is_relative_to(self.base) and path != self.base and path.is_dir():
                    return path
            except (OSError, ValueError):  # a name that no file system takes
                pass
        raise InputError("no_run", f"{name[:200]}: no such run.", name=name[:200])

    def find(self, name: str) -> Found:
        """Return the run called ``name``; InputError ``no_run`` if there is none."""
        folder = self.folder(name)
        if kind := kind_of(folder):
            return Found(name, folder, kind)
        message = f"{name}: not a run. It holds no {STUDY}, no <class>/{LOG}, no {QUALITY} and no "
        raise InputError("no_run", f"{message}{SOURCES}.", name=name)


def kind_of(folder: Path) -> Kind | None:
    """Return what a folder holds; None if it is no run."""
    try:
        names = {entry.name for entry in folder.iterdir()}
    except OSError:
        return None
    if READER_STUDY in names:
        return "reader_study"
    if STUDY in names or names.intersection(STARTED) or {"jobs", "timing.json"} <= names:
        return "study"
    if SOURCES in names:
        return "images"
    children = _folders(folder)
    if any((child / LOG).is_file() for child in children):
        return "training"
    if OPTIONS in names and any((child / OPTIONS).is_file() for child in children):
        return "training"  # before the end of its first epoch
    return "quality" if QUALITY in names else None


def generator_runs(folder: Path) -> list[Path]:
    """Return the folders of a study's generators, by repeat and fold."""
    below = folder / "generators"
    return [child for child in _folders(below) if kind_of(child) == "training"]


def _folders(folder: Path) -> list[Path]:
    """Return the visible folders in ``folder``, by name; none if it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            found = [
                entry.name
                for entry in entries
                if not entry.name.startswith(".")
                and entry.name not in SKIPPED
                and entry.is_dir(follow_symlinks=False)
            ]
    except OSError:
        return []
    return [folder / name for name in sorted(found)]
