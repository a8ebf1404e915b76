"""Delimited text as Excel, databases and scripts write it."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fewray.data.sheets.text import Sheet, read_text
from fewray.errors import InputError

COLUMNS = ("path", "label", "group")
CELLS = [["Bild 1.png", "Größe", "001"], ["b.png", "klein", "002"]]
LINES = [",".join(COLUMNS), *map(",".join, CELLS)]
PLAIN = "\n".join(LINES) + "\n"


def read(tmp_path: Path, text: str | bytes, separator: str = "") -> Sheet:
    path = tmp_path / "table.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_text(path, separator)


DIALECTS = {
    "plain": PLAIN,
    "semicolons": PLAIN.replace(",", ";"),
    "tabs": PLAIN.replace(",", "\t"),
    "pipes": PLAIN.replace(",", "|"),
    "sep line": "sep=;\r\n" + PLAIN.replace(",", ";"),
    "quoted sep line": '"sep=|"\n' + PLAIN.replace(",", "|"),
    "sep line with a tab": "sep=\t\n" + PLAIN.replace(",", "\t"),
    "byte order mark": PLAIN.encode("utf-8-sig"),
    "UTF-16, little endian": PLAIN.encode("utf-16"),
    "UTF-16, big endian": b"\xfe\xff" + PLAIN.encode("utf-16-be"),
    "UTF-16 without a mark, little endian": PLAIN.encode("utf-16-le"),
    "UTF-16 without a mark, big endian": PLAIN.encode("utf-16-be"),
    "Windows line ends": PLAIN.replace("\n", "\r\n"),
    "old Mac line ends": PLAIN.replace("\n", "\r"),
    "empty rows": PLAIN + ",,\n,,,,\n\n",
    "empty rows above": "\n\n" + PLAIN,
    "empty columns at the end": PLAIN.replace("\n", ",,\n"),
    "all cells quoted": "".join('"' + line.replace(",", '","') + '"\n' for line in LINES),
    "each line quoted": "".join(f'"{line}"\n' for line in LINES),
    "blanks around cells": PLAIN.replace(",", " , "),
    "no line end at the end": PLAIN[:-1],
}


@pytest.mark.parametrize("kind", DIALECTS)
def test_dialects(tmp_path: Path, kind: str):
    sheet = read(tmp_path, DIALECTS[kind])
    assert sheet.columns == COLUMNS
    assert [cells for _, cells in sheet.rows] == CELLS
    assert not sheet.warnings


def test_windows_1252_is_read_with_a_warning(tmp_path: Path):
    sheet = read(tmp_path, PLAIN.encode("cp1252"))
    assert [cells for _, cells in sheet.rows] == CELLS
    assert [warning.code for warning in sheet.warnings] == ["table_encoding"]


@pytest.mark.parametrize("content", [b"\xff\xfe\x00\xd8a", b"PK\x03\x04\0\xff", b"a\0\xfff,b\n"])
def test_what_is_no_text_is_refused(tmp_path: Path, content: bytes):
    with pytest.raises(InputError) as caught:
        read(tmp_path, content)
    assert caught.value.code == "csv_unreadable"


def test_blanks_as_the_separator_are_named(tmp_path: Path):
    text = "path  label group\na.png ill   1\n b.png well 2 \n"
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    assert caught.value.code == "separator"
    sheet = read(tmp_path, text, " ")
    assert sheet.columns == COLUMNS
    assert sheet.rows == [(2, ["a.png", "ill", "1"]), (3, ["b.png", "well", "2"])]


def test_rows_keep_the_line_numbers_of_the_file(tmp_path: Path):
    sheet = read(tmp_path, 'sep=;\n\npath;label\n\na.png;"two\nlines"\n;\nb.png;x\n')
    assert [number for number, _ in sheet.rows] == [6, 8]


TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zs")), min_size=1, max_size=8)


@given(
    rows=st.lists(st.lists(TEXT, min_size=3, max_size=3), min_size=1, max_size=5),
    separator=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_csv_writes_is_read(rows, separator, quoting, encoding, tmp_path_factory):
    stream = io.StringIO()
    table = csv.writer(stream, delimiter=separator, quoting=quoting)
    table.writerows([COLUMNS, *rows])
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(stream.getvalue().encode(encoding))
    sheet = read_text(path)
    assert sheet.columns == COLUMNS
    assert [cells for _, cells in sheet.rows] == rows
