"""Say which columns of a table name its images, if the one that was read does not."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from fewray.data.dicom.files import DicomFiles
from fewray.data.dicom.joins import KINDS, TITLES, identifiers_in
from fewray.data.sheets.paths import PathFinder
from fewray.data.sheets.text import Sheet
from fewray.errors import InputError

TRIED = 200
"""How many cells of a column are tried as paths."""


def no_match(
    sheet: Sheet, index: int, table: Path, folder: Path, scan: DicomFiles
) -> InputError | None:
    """Return the error for a column ``index`` none of whose cells names an image.

    It is ``dicom_no_match``, or ``paths_not_found`` without DICOM files. It names the columns that
    do, and never shows a cell: it may be a patient. ``scan`` has all files below ``folder``. None
    if there are neither DICOM files nor such columns; the rows are then reported one by one.
    """
    better = list(_matching(sheet, index, folder, scan))
    if not better and not scan.headers:
        return None
    files = f" of the {len(scan.headers)} DICOM files there" if scan.headers else ""
    identifiers = f", and no {TITLES}{files}" if scan.headers else ""
    remedy = "no other column does; put the table beside or above the files, or name both: "
    remedy += "dicom:FOLDER,labels=TABLE"
    if better:
        named = ", ".join(f"{column!r} ({kind})" for column, kind in better)
        remedy = f"name one that does with --path-column: {named}"
    return InputError(
        "dicom_no_match" if scan.headers else "paths_not_found",
        f"{table}: column {sheet.columns[index]!r} holds no path of a file, relative to "
        f"{folder}{identifiers}; {remedy}",
        column=sheet.columns[index],
        matching=[column for column, _ in better],
        files=len(scan.headers),
    )


def _matching(
    sheet: Sheet, index: int, folder: Path, scan: DicomFiles
) -> Iterator[tuple[str, str]]:
    """Yield the other columns half of whose values name images, and what they hold."""
    finder = PathFinder(folder)
    for i, column in enumerate(sheet.columns):
        values = {cells[i].strip() for _, cells in sheet.rows} - {""}
        if i == index or not values:
            continue
        counts = identifiers_in(values, scan)
        best = max(counts, key=lambda attribute: counts[attribute])
        tried = list(islice(sorted(values), TRIED))
        if 2 * sum(finder.find(value) is not None for value in tried) >= len(tried):
            yield column, "paths"
        elif 2 * counts[best] >= len(values):
            yield column, KINDS[best]
