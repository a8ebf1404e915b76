"""Find rows of a table that name a file which an earlier row has named."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from fewray.data.manifest import DataWarning
from fewray.data.skipped_files import plural, row_numbers


@dataclass
class RepeatedRows:
    """The files of the rows so far, and the rows that only repeat another."""

    repeated: list[int] = field(default_factory=list)
    _rows: dict[tuple[str, str], tuple[int, tuple[str, str]]] = field(default_factory=dict)
    """Number, patient and split of the first row, by file and label."""

    def row_before(self, file: Path, number: int, label: str, other: tuple[str, str]) -> int | None:
        """Return None for a file and label that are new, and 0 for a row that repeats one.

        ``other`` are its patient and split; if these differ, the number of the earlier row is
        returned. A file with two labels is reported by its content
        (:func:`fewray.data.rows.two_class_faults`).
        """
        place = os.path.abspath(file), label  # noqa: PTH100 (keeps links)
        first, known = self._rows.setdefault(place, (number, other))
        if first == number:
            return None
        if known != other:
            return first
        self.repeated.append(number)
        return 0

    def warnings(self) -> list[DataWarning]:
        """Return a warning that counts the rows that repeat another."""
        if not self.repeated:
            return []
        numbers = [str(number) for number in self.repeated]
        verb = "repeats" if len(numbers) == 1 else "repeat"
        text = (
            f"skipped {plural(numbers, 'row')} that {verb} an earlier one: {row_numbers(numbers)}"
        )
        return [DataWarning("rows_repeated", text, tuple(numbers))]
