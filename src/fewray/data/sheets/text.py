"""Read delimited text as spreadsheet programs, databases and scripts write it."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fewray.config.reading import SEPARATORS
from fewray.data.manifest import DataWarning
from fewray.errors import InputError

Rows = list[tuple[int, list[str]]]
"""The line number and the cells of each row."""
DETECTED = ",;\t|"
SEP_LINE = re.compile(r'\s*"?sep=(.)"?\s*')
"""The first line that Excel reads the separator from."""
EXPECTED = "expected a table with a header, such as a CSV file with columns path and label"


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A table of text: the header, the rows below it, and what must be known about the file."""

    columns: tuple[str, ...]
    """As written, without blanks around them."""
    rows: Rows
    """Without rows whose cells are all empty; shorter rows are filled."""
    warnings: tuple[DataWarning, ...] = ()

    @classmethod
    def of(cls, rows: Rows, warnings: Sequence[DataWarning] = ()) -> Sheet:
        """Return the sheet whose header is the first row that is not empty."""
        kept = [(number, _trimmed(cells)) for number, cells in rows]
        kept = [(number, cells) for number, cells in kept if cells]
        columns = tuple(kept[0][1]) if kept else ()
        filled = [(n, cells + [""] * (len(columns) - len(cells))) for n, cells in kept[1:]]
        return cls(columns=columns, rows=filled, warnings=tuple(warnings))


def read_text(path: Path, separator: str = "") -> Sheet:
    """Return the table in a text file; ``separator`` is one character, or empty to find it.

    UTF-8 and UTF-16 are recognised; anything else is read as Windows-1252, with a warning. A first
    line ``sep=;`` names the separator. Raises InputError ``csv_unreadable`` and ``separator``.
    """
    text, warnings = _decoded(path)
    lines = list(io.StringIO(text, newline=""))
    skipped = 0
    while skipped < len(lines) and not lines[skipped].strip():
        skipped += 1
    if skipped < len(lines) and (named := SEP_LINE.fullmatch(lines[skipped].rstrip("\r\n"))):
        separator, skipped = separator or named.group(1), skipped + 1
    if skipped == len(lines):
        return Sheet.of([], warnings)
    separator = separator or _separator(path, lines[skipped])
    rows = list(_rows(path, lines[skipped:], separator, skipped))
    if rows and len(rows[0][1]) == 1 and separator in rows[0][1][0]:  # each line in quotes
        rows = [
            (number, next(csv.reader(cells[:1], delimiter=separator), [])) for number, cells in rows
        ]
    return Sheet.of(rows, warnings)


def _decoded(path: Path) -> tuple[str, list[DataWarning]]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, str(error.strerror)) from None
    encoding = _unicode(content)
    try:
        return content.decode(encoding), []
    except UnicodeDecodeError as error:
        if encoding != "utf-8-sig" or b"\0" in content:
            raise _unreadable(path, str(error)) from None
    text = (
        f"{path.name} is not UTF-8 and was read as Windows-1252; if names look wrong, save the "
        "table as UTF-8"
    )
    return content.decode("cp1252", errors="replace"), [DataWarning("table_encoding", text)]


def _unicode(content: bytes) -> str:
    """Return the encoding that the first bytes suggest; UTF-16 has a mark or zeros between."""
    head = content[:40]
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if len(head) > 1 and not any(head[1::2]):
        return "utf-16-le"
    return "utf-16-be" if len(head) > 1 and not any(head[::2]) else "utf-8-sig"


def _separator(path: Path, header: str) -> str:
    """Return the separator that is most frequent in the header, outside quotes if possible."""
    for line in (re.sub(r'"[^"]*"', "", header), header):
        found = max(DETECTED, key=line.count)
        if found in line:
            return found
    if len(header.split()) < 2:
        return ","  # a single column, which the search for columns reports
    raise InputError(
        "separator",
        f"{path}: no comma, semicolon, tab or | in the first line {header[:60]!r}; {EXPECTED}. "
        "Name another separator, as in --separator space.",
        header=header,
        known=list(SEPARATORS),
    )


def _rows(
    path: Path, lines: Sequence[str], separator: str, skipped: int
) -> Iterator[tuple[int, list[str]]]:
    blank = separator == " "
    given = [line.strip() + "\n" for line in lines] if blank else lines
    table = csv.reader(given, delimiter=separator, strict=True, skipinitialspace=blank)
    try:
        for cells in table:
            yield skipped + table.line_num, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise _unreadable(path, f"line {skipped + table.line_num}: {error}") from None


def _trimmed(cells: Sequence[str]) -> list[str]:
    """Return the cells without empty ones at the end."""
    last = max((i for i, cell in enumerate(cells) if cell), default=-1)
    return list(cells[: last + 1])


def _unreadable(path: Path, why: str) -> InputError:
    text = f"{path}: cannot be read as CSV ({why}); expected text in UTF-8"
    return InputError("csv_unreadable", text, file=str(path))
