"""What a table says of patients: cells that name none, and columns that name one but are not read."""

from __future__ import annotations

import re
from collections.abc import Iterable

MISSING = ("", "nan", "na", "n/a", "none", "null")
"""Cells, in small letters, that programs write where there is no value."""
PATIENT = re.compile(
    r"(patient|subject|case|person|participant)s?(id|ids|no|nr|num|number|name|code|key|hash|identifier|index)?|pid|mrn"
)
"""Names of columns, letters alone, that are likely to hold the patient."""
UNREAD = "patients are taken from a column called group"


def patient_of(cell: str) -> str:
    """Return the patient that a cell names, or nothing where it names none."""
    return "" if cell.strip().lower() in MISSING else cell.strip()


def unread_patients(columns: Iterable[object]) -> list[str]:
    """Return a warning where columns other than ``group`` look as if they held the patient."""
    found = [str(name) for name in columns if name and PATIENT.fullmatch(re.sub("[^a-z]", "", str(name).lower()))]
    if not found:
        return []
    return [f"column {', '.join(found)} is not read: {UNREAD}; rename it"]
