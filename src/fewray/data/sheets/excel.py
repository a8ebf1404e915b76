"""Read the first sheet of an Excel workbook; needs openpyxl (``pip install 'fewray[excel]'``)."""

from __future__ import annotations

import warnings
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from fewray.data.manifest import DataWarning
from fewray.data.sheets.text import Sheet
from fewray.errors import InputError

SUFFIXES = (".xlsx", ".xlsm")


def read_excel(path: Path) -> Sheet:
    """Return the first sheet with any cell; a warning names the others.

    Formulas give the value that was last computed. Raises InputError ``needs_openpyxl`` and
    ``excel_unreadable``.
    """
    try:
        import openpyxl
    except ImportError:
        text = f"{path}: Excel workbooks need openpyxl: pip install 'fewray[excel]', or save as CSV"
        raise InputError("needs_openpyxl", text, file=str(path)) from None
    try:
        with path.open("rb") as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # styles that it does not know
            book = openpyxl.load_workbook(stream, read_only=True, data_only=True)
            sheets = {sheet.title: _cells(sheet) for sheet in book.worksheets}
    except Exception as error:  # openpyxl and the XML parser raise whatever a damaged file leads to
        text = f"{path}: cannot be read as an Excel workbook ({error}); save it as .xlsx or CSV"
        raise InputError("excel_unreadable", text, file=str(path)) from None
    filled = {title: sheet for title, sheet in sheets.items() if sheet.columns}
    if not filled:
        return Sheet.of([])
    first, *others = filled
    if not others:
        return filled[first]
    text = f"{path.name}: sheet {first} is read, and {', '.join(others)} is not"
    warning = DataWarning("other_sheets", text, tuple(others))
    return Sheet(columns=filled[first].columns, rows=filled[first].rows, warnings=(warning,))


def _cells(sheet: Any) -> Sheet:
    sheet.reset_dimensions()  # some programs write a range that is too small: rows would be lost
    rows = enumerate(sheet.iter_rows(values_only=True), start=1)
    return Sheet.of([(number, [_text(value) for value in row]) for number, row in rows])


def _text(value: object) -> str:
    """Return a cell as text: whole numbers without decimals, dates as year-month-day."""
    match value:
        case None:
            return ""
        case float() if value.is_integer():
            return str(int(value))
        case datetime() if value.time() == time():
            return value.date().isoformat()
        case date():
            return value.isoformat()
        case _:
            return str(value).strip()
