"""Hide identifiers in the names of files and folders, as outputs and errors show them.

Exports name files after people, patient IDs, examinations or UIDs. A part of a path that contains
a value of an identifying element of the data set (``IDENTIFYING`` in
:mod:`fewray.imaging.dicom.header`), or any UID, is shown as ``~`` and a keyed hash. Other names are
shown as they are: what stands in a name but in no header cannot be recognised.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fewray.data.dicom.patient_key import PatientKey
from fewray.imaging.dicom.elements import plain, squashed, words
from fewray.imaging.dicom.header import SHORTEST, SHORTEST_IDEOGRAPHS, shortest

UID = re.compile(r"\d+(\.\d+){4,}")
SAME_KIND = re.compile(r"[^\W\d_]+|\d+")
"""Letters alone, or digits alone: ``smith2`` has the name ``smith``."""
WITHIN = 6
"""Identifiers of at least this length are also found inside longer words of their own file."""
LONGEST_RUN = 5
"""Words of a name or a date that are compared as one."""


@dataclass(frozen=True, kw_only=True)
class NameMask:
    """What must not be shown of the paths below ``root``."""

    root: Path
    given: Path | None = None
    """The folder that the user named, if the root lies below it: only this one is shown as it
    is."""
    key: PatientKey | None = None
    """None for a data set without DICOM files, whose names are shown as they are."""
    own: Mapping[Path, frozenset[str]] = field(default_factory=dict)
    """The identifiers of each file: letters and digits only, in lower case."""
    keep: frozenset[str] = frozenset()
    """Parts that are shown whatever they contain: classes and splits."""
    known: frozenset[str] = field(default=frozenset(), init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "known", frozenset().union(*self.own.values()))

    def shown(self, path: Path) -> Path:
        """Return ``path`` with the parts below the given folder hidden that hold an identifier.

        If the path is not below it, as in a table of absolute paths, every part may be hidden.
        """
        if self.key is None:
            return path
        own = self.own.get(path, frozenset())
        top = self.given or self.root
        if not path.is_relative_to(top):
            return self._below(path, own)
        return top / self._below(path.relative_to(top), own)

    def shown_below(self, path: Path, folder: Path | None = None) -> str:
        """Return a path relative to ``folder``, by default the root, as :meth:`shown` does.

        A path that is not below it stays whole.
        """
        folder = folder or self.root
        if not path.is_relative_to(folder):
            return str(self.shown(path))
        below = path.relative_to(folder)
        if self.key is not None:
            below = self._below(below, self.own.get(path, frozenset()))
        return below.as_posix()

    def shown_name(self, name: str) -> str:
        """Return a path relative to the root, or its name in a table, as :meth:`shown` does."""
        if self.key is None:
            return name
        path = Path(name)
        if path.is_absolute():
            return str(self.shown(path))
        return self._below(path, self.own.get(self.root / path, frozenset())).as_posix()

    def _below(self, path: Path, own: Iterable[str]) -> Path:
        return Path(*(self._part(part, own) for part in path.parts))

    def _part(self, part: str, own: Iterable[str]) -> str:
        assert self.key is not None
        if part in self.keep or part in ("..", "/"):
            return part
        hidden = identifies(part, self.known, own)
        return f"~{self.key.word(part)}" if hidden else part


def identifies(part: str, known: Container[str], own: Iterable[str]) -> bool:
    """Whether a part of a path has one of the identifiers ``known``, or contains one of ``own``."""
    low = plain(part)
    whole = squashed(low)
    return (
        UID.search(low) is not None
        or whole in known
        or squashed(Path(low).stem) in known
        or any(run in known for run in _runs(words(low)))
        or any(run in known for run in _runs(SAME_KIND.findall(low)))
        or any(len(value) >= _within(value) and value in whole for value in own)
    )


def _within(identifier: str) -> int:
    """Return the length from which on an identifier is found inside longer words."""
    ideographs = shortest(identifier) < SHORTEST
    return SHORTEST_IDEOGRAPHS if ideographs else WITHIN


def _runs(found: Sequence[str]) -> Iterator[str]:
    """Yield up to ``LONGEST_RUN`` neighbouring words as one, in both orders.

    So ``ji_kim_1`` has the name ``kimji``, and ``05.12.1980`` the date ``19801205``.
    """
    for start in range(len(found)):
        for end in range(start + 1, min(start + LONGEST_RUN, len(found)) + 1):
            yield "".join(found[start:end])
            yield "".join(reversed(found[start:end]))
