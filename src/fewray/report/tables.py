"""The table model: one Table, shown on a terminal, in Markdown and in HTML."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from operator import attrgetter
from typing import Any, Literal

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

    @classmethod
    def of(
        cls,
        title: str,
        columns: Sequence[Column | str],
        rows: Iterable[Sequence[object]],
        caption: str = "",
        footnotes: Sequence[str] = (),
    ) -> Table:
        """Return a table of ``rows``; cells are converted to text, None to an empty cell.

        A column given as text is ``Column(text)``. Columns without content are left out.
        """
        cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
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
        return cls(title, tuple(kept), body, caption, tuple(footnotes))


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
) -> Table:
    """Return a table with one row per entry of ``found``: its key, then its ``fields``."""
    rows = [[name, *(_shown(each, field) for field in fields)] for name, each in found.items()]
    columns = [first, *(column for column, _, _ in fields)]
    return Table.of(title, columns, rows, caption, footnotes)


def _shown(each: object, field: Field) -> object:
    value = attrgetter(field[1])(each)
    return None if value is None else field[2](value)


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


def to_html(table: Table, level: int = 3) -> str:
    """Return ``table`` as HTML: heading of ``level``, scrolling table with caption, footnotes.

    All text is escaped. No heading is written for a table without a title.
    """
    parts = [f"<h{level}>{escape(table.title)}</h{level}>\n"] if table.title else []
    parts.append('<div class="scroll"><table>\n')
    parts += [f"<caption>{escape(table.caption)}</caption>\n"] if table.caption else []
    header = [f"<th{_class(column)}>{escape(column.heading)}</th>" for column in table.columns]
    parts.append(f"<thead><tr>{''.join(header)}</tr></thead>\n<tbody>\n")
    for row in table.rows:
        cells = [
            f"<td{_class(column)}>{escape(cell)}</td>"
            for column, cell in zip(table.columns, row, strict=True)
        ]
        parts.append(f"<tr>{''.join(cells)}</tr>\n")
    parts.append("</tbody></table></div>\n")
    parts += [f'<p class="soft">{escape(note)}</p>\n' for note in table.footnotes]
    return "".join(parts)


def _class(column: Column) -> str:
    names = [
        *(["words"] if column.wrap else ["text"] if column.align == "left" else []),
        *(["bold"] if column.bold else []),
    ]
    return f' class="{" ".join(names)}"' if names else ""


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
