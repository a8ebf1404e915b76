"""Find the files that a table names, also if it was written on another computer."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fewray.data.manifest import DataWarning
from fewray.data.skipped_files import files_below, listed, plural

ABSOLUTE = re.compile(r"([A-Za-z]:)?[\\/]|~[\\/]")
"""The start of an absolute path on any system, or of one in a home directory."""

Folders = tuple[str, ...]
"""The names of a folder and of those above it, as case and Unicode form do not change them."""


@dataclass
class PathFinder:
    """Finds the files of one table, relative to ``folder``.

    Names match in any Unicode normal form. A path that is not found as it is may have backslashes,
    another case, or lie below a folder of another computer, which is left out.
    """

    folder: Path
    other_case: list[str] = field(default_factory=list)
    moved: dict[str, tuple[Folders, Path]] = field(default_factory=dict)
    """What was left out of a path of another computer, and the file that was found."""
    doubtful: set[str] = field(default_factory=set)
    """Paths of another computer for which only files are here that may be others."""
    _names: Counter[str] | None = None
    _listings: dict[Path, dict[str, list[str]]] = field(default_factory=dict)

    def find_all(self, cells: Mapping[int, str]) -> dict[int, Path | None]:
        """Return the file that each cell names, or None.

        Paths of another computer must agree on what is left out (:func:`contradicting`).
        """
        found = {number: self.find(cell) for number, cell in cells.items()}
        self.doubtful = contradicting(self.moved, self._is_unique)
        self.moved = {cell: to for cell, to in self.moved.items() if cell not in self.doubtful}
        return {n: None if cells[n] in self.doubtful else path for n, path in found.items()}

    def find(self, cell: str) -> Path | None:
        """Return the file that a cell names, or None."""
        if not cell or "\0" in cell:
            return None
        if _is_file(exact := self.folder / cell):
            return exact
        text = cell.replace("\\", "/")
        if ABSOLUTE.match(cell) is None:
            return self._below(text, cell)
        if text.startswith("/") and (found := self._in(Path("/"), text.strip("/"), cell)):
            return found
        parts = [part for part in text.split("/") if part]
        for start in range(1, len(parts)):
            if (found := self._below("/".join(parts[start:]), cell)) is not None:
                self.moved[cell] = tuple(_plain(part).casefold() for part in parts[:start]), found
                return found
        return None

    def warnings(self, shown: Callable[[str], str]) -> list[DataWarning]:
        """Return what was changed in paths to find the files; ``shown`` hides identifiers."""
        found = []
        if self.other_case:
            names = [shown(cell) for cell in self.other_case]
            text = f"{plural(names, 'path')} spelled in another case than the file: {listed(names)}"
            found.append(DataWarning("path_case", text, tuple(names)))
        by_count: dict[int, list[str]] = defaultdict(list)
        for cell, (prefix, _) in self.moved.items():
            by_count[len(prefix)].append(cell)
        for count, cells in sorted(by_count.items()):
            names = [shown(cell) for cell in cells]
            text = f"{plural(names, 'absolute path')} of another computer: read below {self.folder}"
            text += f", without the first {count} of their folders"
            found.append(DataWarning("paths_moved", text, tuple(names)))
        return found

    def _is_unique(self, path: Path) -> bool:
        """Whether no other file below the folder has the name of ``path``."""
        if self._names is None:
            self._names = Counter(_plain(p.name).casefold() for p in files_below(self.folder))
        return self._names[_plain(path.name).casefold()] < 2

    def _below(self, text: str, cell: str) -> Path | None:
        return self._in(self.folder, text, cell)

    def _in(self, place: Path, text: str, cell: str) -> Path | None:
        """Return the file below ``place`` whose names are those in ``text``, as alike as can be."""
        other_case = False
        for part in text.split("/"):
            if part in ("", "."):
                continue
            if part == ".." or (place / part).exists():
                place = place / part
                continue
            alike = self._listing(place).get(_plain(part).casefold(), [])
            same = [name for name in alike if _plain(name) == _plain(part)] or alike
            if len(same) != 1:
                return None
            other_case = other_case or _plain(same[0]) != _plain(part)
            place = place / same[0]
        if not _is_file(place):
            return None
        if other_case:
            self.other_case.append(cell)
        return place

    def _listing(self, folder: Path) -> dict[str, list[str]]:
        """Return the names in a folder by what case and normal form do not change."""
        if folder not in self._listings:
            found: dict[str, list[str]] = defaultdict(list)
            try:
                names = sorted(path.name for path in folder.iterdir())
            except OSError:
                names = []
            for name in names:
                found[_plain(name).casefold()].append(name)
            self._listings[folder] = found
        return self._listings[folder]


def contradicting(
    moved: Mapping[str, tuple[Folders, Path]], is_unique: Callable[[Path], bool]
) -> set[str]:
    """Return the cells that may name another file than the one that was found.

    ``moved`` has what was left out of each cell, and its file. A file is in doubt if

    - cells that differ lead to it,
    - other cells, more of them, keep folders that this cell leaves out, or the other way round,
    - only its name is the same, and several files here have it, or cells of several folders lead to
      files by their names alone.
    """
    cells: dict[Path, set[tuple[str, ...]]] = defaultdict(set)
    for cell, (_, path) in moved.items():
        cells[path].add(tuple(re.split(r"[\\/]+", _plain(cell).casefold())))
    counts = Counter(prefix for prefix, _ in moved.values())
    longer = [(b[:n], b) for b in counts for n in range(len(b)) if b[:n] in counts]
    fewer = {b if counts[b] <= counts[a] else a for a, b in longer}
    by_name = {cell: p for cell, (p, _) in moved.items() if len(p) == _folders(cell)}
    several = len({*by_name.values()}) > 1
    return {
        cell
        for cell, (prefix, path) in moved.items()
        if len(cells[path]) > 1
        or prefix in fewer
        or (cell in by_name and (several or not is_unique(path)))
    }


def _folders(cell: str) -> int:
    return len([part for part in re.split(r"[\\/]+", cell) if part]) - 1


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113 (never raises)
