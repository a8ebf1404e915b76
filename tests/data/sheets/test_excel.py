"""Excel workbooks."""

import builtins
import datetime
import zipfile
from pathlib import Path
from typing import Any

import pytest

from fewray.data.sheets.excel import read_excel
from fewray.errors import InputError

openpyxl = pytest.importorskip("openpyxl")


def workbook(path: Path, **sheets: list[list[Any]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def test_cells_are_text_as_a_csv_would_have_them(tmp_path: Path):
    rows = [
        [None, None],
        ["path", "label", "group", "date"],
        ["a.png", 1, 12.0, datetime.date(2020, 3, 1)],
        [None, None, None],
        [" b.png ", "x", "007", None],
        ["c.png", 1.5, True, None],
    ]
    sheet = read_excel(workbook(tmp_path / "t.xlsx", films=rows))
    assert sheet.columns == ("path", "label", "group", "date")
    assert sheet.rows == [
        (3, ["a.png", "1", "12", "2020-03-01"]),
        (5, ["b.png", "x", "007", ""]),
        (6, ["c.png", "1.5", "True", ""]),
    ]
    assert not sheet.warnings


def test_the_first_sheet_with_cells_is_read_and_the_others_are_named(tmp_path: Path):
    path = workbook(tmp_path / "t.xlsx", empty=[], films=[["path"], ["a"]], notes=[["hello"]])
    sheet = read_excel(path)
    assert sheet.columns == ("path",)
    assert [(w.code, w.items) for w in sheet.warnings] == [("other_sheets", ("notes",))]
    assert read_excel(workbook(tmp_path / "empty.xlsx", empty=[])).columns == ()


@pytest.mark.parametrize("content", [b"", b"path,label\n", b"PK\x03\x04 cut off"])
def test_what_is_no_workbook_is_refused(tmp_path: Path, content: bytes):
    (tmp_path / "t.xlsx").write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_excel(tmp_path / "t.xlsx")
    assert caught.value.code == "excel_unreadable"


def test_without_openpyxl_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    real = builtins.__import__

    def absent(name: str, *args: Any, **rest: Any) -> Any:
        if name == "openpyxl":
            raise ImportError(name)
        return real(name, *args, **rest)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(InputError, match=r"pip install 'fewray\[excel\]'") as caught:
        read_excel(tmp_path / "t.xlsx")
    assert caught.value.code == "needs_openpyxl"


def test_a_workbook_with_broken_cells_is_refused(tmp_path: Path):
    whole, path = workbook(tmp_path / "t.xlsx", cells=[["path", "label"]]), tmp_path / "u.xlsx"
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            cut = 100 if name.startswith("xl/worksheets") else None
            new.writestr(name, old.read(name)[:cut])
    with pytest.raises(InputError) as caught:
        read_excel(path)
    assert caught.value.code == "excel_unreadable"


@pytest.mark.parametrize("said", ["A1", "A1:B2", "A1:XFD1048576"])
def test_rows_outside_the_range_that_the_file_names_are_read(tmp_path: Path, said: str):
    """Some programs write a wrong range; rows or columns outside it were lost without a word."""
    rows = [["path", "label", "group"], *([f"{n}.png", "a", str(n)] for n in range(5))]
    path = workbook(tmp_path / "t.xlsx", films=rows)
    parts = {}
    with zipfile.ZipFile(path) as book:
        for name in book.namelist():
            parts[name] = book.read(name).replace(b'ref="A1:C6"', f'ref="{said}"'.encode())
    with zipfile.ZipFile(path, "w") as book:
        for name, content in parts.items():
            book.writestr(name, content)
    assert said.encode() in parts["xl/worksheets/sheet1.xml"]
    sheet = read_excel(path)
    assert sheet.columns == ("path", "label", "group")
    assert [cells for _, cells in sheet.rows] == rows[1:]
