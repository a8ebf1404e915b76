"""Find the files that a table names, also if it was written on another computer."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from fewray.data.manifest import DataWarning
from fewray.data.skipped_files import listed, plural

ABSOLUTE = re.compile(r"([A-Za-z]:)?[\\/]|~[\\/]")
"""The start of an absolute path on any system, or of one in a home directory."""


@dataclass
class PathFinder:
    """Finds the files of one table, relative to ``folder``.

    Names match in any Unicode normal form. A path that is not found as it is may have backslashes,
    another case, or lie below a folder of another computer, which is then left out for all rows.
    """

    folder: Path
    other_case: list[str] = field(default_factory=list)
    moved: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Paths by the number of folders that were left out of them."""
    _listings: dict[Path, dict[str, list[str]]] = field(default_factory=dict)

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
                self.moved[start].append(cell)
                return found
        return None

    def warnings(self, shown: Callable[[str], str]) -> list[DataWarning]:
        """Return what was changed in paths to find the files; ``shown`` hides identifiers."""
        found = []
        if self.other_case:
            names = [shown(cell) for cell in self.other_case]
            text = f"{plural(names, 'path')} spelled in another case than the file: {listed(names)}"
            found.append(DataWarning("path_case", text, tuple(names)))
        for count, cells in sorted(self.moved.items()):
            names = [shown(cell) for cell in cells]
            text = f"{plural(names, 'absolute path')} of another computer: read below {self.folder}"
            text += f", without the first {count} of their folders"
            found.append(DataWarning("paths_moved", text, tuple(names)))
        return found

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


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113 (never raises)
