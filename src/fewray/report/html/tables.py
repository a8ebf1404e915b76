"""Tables as HTML: cells that know their number, interval bars, rows that stack on a phone."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from fewray.report.html.drawings import interval_bar
from fewray.report.tables import Column, Table
from fewray.report.traced import Link, Name, Number


def to_html(table: Table, level: int = 3) -> str:
    """Return ``table`` as HTML: heading of ``level``, table with caption, footnotes.

    All text is escaped. No heading is written for a table without a title. A cell that shows a
    number of study.json carries its place in ``data-path``; a row or column about an arm or a class
    carries its key in ``data-key``. ``data-label`` repeats the heading for narrow screens.
    """
    parts = [f"<h{level}>{escape(table.title)}</h{level}>\n"] if table.title else []
    parts.append('<div class="scroll"><table class="data">\n')
    parts += [f"<caption>{escape(table.caption)}</caption>\n"] if table.caption else []
    header = [
        f'<th scope="col"{_attributes(column)}>{escape(column.heading)}</th>'
        for column in table.columns
    ]
    parts.append(f"<thead><tr>{''.join(header)}</tr></thead>\n<tbody>\n")
    scales = [
        _scale(column, [row[i] for row in table.rows]) for i, column in enumerate(table.columns)
    ]
    for row in table.rows:
        cells = [
            _cell(index, column, cell, scales[index])
            for index, (column, cell) in enumerate(zip(table.columns, row, strict=True))
        ]
        first = row[0] if row else ""
        key = f' data-key="{escape(first.key)}"' if isinstance(first, Name) else ""
        parts.append(f"<tr{key}>{''.join(cells)}</tr>\n")
    parts.append("</tbody></table></div>\n")
    parts += [f'<p class="soft">{escape(note)}</p>\n' for note in table.footnotes]
    return "".join(parts)


def _cell(index: int, column: Column, cell: str, scale: tuple[float, float] | None) -> str:
    attributes = _attributes(column)
    shown = escape(cell)
    if isinstance(cell, Link):
        shown = f'<a href="#{escape(cell.anchor)}">{shown}</a>'
    if isinstance(cell, Number):
        attributes += f' data-path="{escape(cell.path)}"'
        attributes += f' data-scale="{cell.scale:g}"' if cell.scale != 1 else ""
        if scale is not None and cell.ends is not None:
            bar = interval_bar(cell.ends, cell.point, scale, column.baseline)
            shown = f'<span class="with-bar"><span>{shown}</span>{bar}</span>'
    if not index:
        return f'<th scope="row"{attributes}>{shown}</th>'
    return f'<td{attributes} data-label="{escape(column.heading)}">{shown}</td>'


def _scale(column: Column, cells: Sequence[str]) -> tuple[float, float] | None:
    """Return the range of a column's bars; None for a column without bars."""
    found = [cell for cell in cells if isinstance(cell, Number) and cell.ends is not None]
    if not column.point or not found:
        return None
    values = [end for cell in found for end in cell.ends or ()]
    values += [] if column.baseline is None else [column.baseline]
    low, high = min(values), max(values)
    return (low, high) if high > low else None


def _attributes(column: Column) -> str:
    names = [
        *(
            ["narrow"]
            if column.narrow
            else ["words"]
            if column.wrap
            else ["text"]
            if column.align == "left"
            else []
        ),
        *(["bold"] if column.bold else []),
    ]
    key = f' data-key="{escape(column.key)}"' if column.key else ""
    return (f' class="{" ".join(names)}"' if names else "") + key
