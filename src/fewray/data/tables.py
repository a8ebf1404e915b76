"""Read a data set from a table: one row per image with its class, patient and split."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from fewray.config import AS_IT_IS, ReadOptions
from fewray.data.dicom.files import ALL, DicomFiles, DicomOptions
from fewray.data.dicom.joins import Join, identifier_in, join_column, match_records
from fewray.data.dicom.warnings import skipped_dicom
from fewray.data.manifest import COLUMNS, MANIFEST, ORIGINS, Manifest, Origin
from fewray.data.patients import patient_in_cell, unread_columns
from fewray.data.rows import SPLITS, RowCollector
from fewray.data.sheets import excel
from fewray.data.sheets.columns import find_columns, finding_columns
from fewray.data.sheets.labels import IS, NEXT, LabelReader
from fewray.data.sheets.no_match import no_match
from fewray.data.sheets.paths import PathFinder
from fewray.data.sheets.repeated import RepeatedRows
from fewray.data.sheets.text import Sheet, read_text
from fewray.data.sheets.unlabelled import labelled_rows
from fewray.data.skipped_files import files_below, not_in_manifest
from fewray.errors import InputError

Record = dict[str | None, str | None]
SUFFIXES = (".csv", ".tsv", ".tab", ".txt", *excel.SUFFIXES)

REMEDIES = {
    False: "paths are relative to the CSV file",
    True: "the path is of another computer, and a file of this name here may be another one: copy "
    "the folders of the table too, or correct its paths",
}
"""What to do about a file that is not found, by whether a file of its name is here."""


@dataclass
class _Table:
    """A table whose rows are being checked."""

    read: ReadOptions
    sheet: Sheet
    found: dict[str, int]
    """The index of each column that is read."""
    reader: LabelReader
    paths: PathFinder
    records: list[tuple[int, Record]] = field(default_factory=list)
    """Cells of each row, by column and by what they hold, with the line number."""

    @classmethod
    def open(cls, path: Path, folder: Path, read: ReadOptions) -> _Table:
        workbook = path.suffix.lower() in excel.SUFFIXES
        sheet = excel.read_excel(path) if workbook else read_text(path, read.separator)
        if not sheet.columns:
            raise _empty(path)
        found = find_columns(sheet.columns, read, str(path))
        if not sheet.rows:
            raise _empty(path)
        findings = {} if "label" in found else finding_columns(sheet.columns, read, str(path))
        table = cls(read, sheet, found, LabelReader(read, findings), PathFinder(folder))
        for number, cells in sheet.rows:
            record: Record = dict(zip(sheet.columns, cells, strict=False))
            record |= {role: cells[found[role]] if role in found else "" for role in COLUMNS}
            record["label"] = table.reader.raw(cells, found.get("label"))
            if len(cells) > len(sheet.columns):
                record[None] = cells[len(sheet.columns)]
            table.records.append((number, record))
        return table

    @property
    def path_column(self) -> str:
        """What the table calls the column of paths."""
        return self.sheet.columns[self.found["path"]] if "path" in self.found else "path"

    def unread(self) -> list[str]:
        """Return the columns that hold nothing that is read."""
        used = self.found.values()
        return [name for index, name in enumerate(self.sheet.columns) if index not in used]

    def fault(self, record: Record, cells: dict[str, str], label: str) -> tuple[str, str] | None:
        """Return code and text of what is wrong with a row, its file aside."""
        if None in record:
            sign = self.read.separator or "separator"
            return "too_many_cells", f"more cells than columns; quote cells that contain a {sign!r}"
        if not label:
            text = f"label {cells['label']!r} names no class"
            return "missing_cell", f"{text}; leave the cell empty, or rename the class if it is one"
        if not cells["path"]:
            shown = label.replace(IS, "=").replace(NEXT, ", ")
            text = f"column {self.path_column!r} is empty, but the label is {shown!r}"
            return "missing_cell", f"{text}; name the image, or remove the row"
        if cells["split"].lower() not in SPLITS:
            return (
                "unknown_split",
                f"split {cells['split']!r} is not recognised: use train, test, or leave it empty",
            )
        if cells["origin"] not in ("", *ORIGINS):
            known = ", ".join(ORIGINS)
            return "unknown_origin", f"origin {cells['origin']!r}: expected {known} or nothing"
        return None


def load_csv(
    path: Path,
    *,
    group_regex: str | None = None,
    strict: bool = True,
    strict_labels: bool = True,
    dicom: DicomOptions = ALL,
    images: Path | None = None,
    read: ReadOptions = AS_IT_IS,
) -> Manifest:
    """Return the rows of a table with columns path, label and, if given, group and split.

    Text (:mod:`fewray.data.sheets.text`) and Excel workbooks are read. ``read`` names other columns
    and, where images show several findings, the labels to compare: in a cell, separated by ``|``,
    ``;`` or ``,``, or in a column per finding. The columns sha256 and origin are optional too.
    DICOM files may be named by an identifier instead of a path (:mod:`fewray.data.dicom.joins`).
    Paths are relative to the folder ``images``, by default that of the file. A group that is empty,
    NaN, NA, None or null names no patient, and such a label no class. A file must match its sha256
    if one is given. Rows that repeat another are left out with a warning. ``strict_labels`` refuses
    labels that join findings or mark doubt, and a file with two patients or splits. Rows with a
    blank label are errors, or left out with a warning (``read.skip_unreadable``). A label without a
    path is an error: nothing else would tell that an image of the study is missing. Raises
    InputError that lists the faulty rows.
    """
    folder = images or path.parent
    table = _Table.open(path, folder, read)
    table.records, blank, unlabelled = labelled_rows(table.records, read, path)
    labels = {*read.labels, *(record.get("label") or "" for _, record in table.records)}
    column = None if "path" in table.found else join_column(table.sheet.columns)
    files: dict[int, Path | None] = {}
    if column is None:
        files = table.paths.find_all({n: record.get("path") or "" for n, record in table.records})
        known = dict.fromkeys(file for file in files.values() if file is not None)
        scan, unmatched = DicomFiles.scan(folder, known, dicom, labels), []
        if not known:  # the column may hold an identifier
            whole = DicomFiles.scan(folder, files_below(folder), dicom, labels)
            cells = (record.get("path") or "" for _, record in table.records)
            if identifier := identifier_in(cells, whole):
                name = table.path_column
                join = Join(cell="path", column=name, attribute=identifier, table=path.name)
                column, scan = "path", whole
                table.records, unmatched = match_records(table.records, join, scan, folder, blank)
            elif not table.paths.doubtful and (
                error := no_match(table.sheet, table.found["path"], path, folder, whole)
            ):
                raise error
    else:
        scan = DicomFiles.scan(folder, files_below(folder), dicom, labels)
        join = Join.by_name(column, path.name)
        table.records, unmatched = match_records(table.records, join, scan, folder, blank)
    others = [scan.mask.shown_below(f) for f in scan.headers if column and scan.is_other(f)]
    collector = RowCollector(group_regex, strict, dicom=scan)
    other_views: list[str] = []
    repeated = RepeatedRows()
    for number, record in table.records:
        cells = {name: record.get(name) or "" for name in COLUMNS}
        shown = scan.mask.shown_name(cells["path"])
        try:
            label = table.reader.label(cells["label"], cells["path"])
        except ValueError as error:
            collector.fault("finding_value", f"row {number}: {error}")
            continue
        if label is None:
            continue
        if fault := table.fault(record, cells | {"path": shown}, label):
            collector.fault(fault[0], f"row {number}: {fault[1]}")
            continue
        file = folder / cells["path"] if column else files[number]
        if file is None:
            # Where DICOM files are expected, a cell may be an identifier of a patient.
            what = shown if images is None and not scan.headers else "the file"
            doubt = cells["path"] in table.paths.doubtful
            collector.fault("file_not_found", f"row {number}: {what} not found; {REMEDIES[doubt]}")
            continue
        if not scan.has_view(file):
            other_views.append(shown)
            continue
        group, split = patient_in_cell(cells["group"]), SPLITS[cells["split"].lower()]
        if (other := repeated.row_before(file, number, label, (group, split))) is not None:
            if other and strict_labels:
                text = f"rows {other} and {number}: {shown} with different patients or splits"
                collector.fault("file_twice", text)
            if not other or strict_labels:
                continue
        collector.add(
            file,
            label,
            split,
            name=_name(file, folder, cells["path"]),
            group=group,
            sha256=cells["sha256"],
            origin=cast(Origin, cells["origin"] or "real"),
        )
    for number, _ in () if read.skip_unreadable else blank:
        text = f"row {number}: the label is blank; fill it in, or use --skip-unreadable"
        collector.fault("rows_without_label", text)
    whole = path.name == MANIFEST
    skipped = not_in_manifest(path.parent, collector.rows, SPLITS) if whole else []
    strange = [] if collector.faults else table.reader.check(str(path), strict=strict_labels)
    if not collector.rows and not collector.faults:
        found = [*unlabelled, *unmatched, *strange]
        found += [*skipped_dicom(others, other_views, ",".join(dicom.views))]
        text = "; ".join(warning.text for warning in found)
        raise InputError("no_images", f"{path}: no image is left: {text}")
    views = skipped_dicom(others, other_views, ",".join(dicom.views))
    unread = [] if scan.knows_patients() else unread_columns(table.unread())
    moved = table.paths.warnings(scan.mask.shown_name)
    warnings = [*table.sheet.warnings, *unread, *unlabelled, *unmatched, *repeated.warnings()]
    warnings += [*views, *strange, *moved, *skipped]
    name = path.resolve().parent.name if whole else path.stem
    return collector.manifest(name, str(path), warnings)


def _name(file: Path, folder: Path, cell: str) -> str:
    """Return the path in a cell, or that of its file if the cell is of another computer."""
    same = file == folder / cell or not file.is_relative_to(folder)
    return cell if same else file.relative_to(folder).as_posix()


def _empty(path: Path) -> InputError:
    message = f"{path}: no rows; expected columns path and label, and one row per image"
    return InputError("csv_empty", message)
