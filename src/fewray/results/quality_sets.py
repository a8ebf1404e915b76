"""Several sets of synthetic images side by side: the other model of ``quality.json``."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Literal

import msgspec

from fewray.results.quality import QualityReport, read_as
from fewray.results.scores import Model


class QualityComparison(Model, frozen=True, kw_only=True):
    """Sets of synthetic images, measured with the same extractor against the same real images.

    Every set has the same number of images per class: the number in the smallest one.
    """

    schema: Literal[1] = 1
    sets: dict[str, QualityReport]
    """By the name of the set."""

    @property
    def first(self) -> QualityReport:
        """The first set, for what is equal in all: extractor, classes, real images."""
        return next(iter(self.sets.values()))

    @property
    def extractor(self) -> str:
        """The extractor of all sets."""
        return self.first.extractor

    @property
    def sentences(self) -> list[str]:
        """What the tables do not show; what is not true of all sets, after the name of the set."""
        return self._once({name: found.sentences for name, found in self.sets.items()})

    @property
    def remarks(self) -> list[str]:
        """Notes and warnings; those that do not concern all sets, after the name of the set."""
        return self._once({name: found.remarks for name, found in self.sets.items()})

    def _once(self, lines: dict[str, list[str]]) -> list[str]:
        counts = Counter(line for found in lines.values() for line in dict.fromkeys(found))
        shown = [
            line if counts[line] == len(lines) else f"{name}: {line}"
            for name, found in lines.items()
            for line in found
        ]
        return list(dict.fromkeys(shown))


def sets_of(found: QualityReport | QualityComparison) -> dict[str, QualityReport]:
    """Return the sets by name; the name of a single one is empty."""
    return found.sets if isinstance(found, QualityComparison) else {"": found}


def read_quality_sets(path: Path) -> QualityReport | QualityComparison:
    """Return the report or the comparison in ``path``; InputError if it is neither."""
    several = False
    with suppress(OSError, msgspec.DecodeError):  # read_as says what is wrong
        several = "sets" in msgspec.json.decode(path.read_bytes(), type=dict[str, msgspec.Raw])
    return read_as(path, QualityComparison if several else QualityReport)
