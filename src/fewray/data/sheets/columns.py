"""Find the columns of a table: those that the user names, else those with the usual names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from fewray.config.reading import ReadOptions, spelling
from fewray.data.dicom.joins import TITLES, join_column
from fewray.data.manifest import COLUMNS
from fewray.errors import InputError
from fewray.imaging.dicom.elements import squashed

REQUIRED = ("label", "path")


def find_columns(columns: Sequence[str], options: ReadOptions, source: str) -> dict[str, int]:
    """Return the index of each column of ``COLUMNS`` that the table has.

    Names are compared without case and blanks, if only one column is alike. ``path`` may be absent
    where DICOM files are named by an identifier, and ``label`` where each of ``options.labels`` has
    a column. Raises InputError ``csv_columns`` and ``column_twice``.
    """
    named = options.columns()
    found: dict[str, int] = {}
    for role in COLUMNS:
        name = named.get(role, role)
        if (index := _index(columns, name, role, source, exact=role in named)) is not None:
            found[role] = index
        elif role in named:
            raise _missing(columns, [name], source)
    if twice := [columns[i] for i, count in Counter(found.values()).items() if count > 1]:
        message = f"{source}: column {', '.join(twice)} is named for two things"
        raise InputError("column_named_twice", message, columns=twice)
    missing = [role for role in REQUIRED if role not in found]
    if "label" in missing and options.labels and finding_columns(columns, options, source):
        missing.remove("label")
    identifier = join_column(columns) or ""
    if missing == ["path"] and identifier:
        return found
    if identifier and squashed(identifier.lower()) != "patientid":  # all tables have patients
        missing = [role for role in missing if role != "path"]
    if missing:
        raise _missing(columns, missing, source)
    return found


def finding_columns(columns: Sequence[str], options: ReadOptions, source: str) -> Mapping[str, int]:
    """Return the index of the column of each label; empty if one of them has none."""
    found = {label: _index(columns, label, "label", source) for label in options.labels}
    return {} if None in found.values() else {k: v for k, v in found.items() if v is not None}


def _index(
    columns: Sequence[str], name: str, role: str, source: str, *, exact: bool = False
) -> int | None:
    """Return the index of a column, or None. Raises ``column_twice`` if several fit."""
    alike = [i for i, column in enumerate(columns) if spelling(column) == spelling(name)]
    same = [i for i in alike if columns[i] == name.strip()]
    if exact and len(same) == 1:
        return same[0]
    if len(alike) > 1:
        shown = ", ".join(repr(columns[i]) for i in alike)
        message = f"{source}: {len(alike)} columns are called {name}: {shown}. "
        distinct = len({columns[i] for i in alike}) == len(alike)
        remedy = f"Name one with --{role}-column." if distinct else "Rename or remove one of them."
        raise InputError("column_twice", message + remedy, columns=[columns[i] for i in alike])
    return alike[0] if alike else None


def _missing(columns: Sequence[str], names: Sequence[str], source: str) -> InputError:
    usual = [name for name in names if name in REQUIRED]
    options = " and ".join(f"--{name}-column" for name in usual)
    remedy = f". Name the columns with {options}" if usual else ""
    if "path" in names:
        remedy += f"; for DICOM files, the column of paths may hold {TITLES}"
    return InputError(
        "csv_columns",
        f"{source}: no column {', '.join(sorted(names))}; it has {', '.join(columns)}{remedy}",
        missing=sorted(names),
        columns=list(columns),
    )
