"""Read the cells of a release's table: patients, and columns that say whether a finding is there.

Tables that were opened and saved again hold other spellings of the same value: ``1.00`` for ``1``,
or ``nan`` for an empty cell. Values that mean nothing here are errors, as in a user's own table:
counted as "no finding", they would change the labels, and nothing would tell.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass, field

from fewray.data.patients import NOTHING, patient_in_cell
from fewray.data.releases.layout.tables import Table
from fewray.errors import InputError

YES, NO, UNCERTAIN = 1, 0, -1
SHOWN = 5
"""How many columns an error names before it counts the rest."""


def patient_of(release: str, cell: str) -> str:
    """Return the patient that a cell names, after the name of the release; empty if it names none.

    The image is then of a patient of its own.
    """
    found = patient_in_cell(cell)
    return f"{release}-{found}" if found else ""


@functools.lru_cache(maxsize=1 << 10)
def finding_value(cell: str) -> int | None:
    """Return 1, 0 or -1 for a number that equals it, 0 for an empty cell, and None otherwise."""
    if cell.strip().lower() in NOTHING:
        return NO
    try:
        number = float(cell)
    except ValueError:
        return None
    return int(number) if number in (YES, NO, UNCERTAIN) else None


@dataclass
class StrangeCells:
    """The cells of one table that are none of the values ``expected``."""

    table: Table
    expected: str
    count: dict[str, int] = field(default_factory=dict)
    """The number of such cells by column."""
    first: dict[str, int] = field(default_factory=dict)
    """The line of the first one."""

    def add(self, columns: Iterable[str], line: int) -> None:
        """Note that the cells of ``columns`` are strange on a line of the file."""
        for column in columns:
            self.count[column] = self.count.get(column, 0) + 1
            self.first.setdefault(column, line)

    def check(self) -> None:
        """Raise InputError ``finding_value`` if there are any; no cell is quoted."""
        if not self.count:
            return
        found = [
            f"{column} ({count:,}, first in line {self.first[column]:,})"
            for column, count in self.count.items()
        ]
        more = f" and {len(found) - SHOWN} more columns" if len(found) > SHOWN else ""
        raise InputError(
            "finding_value",
            f"{self.table.path}: cells that do not say whether an image shows the finding: "
            f"{', '.join(found[:SHOWN])}{more}. Expected {self.expected}. Correct these cells, or "
            "use the table as it was released.",
            file=str(self.table.path),
            columns=self.count,
            lines=self.first,
        )
