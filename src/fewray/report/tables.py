"""The table model: one Table, shown on a terminal, in Markdown and in HTML."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any, Literal

from fewray.report.traced import Number, key_of, pointer

Align = Literal["auto", "left", "right"]


@dataclass(frozen=True)
class Column:
    """A column: its name, its unit (shown in parentheses), its alignment and how its cells look.

    With ``align="auto"``, :meth:`Table.of` aligns a column of numbers to the right, any other to
    the left.
    """

    name: str
    unit: str = ""
    align: Align = "auto"
    bold: bool = False
    wrap: bool = False
    """Whether long cells may break over several lines in HTML."""
    narrow: bool = False
    """The same, for short texts that leave the room to other columns."""
    point: str = ""
    """For a column of intervals: where the rows have the value that the bar in each cell marks."""
    baseline: float | None = None
    """Where the bars have a tick."""
    key: str = ""
    """The key of the class that the whole column is about (:class:`Name`)."""

    @property
    def heading(self) -> str:
        """The name, with the unit in parentheses."""
        return f"{self.name} ({self.unit})" if self.unit else self.name


@dataclass(frozen=True)
class Table:
    """A table whose cells are final text. Build it with :meth:`of`."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    footnotes: tuple[str, ...] = ()
    cites: tuple[str, ...] = ()
    """Keys of :data:`fewray.report.html.references.REFERENCES`."""

    @classmethod
    def of(
        cls,
        title: str,
        columns: Sequence[Column | str],
        rows: Iterable[Sequence[object]],
        caption: str = "",
        footnotes: Sequence[str] = (),
        cites: Sequence[str] = (),
    ) -> Table:
        """Return a table of ``rows``; cells are converted to text, None to an empty cell.

        A column given as text is ``Column(text)``. Columns without content are left out.
        """
        cells = [[_text(cell) for cell in row] for row in rows]
        kept: list[Column] = []
        chosen: list[int] = []
        for index, column in enumerate(columns):
            found = [row[index] for row in cells if row[index]]
            if cells and not found:
                continue
            each = Column(column) if isinstance(column, str) else column
            if each.align == "auto":
                numeric = bool(found) and all(_NUMERIC.match(cell) for cell in found)
                each = replace(each, align="right" if numeric else "left")
            kept.append(each)
            chosen.append(index)
        body = tuple(tuple(row[index] for index in chosen) for row in cells)
        return cls(title, tuple(kept), body, caption, tuple(footnotes), tuple(cites))


def _text(cell: object) -> str:
    """Return a cell as text; names and numbers stay what they are."""
    return "" if cell is None else cell if isinstance(cell, str) else str(cell)


Field = tuple[Column | str, str, Callable[[Any], object]]
"""A column, the attribute it shows (``a.b`` for nested ones), and how a value is written.

None gives an empty cell.
"""


def fields_table(
    title: str,
    first: str,
    found: Mapping[str, object],
    fields: Sequence[Field],
    caption: str = "",
    footnotes: Sequence[str] = (),
    *,
    source: str = "",
) -> Table:
    """Return a table with one row per entry of ``found``: its key, then its ``fields``.

    ``source`` is the place of ``found`` in study.json, a JSON pointer: with it, every cell knows
    its own. A ``*`` in it stands for the key of the row, which otherwise follows at the end.
    """
    rows = [
        [name, *(_shown(each, field, _place(source, name)) for field in fields)]
        for name, each in found.items()
    ]
    columns = [first, *(column for column, _, _ in fields)]
    return Table.of(title, columns, rows, caption, footnotes)


def _place(source: str, name: str) -> str:
    key = pointer(key_of(name))
    return source.replace("/*", key) if "*" in source else source and source + key


def _shown(each: object, field: Field, source: str) -> object:
    value = attrgetter(field[1])(each)
    if value is None:
        return None
    text = field[2](value)
    if not source or not isinstance(text, str):
        return text
    scale = 100 if isinstance(field[0], Column) and field[0].unit in ("points", "%") else 1
    made = Number.of(text, source + pointer(*field[1].split(".")), scale, value)
    if isinstance(field[0], Column) and field[0].point:
        made.point = attrgetter(field[0].point)(each)
    return made


_NUMERIC = re.compile(r"[<>≥≤]?\s?[-+−\[]?\d|undefined$")


def to_markdown(table: Table, level: int = 2) -> str:
    """Return ``table`` as Markdown: heading of ``level``, caption, pipe table, footnotes.

    Cell text is escaped. No heading is written for a table without a title.
    """
    header = [markdown_text(column.heading) for column in table.columns]
    rules = [" ---: " if column.align == "right" else " --- " for column in table.columns]
    lines = [f"| {' | '.join(header)} |", f"|{'|'.join(rules)}|"]
    for row in table.rows:
        cells = [
            f"**{markdown_text(cell)}**" if column.bold and cell else markdown_text(cell)
            for column, cell in zip(table.columns, row, strict=True)
        ]
        lines.append(f"| {' | '.join(cells)} |")
    parts = [f"{'#' * level} {markdown_text(table.title)}\n"] if table.title else []
    parts += [f"{markdown_text(table.caption)}\n"] if table.caption else []
    parts.append("\n".join(lines) + "\n")
    if table.footnotes:
        parts.append("".join(f"- {markdown_text(note)}\n" for note in table.footnotes))
    return "\n".join(parts)


def markdown_text(value: object) -> str:
    """Return ``value`` on one line, escaped so that Markdown shows it unchanged."""
    text = re.sub(r"[\\|*`\[\]]", r"\\\g<0>", " ".join(str(value).split()))
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def print_table(table: Table) -> None:
    """Print ``table`` on stdout. Lines are never folded when stdout is not a terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    drawn = RichTable(box=box.SIMPLE_HEAD, collapse_padding=True)
    for column in table.columns:
        justify = "right" if column.align == "right" else "left"
        drawn.add_column(Text(column.heading), justify=justify, overflow="fold")
    for row in table.rows:
        drawn.add_row(*map(Text, row))
    console = Console(highlight=False)
    piped = not sys.stdout.isatty()
    if piped:
        width = Console(width=10_000).measure(drawn).maximum
        console = Console(width=max(width, 1), highlight=False, soft_wrap=False)
    if table.title:
        console.print(Text(table.title, style="bold"), soft_wrap=piped)
    if table.caption:
        console.print(Text(table.caption), soft_wrap=piped)
    console.print(drawn)
    for note in table.footnotes:
        console.print(Text(note), soft_wrap=piped)
