"""Leave out the rows of a table whose label is blank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from fewray.config.reading import ReadOptions
from fewray.data.manifest import DataWarning
from fewray.data.skipped_files import row_numbers
from fewray.errors import InputError

Cells = TypeVar("Cells", bound=Mapping[str | None, str | None])
NAMED = 10
"""How many row numbers the warning lists."""


def labelled_rows(
    records: Sequence[tuple[int, Cells]], read: ReadOptions, table: Path
) -> tuple[list[tuple[int, Cells]], list[tuple[int, Cells]], list[DataWarning]]:
    """Return the rows that have a label, the others, and the warning ``rows_without_label``.

    The caller leaves out rows with a blank label only with ``read.skip_unreadable``. Words such as
    NA or None count as labels: they may be the name of a class. So do the labels of rows with too
    many cells, which may be elsewhere, and those of all rows if ``read.labels`` are chosen: blank
    labels are then counted as ``no_chosen_label`` (:mod:`fewray.data.findings`). Raises InputError
    ``no_images`` if no row is left.
    """
    if read.labels:
        return list(records), [], []
    kept = [(number, cells) for number, cells in records if not _is_blank(cells)]
    blank = [(number, cells) for number, cells in records if _is_blank(cells)]
    if not blank:
        return kept, [], []
    if not kept:
        text = f"{table}: no image is left: the label of every row is blank"
        raise InputError("no_images", text, rows=len(blank))
    numbers = [str(number) for number, _ in blank]
    text = (
        f"{table.name}: left out {len(blank)} of {len(records)} rows, whose label is blank: "
        f"{row_numbers(numbers, NAMED)}; fill in the label, or remove the row"
    )
    return kept, blank, [DataWarning("rows_without_label", text, tuple(numbers))]


def _is_blank(cells: Mapping[str | None, str | None]) -> bool:
    return not (cells.get("label") or "").strip() and None not in cells
