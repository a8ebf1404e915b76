"""Find the DICOM files that the rows of a table name by an identifier in their headers.

A table may name an image by SOPInstanceUID, all images of an examination by StudyInstanceUID or
AccessionNumber, or all images of a patient by PatientID. Messages give the numbers of rows, never
the identifiers.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fewray.data.dicom.files import DicomFiles
from fewray.data.manifest import DataWarning
from fewray.data.skipped_files import listed, plural, row_numbers
from fewray.errors import InputError
from fewray.imaging.dicom.elements import squashed

COLUMNS = {
    "sopinstanceuid": "sop_instance",
    "studyinstanceuid": "study_instance",
    "accessionnumber": "accession",
    "patientid": "patient",
}
"""Names of columns (letters alone, in lower case), and what they match; the first one counts."""
KINDS = {
    "sop_instance": "SOPInstanceUID",
    "study_instance": "StudyInstanceUID",
    "accession": "AccessionNumber",
    "patient": "PatientID",
}
DECIMALS = re.compile(r"^(\d+)\.0+$", re.ASCII)
TITLES = "SOPInstanceUID, StudyInstanceUID, AccessionNumber or PatientID"
REMEDIES = {
    "sop_instance": "Remove one of the rows.",
    "study_instance": "Give the rows one label, or name images by SOPInstanceUID or path.",
    "accession": "Give the rows one label, or name images by SOPInstanceUID or path.",
    "patient": "Give the rows one label, or name examinations instead of patients: --path-column "
    "with a column of AccessionNumber or StudyInstanceUID.",
}
"""What to do about rows with different labels for the same images, by what names them."""
Record = dict[str | None, str | None]
Records = Sequence[tuple[int, Record]]


SKIPPED = {
    "dicom_not_in_table": "that no row with a label names",
    "dicom_damaged": "that cannot be read",
    "dicom_label_unclear": "that rows with a label and without one name by column {column}",
}
"""Why files are skipped, by the code of the warning."""


@dataclass(frozen=True, kw_only=True)
class Join:
    """How the rows of a table name DICOM files."""

    cell: str
    """The key of the records that holds the identifier."""
    column: str
    """The name of the column in the table."""
    attribute: str
    """What it holds, a value of ``COLUMNS``."""
    table: str
    """The file name of the table."""

    @classmethod
    def by_name(cls, column: str, table: str) -> Join:
        """Return the join by a column that :func:`join_column` has found."""
        attribute = COLUMNS[squashed(column.lower())]
        return cls(cell=column, column=column, attribute=attribute, table=table)


def join_column(columns: Iterable[str]) -> str | None:
    """Return the column that identifies images, or None if the table has none."""
    found = {squashed(name.lower()): name for name in columns}
    return next((found[name] for name in COLUMNS if name in found), None)


def identifier_in(values: Iterable[str], scan: DicomFiles) -> str | None:
    """Return the identifier, a value of ``COLUMNS``, that most of ``values`` are; None if none are.

    So a column of any name may hold it.
    """
    counts = identifiers_in(values, scan)
    best = max(counts, key=lambda attribute: counts[attribute])
    return best if counts[best] else None


def identifiers_in(values: Iterable[str], scan: DicomFiles) -> dict[str, int]:
    """Return how many different ``values`` each identifier of the files of ``scan`` has."""
    cells = {value.strip() for value in values}
    counts: dict[str, int] = {}
    for attribute in COLUMNS.values():
        index = _index(scan, attribute)
        shorter = _by_short(index)
        counts[attribute] = sum(v in index or _short(v) in shorter for v in cells if v)
    return counts


def match_records(
    records: Records, join: Join, scan: DicomFiles, folder: Path, unlabelled: Records = ()
) -> tuple[list[tuple[int, Record]], list[DataWarning]]:
    """Return one record with a ``path`` for each file that a row names, and warnings.

    Rows without a file, with an empty cell too, are counted by a warning: an export seldom has all
    that a list names. So are files without a row. A file of two rows with the same label is used
    once. If one of the rows ``unlabelled`` names it too, by examination or patient, it is left out:
    it may be the one without a label. Raises InputError ``dicom_no_match`` if no row names a file,
    and ``dicom_two_labels`` if rows with different labels name the same file.
    """
    index = _index(scan, join.attribute)
    shorter = _by_short(index)

    def named(record: Record) -> Sequence[Path]:
        value = (record.get(join.cell) or "").strip()
        return index.get(value) or (value and shorter.get(_short(value))) or ()

    found: dict[Path, tuple[int, Record]] = {}
    empty: list[int] = []
    for number, record in records:
        if not (paths := named(record)):
            empty.append(number)
        for path in paths:
            if (other := found.get(path)) is None:
                name = path.relative_to(folder).as_posix()
                found[path] = number, {**record, "path": name}
            elif _label(other[1]) != _label(record):
                raise _two_labels(join, other[0], number, scan.group(path, ""))
    if not found:
        raise InputError(
            "dicom_no_match",
            f"{folder}: no row of {join.table} names one of the {len(scan.headers)} DICOM files "
            f"here by {join.column}. "
            "Put the table beside or above the files, or name both: dicom:FOLDER,labels=TABLE.",
            column=join.column,
            files=len(scan.headers),
        )
    unclear = {
        path
        for _, record in unlabelled
        if join.attribute != "sop_instance"
        for path in named(record)
        if path in found
    }
    files = {
        "dicom_not_in_table": [p for p in scan.headers if scan.is_image(p) and p not in found],
        "dicom_damaged": [path for path in scan.damaged if path not in found],
        "dicom_label_unclear": [path for path in found if path in unclear],
    }
    kept = [each for path, each in found.items() if path not in unclear]
    return kept, _warnings(scan, join, len(records), empty, files)


def _two_labels(join: Join, first: int, second: int, patient: str) -> InputError:
    """Return the error for two rows with the same images and different labels.

    Identifiers are not shown, except for a patient as its hash, as in other outputs.
    """
    what = KINDS[join.attribute] + (f", {patient}" if join.attribute == "patient" else "")
    return InputError(
        "dicom_two_labels",
        f"{join.table}: rows {first} and {second}: the same {join.column!r} ({what}) with "
        f"different labels. {REMEDIES[join.attribute]}",
        rows=[first, second],
        column=join.column,
    )


def _index(scan: DicomFiles, attribute: str) -> dict[str, list[Path]]:
    index = defaultdict[str, list[Path]](list)
    for path, header in scan.headers.items():
        if header.is_image and (value := getattr(header, attribute)):
            index[value].append(path)
    return dict(index)


def _short(identifier: str) -> str:
    """Return an identifier without what programs change when they take it for a number.

    Spreadsheets drop leading zeros. pandas writes ``123.0`` where another cell of the column is
    empty.
    """
    return DECIMALS.sub(r"\1", identifier).lstrip("0")


def _by_short(index: Mapping[str, list[Path]]) -> dict[str, list[Path]]:
    """Return the files by :func:`_short` identifiers, without those that several have."""
    alike = defaultdict[str, list[str]](list)
    for key in index:
        alike[_short(key)].append(key)
    return {short: index[keys[0]] for short, keys in alike.items() if len(keys) == 1}


def _label(record: Record) -> str:
    return (record.get("label") or "").strip()


def _warnings(
    scan: DicomFiles,
    join: Join,
    rows: int,
    empty: Sequence[int],
    files: Mapping[str, Sequence[Path]],
) -> list[DataWarning]:
    warnings = []
    if empty:
        numbers = [str(number) for number in empty]
        verb = "names" if len(empty) == 1 else "name"
        text = (
            f"{join.table}: {len(empty)} of {rows} rows {verb} no DICOM image by column "
            f"{join.column!r}: {row_numbers(numbers)}"
        )
        warnings.append(DataWarning("dicom_rows_without_file", text, tuple(numbers)))
    for code, paths in files.items():
        if paths:
            names = [scan.mask.shown_below(path) for path in paths]
            why = SKIPPED[code].format(column=repr(join.column))
            text = f"skipped {plural(names, 'DICOM file')} {why}: {listed(names)}"
            warnings.append(DataWarning(code, text, tuple(names)))
    return warnings
