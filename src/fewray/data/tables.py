"""Read a data set from a CSV file: one row per image with its class, patient and split."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path, PurePath
from typing import cast

from fewray.data.dicom.files import ALL, DicomFiles, DicomOptions
from fewray.data.dicom.joins import TITLES, join_column, match_records
from fewray.data.dicom.warnings import skipped_dicom
from fewray.data.manifest import COLUMNS, MANIFEST, ORIGINS, Manifest, Origin
from fewray.data.patients import MISSING, patient_in_cell, unread_columns
from fewray.data.rows import SPLITS, RowCollector
from fewray.data.skipped_files import files_below, not_in_manifest
from fewray.errors import InputError

Record = dict[str | None, str | None]


def load_csv(
    path: Path,
    *,
    group_regex: str | None = None,
    strict: bool = True,
    dicom: DicomOptions = ALL,
    images: Path | None = None,
) -> Manifest:
    """Return the rows of a CSV file with columns path, label and, if given, group and split.

    The columns sha256 and origin are optional too. DICOM files may be named by an identifier
    instead of a path (:mod:`fewray.data.dicom.joins`). Paths are relative to the folder ``images``,
    by default that of the file. Cells are separated by commas, semicolons or tabs. A group that is
    empty, NaN, NA, None or null names no patient, and such a label no class. A file must match its
    sha256 if one is given. Raises InputError that lists the faulty rows.
    """
    columns, records = _records(path)
    folder = images or path.parent
    labels = {(record.get("label") or "").strip() for _, record in records}
    column = None if "path" in columns else join_column(columns)
    if column is None:
        found = {folder / (record.get("path") or "").strip(): None for _, record in records}
        scan, unmatched = DicomFiles.scan(folder, found, dicom, labels), []
    else:
        scan = DicomFiles.scan(folder, files_below(folder), dicom, labels)
        records, unmatched = match_records(records, column, scan, folder)
    collector = RowCollector(group_regex, strict, dicom=scan)
    other_views: list[str] = []
    for number, record in records:
        cells = {name: (record.get(name) or "").strip() for name in COLUMNS}
        file = folder / cells["path"]
        if fault := _fault(record, cells | {"path": scan.mask.shown_name(cells["path"])}, file):
            collector.fault(fault[0], f"row {number}: {fault[1]}")
            continue
        if not scan.has_view(file):
            other_views.append(scan.mask.shown_name(cells["path"]))
            continue
        collector.add(
            file,
            cells["label"],
            SPLITS[cells["split"].lower()],
            name=cells["path"],
            group=patient_in_cell(cells["group"]),
            sha256=cells["sha256"],
            origin=cast(Origin, cells["origin"] or "real"),
        )
    whole = path.name == MANIFEST
    skipped = not_in_manifest(path.parent, collector.rows, SPLITS) if whole else []
    name = path.resolve().parent.name if whole else path.stem
    views = skipped_dicom([], other_views, ",".join(dicom.views))
    unread = [] if scan.knows_patients() else unread_columns(columns)
    return collector.manifest(name, str(path), [*unread, *unmatched, *views, *skipped])


def _fault(record: Record, cells: dict[str, str], file: Path) -> tuple[str, str] | None:
    """Return code and text of what is wrong with a row."""
    if None in record:
        return "too_many_cells", "more cells than columns; quote cells that contain a comma"
    if not cells["path"] or not _label(cells["label"], cells["path"]):
        got = f"path {cells['path']!r}, label {cells['label']!r}"
        return "missing_cell", f"expected a path and a label, got {got}"
    if cells["split"].lower() not in SPLITS:
        return (
            "unknown_split",
            f"split {cells['split']!r} is not recognised: use train, test, or leave it empty",
        )
    if cells["origin"] not in ("", *ORIGINS):
        known = ", ".join(ORIGINS)
        return "unknown_origin", f"origin {cells['origin']!r}: expected {known} or nothing"
    if not os.path.isfile(file):  # noqa: PTH113 (never raises)
        return "file_not_found", f"{cells['path']} not found; paths are relative to the CSV file"
    return None


def _label(cell: str, path: str) -> str:
    """Return the class that a cell names, or "" for nan, NA, None, null and an empty cell.

    An image in a folder of that very name is of that class: somebody named it so.
    """
    label = cell.strip()
    return "" if label.lower() in MISSING and PurePath(path).parent.name != label else label


def _records(path: Path) -> tuple[list[str], list[tuple[int, Record]]]:
    """Return the column names in lower case, and the line number and cells of each row."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        separator = max(",;\t", key=text.partition("\n")[0].count)
        table = csv.DictReader(io.StringIO(text), delimiter=separator, strict=True)
        columns = [name.strip().lower() for name in table.fieldnames or ()]
        table.fieldnames = columns
        records = [(table.line_num, cast(Record, record)) for record in table]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            "csv_unreadable", f"{path}: cannot be read as CSV ({error}); expected UTF-8 text"
        ) from None
    named = {"path"} if join_column(columns) is None else set[str]()
    if text.strip() and (missing := {"label", *named} - set(columns)):
        raise InputError(
            "csv_columns",
            f"{path}: no column {', '.join(sorted(missing))}; it has {', '.join(columns)}"
            + (f". DICOM files may be named by {TITLES}" if "path" in missing else ""),
            missing=sorted(missing),
        )
    if not records:
        raise InputError(
            "csv_empty", f"{path}: no rows; expected columns path and label, and one row per image"
        )
    return columns, records
