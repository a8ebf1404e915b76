"""Find the DICOM files that the rows of a table name by an identifier in their headers.

A table may name an image by SOPInstanceUID, all images of an examination by StudyInstanceUID or
AccessionNumber, or all images of a patient by PatientID. Messages give the numbers of rows, never
the identifiers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from fewray.data.dicom.files import DicomFiles
from fewray.data.manifest import DataWarning
from fewray.data.skipped_files import listed, plural
from fewray.errors import InputError
from fewray.imaging.dicom.elements import squashed

COLUMNS = {
    "sopinstanceuid": "sop_instance",
    "studyinstanceuid": "study_instance",
    "accessionnumber": "accession",
    "patientid": "patient",
}
"""Names of columns (letters alone, in lower case), and what they match; the first one counts."""
TITLES = "SOPInstanceUID, StudyInstanceUID, AccessionNumber or PatientID"
Record = dict[str | None, str | None]
Records = Sequence[tuple[int, Record]]


def join_column(columns: Iterable[str]) -> str | None:
    """Return the column that identifies images, or None if the table has none."""
    found = {squashed(name.lower()): name for name in columns}
    return next((found[name] for name in COLUMNS if name in found), None)


def identifier_in(values: Iterable[str], scan: DicomFiles) -> str | None:
    """Return the identifier, a value of ``COLUMNS``, that most of ``values`` are; None if none are.

    So a column of any name may hold it.
    """
    cells = {value.strip() for value in values}
    counts: dict[str, int] = {}
    for attribute in COLUMNS.values():
        index = _index(scan, attribute)
        shorter = _without_zeros(index)
        counts[attribute] = sum(v in index or v.lstrip("0") in shorter for v in cells if v)
    best = max(counts, key=lambda attribute: counts[attribute])
    return best if counts[best] else None


def match_records(
    records: Records, column: str, scan: DicomFiles, folder: Path, attribute: str = ""
) -> tuple[list[tuple[int, Record]], list[DataWarning]]:
    """Return one record with a ``path`` for each file that a row names, and warnings.

    ``column`` of the records holds the identifier ``attribute``, or the one that its name says.
    Rows without a file, and files without a row, are counted by a warning. A file of two rows with
    the same label is used once. Raises InputError ``dicom_no_match`` if no row names a file, and
    ``dicom_two_labels`` if rows with different labels name the same file.
    """
    index = _index(scan, attribute or COLUMNS[squashed(column.lower())])
    shorter = _without_zeros(index)
    found: dict[Path, tuple[int, Record]] = {}
    empty: list[int] = []
    for number, record in records:
        value = (record.get(column) or "").strip()
        paths = index.get(value) or (value and shorter.get(value.lstrip("0"))) or ()
        if not paths:
            empty.append(number)
        for path in paths:
            if (other := found.get(path)) is None:
                name = path.relative_to(folder).as_posix()
                found[path] = number, {**record, "path": name}
            elif _label(other[1]) != _label(record):
                raise InputError(
                    "dicom_two_labels",
                    f"rows {other[0]} and {number}: the same {column} with different labels",
                    rows=[other[0], number],
                )
    if not found:
        raise InputError(
            "dicom_no_match",
            f"{folder}: no row names one of the {len(scan.headers)} DICOM files here by {column}. "
            "Put the table beside or above the files, or name both: dicom:FOLDER,labels=TABLE.",
            column=column,
            files=len(scan.headers),
        )
    others = [path for path in scan.headers if scan.is_image(path) and path not in found]
    broken = [path for path in scan.damaged if path not in found]
    return list(found.values()), _warnings(scan, column, len(records), empty, others, broken)


def _index(scan: DicomFiles, attribute: str) -> dict[str, list[Path]]:
    index = defaultdict[str, list[Path]](list)
    for path, header in scan.headers.items():
        if header.is_image and (value := getattr(header, attribute)):
            index[value].append(path)
    return dict(index)


def _without_zeros(index: Mapping[str, list[Path]]) -> dict[str, list[Path]]:
    """Return the files by identifier without leading zeros, which spreadsheet programs drop.

    Identifiers that differ in nothing else are left out.
    """
    alike = defaultdict[str, list[str]](list)
    for key in index:
        alike[key.lstrip("0")].append(key)
    return {short: index[keys[0]] for short, keys in alike.items() if len(keys) == 1}


def _label(record: Record) -> str:
    return (record.get("label") or "").strip()


def _warnings(
    scan: DicomFiles,
    column: str,
    rows: int,
    empty: Sequence[int],
    others: Sequence[Path],
    broken: Sequence[Path],
) -> list[DataWarning]:
    warnings = []
    if empty:
        numbers = listed([str(number) for number in empty])
        text = f"{len(empty)} of {rows} rows name no DICOM file by {column}: rows {numbers}"
        warnings.append(DataWarning("dicom_rows_without_file", text, tuple(map(str, empty))))
    for code, paths, why in (
        ("dicom_not_in_table", others, "that no row names"),
        ("dicom_damaged", broken, "that cannot be read"),
    ):
        if paths:
            names = [scan.mask.shown_below(path) for path in paths]
            text = f"skipped {plural(names, 'DICOM file')} {why}: {listed(names)}"
            warnings.append(DataWarning(code, text, tuple(names)))
    return warnings
