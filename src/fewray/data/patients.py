"""What a table says of patients: cells and rows that name none, and columns that name one but are not read."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from fewray.data.manifest import UNREAD, DataWarning, Row

MISSING = ("", "nan", "na", "n/a", "none", "null")
"""Cells, in small letters, that programs write where there is no value."""
PATIENT = re.compile(
    r"(patient|subject|case|person|participant)s?(id|ids|no|nr|num|number|name|code|key|hash|identifier|index)?|pid|mrn"
)
"""Names of columns, letters alone, that are likely to hold the patient."""


def patient_of(cell: str) -> str:
    """Return the patient that a cell names, or nothing where it names none."""
    return "" if cell.strip().lower() in MISSING else cell.strip()


def called_by_file(row: Row) -> bool:
    """Whether the row's patient is called by its own file, as folders and CSV files without patients do."""
    return row.group.replace("\\", "/").rsplit("/", 1)[-1] == row.path.name


def has_global_name(row: Row) -> bool:
    """Return whether the patient's name means the same person in another data set."""
    return row.origin != "phantom" and not called_by_file(row)


def unnamed(rows: Sequence[Row]) -> list[bool]:
    """Return of each row of a data set whether its patient is not known: called by its own file, which nobody has to give.

    Several files of one group are a patient that somebody named. Where such a one is called by a file, as by the first film,
    this is how patients are named there, and those of a single film are named too.
    """
    files = defaultdict(set)
    for row in rows:
        files[row.group].add(row.path)
    by_film = any(len(files[row.group]) > 1 for row in rows if called_by_file(row))
    return [called_by_file(row) and not by_film for row in rows]


def unread_patients(columns: Iterable[object]) -> list[str]:
    """Return a warning where columns other than ``group`` look as if they held the patient."""
    found = [
        str(name)
        for name in columns
        if name and PATIENT.fullmatch(re.sub("[^a-z]", "", str(name).lower()))
    ]
    if not found:
        return []
    text = f"column {', '.join(found)} is not read: patients are taken from a column called group; rename it"
    return [DataWarning(text, UNREAD)]
