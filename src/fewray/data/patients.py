"""Read patients from file names and tables, and recognise images without a known patient."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace

from fewray.data.manifest import UNREAD, DataWarning, Row
from fewray.errors import InputError

OPTION = "--group-regex"
NOTHING = ("", "nan", "na", "n/a", "none", "null", "<na>", "nat")
"""Cells, in lower case, that programs write where there is no value."""
ERRORS = ("#n/a", "#null!", "#ref!", "#value!", "#name?", "#num!", "#div/0!")
"""Cells, in lower case, that spreadsheet programs write where they could not compute a value."""
MISSING = (*NOTHING, *ERRORS)
NOBODY = (*MISSING, "unknown", "-", "--", "?", "anon", "anonymous", "anonymized", "anonymised")
"""Cells and IDs, in lower case, that name no patient."""
COLUMN = "group"
SPELLED = "similar_patients"
"""Code of the warning that patients were spelled differently."""
NAMED = 5
OTHER_COLUMN = re.compile(
    r"(patient|subject|case|person|participant)s?"
    r"(id|ids|no|nr|num|number|name|code|key|hash|identifier|index)?|pid|mrn"
)
"""Names of columns (letters alone) that are likely to hold the patient."""


def patient_pattern(text: str | None) -> re.Pattern[str] | None:
    """Compile ``--group-regex``, whose first group is the patient; InputError if it is invalid."""
    if text is None:
        return None
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise InputError(
            "group_regex_invalid",
            f"{OPTION} {text}: not a valid regular expression ({error})",
            pattern=text,
        ) from None
    if not pattern.groups:
        raise InputError(
            "group_regex_without_group",
            f"{OPTION} {text}: put the part that names the patient in parentheses",
            pattern=text,
        )
    return pattern


def patient_in_path(pattern: re.Pattern[str] | None, name: str, skip: Container[str] = ()) -> str:
    """Return the patient that ``pattern`` finds in a file's name, else in its path; empty if none.

    ``name`` is the path below the data folder. The folders at its start that ``skip`` holds, which
    are splits and classes, may be matched but name no patient.
    """
    if pattern is None:
        return ""
    parts = name.replace("\\", "/").split("/")
    if (found := pattern.search(parts[-1])) and found.group(1):
        return found.group(1)
    first = next((i for i, part in enumerate(parts) if part not in skip), 0)
    start = sum(len(part) + 1 for part in parts[:first])
    matches = pattern.finditer("/".join(parts))
    return next(
        (found.group(1) for found in matches if found.group(1) and found.end(1) > start), ""
    )


def no_match_text(pattern: str, example: str) -> str:
    """Return why ``--group-regex`` failed for every file, such as ``example``, and what to do."""
    return (
        f"{OPTION} {pattern}: matches no file name and no path below the data folder, such as "
        f"{example}. Put the part that names the patient in parentheses, as in '(patient\\d+)/' "
        "for a folder per patient, or give patients in the column `group` of a CSV file"
    )


def patient_in_cell(cell: str) -> str:
    """Return the patient that a table cell names; empty if it names none."""
    return "" if cell.strip().lower() in NOBODY else cell.strip()


def plain_patient(name: str) -> str:
    """Return a patient without what two tables may spell differently in one name.

    That is case, Unicode form, leading zeros, the ``.0`` of spreadsheets, and blanks, hyphens and
    underscores except between digits.
    """
    text = unicodedata.normalize("NFKC", name).casefold().strip()
    text = re.sub(r"[\s_-]+", "-", re.sub(r"^(\d+)[.,]0+$", r"\1", text)).strip("-")
    text = re.sub(r"(?<!\d)-|-(?!\d)", "", text)
    return re.sub(r"(?<![\d.])0+(?=\d)", "", text)


def merge_spellings(
    rows: Sequence[Row], plain: Mapping[str, str]
) -> tuple[list[Row], list[DataWarning]]:
    """Return ``rows`` with one name for each patient, and a warning if some names are alike.

    ``plain`` has the :func:`plain_patient` of each known patient. Names that are alike count as one
    patient: if that is wrong, folds are a little coarser, but if they were two, the same person
    could be in training and test data. The most frequent name is kept.
    """
    counts = Counter(row.group for row in rows if row.group in plain)
    alike = defaultdict[str, list[str]](list)
    for name in sorted(counts, key=lambda name: (-counts[name], name)):
        alike[plain[name]].append(name)
    several = [names for names in alike.values() if len(names) > 1]
    if not several:
        return list(rows), []
    kept = {name: names[0] for names in several for name in names}
    sets = sorted(" = ".join(sorted(names)) for names in several)
    text = (
        f"{len(sets)} patients are spelled differently, and count as one patient each: "
        f"{', '.join(sets[:NAMED])}"
    )
    text += f" and {len(sets) - NAMED} more" if len(sets) > NAMED else ""
    warning = DataWarning(SPELLED, text, tuple(sets))
    return [replace(row, group=kept.get(row.group, row.group)) for row in rows], [warning]


def unread_columns(columns: Iterable[object]) -> list[DataWarning]:
    """Return a warning if columns other than ``group`` look as if they held the patient."""
    found = [
        str(name)
        for name in columns
        if name and OTHER_COLUMN.fullmatch(re.sub("[^a-z]", "", str(name).lower()))
    ]
    if not found:
        return []
    text = f"column {', '.join(found)} is ignored: name the column of patients with --group-column"
    return [DataWarning(UNREAD, text, tuple(found))]


def called_by_file(row: Row) -> bool:
    """Whether the row's patient is only the name of its own file, as when no patient is given."""
    return row.group.replace("\\", "/").rsplit("/", 1)[-1] == row.shown.name


def unnamed(rows: Sequence[Row]) -> list[bool]:
    """Return for each row of a data set whether its patient is unknown.

    Such a patient is called by the file.
    Some data sets name a patient by the first of several files. There, the patients with a single
    file are known too.
    """
    files = defaultdict(set)
    for row in rows:
        files[row.group].add(row.path)
    named_by_first = any(len(files[row.group]) > 1 for row in rows if called_by_file(row))
    return [called_by_file(row) and not named_by_first for row in rows]


def has_global_name(row: Row) -> bool:
    """Whether the patient's name means the same person in another data set."""
    return row.origin != "phantom" and not called_by_file(row)
