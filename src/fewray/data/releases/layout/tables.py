"""Read the tables of a release, and find the folder that holds them."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fewray.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table, whose rows are read one by one: all cells of 200,000 rows would fill memory."""

    path: Path
    columns: dict[str, int]
    """The index of each column by its name, without blanks around it."""
    text: str = field(repr=False)

    def index(self, *names: str) -> int:
        """Return the index of the column with one of the names. Raises ``release_columns``."""
        for name in names:
            if name in self.columns:
                return self.columns[name]
        raise InputError(
            "release_columns",
            f"{self.path}: no column {' or '.join(names)}; it has {', '.join(self.columns)}. "
            "Use the table as it was released.",
            missing=list(names),
        )

    def rows(self) -> Iterator[list[str]]:
        """Yield the cells of each row; rows of another length are filled or cut."""
        return (row for _, row in self.lines())

    def lines(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the rows with the number of the line that each ends on."""
        lines = csv.reader(io.StringIO(self.text, newline=""))
        try:
            width = len(next(lines))
            for row in lines:
                if len(row) == width:
                    yield lines.line_num, row
                elif row:
                    yield lines.line_num, (row + [""] * width)[:width]
        except csv.Error as error:
            raise _unreadable(self.path, f"line {lines.line_num}: {error}") from None


def read_table(path: Path) -> Table:
    """Return a CSV file of a release, gzipped or not. Raises InputError ``release_table``."""
    try:
        content = path.read_bytes()
        text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8-sig")
        names = next(csv.reader(io.StringIO(text, newline="")), [])
    except (OSError, EOFError, ValueError, csv.Error) as error:
        raise _unreadable(path, str(error)) from None
    columns = {name.strip(): index for index, name in reversed(list(enumerate(names)))}
    return Table(path=path, columns=columns, text=text)


def _unreadable(path: Path, why: str) -> InputError:
    message = f"{path}: cannot be read as a table ({why}); expected CSV in UTF-8 as released"
    return InputError("release_table", message, file=str(path))


def find_root(folder: Path, names: Sequence[str], address: str) -> tuple[Path, Path]:
    """Return the folder of a release and the first of the files ``names`` that lies in it.

    The folder is ``folder`` or its one subfolder with such a file: archives often unpack into a
    folder of their own. Raises InputError ``release_table_missing`` or ``release_several``.
    """
    if (found := first_file(folder, names)) is not None:
        return folder, found
    inside = [
        (place, found)
        for place in sorted(folder.iterdir())
        if place.is_dir() and (found := first_file(place, names)) is not None
    ]
    if len(inside) > 1:
        listed = ", ".join(place.name for place, _ in inside)
        raise InputError(
            "release_several", f"{folder}: several releases ({listed}); name one of these folders"
        )
    if not inside:
        raise missing_table(folder, names, address)
    return inside[0]


def first_file(folder: Path, names: Sequence[str]) -> Path | None:
    """Return the first of the files that is in ``folder``, or None."""
    return next((folder / name for name in names if (folder / name).is_file()), None)


def missing_table(folder: Path, names: Sequence[str], address: str) -> InputError:
    """Return the error for a table that is not there, with where to get it."""
    return InputError(
        "release_table_missing",
        f"{folder}: {' or '.join(names)} not found; it is part of the release: {address}",
        files=list(names),
        folder=str(folder),
        address=address,
    )
