"""The page model: sections of text, tables and figures, rendered as HTML or Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from fewray.report.tables import Table, markdown_text, to_html, to_markdown

if TYPE_CHECKING:
    import jinja2

NOT_CLINICAL = "Not for clinical use."


@dataclass(frozen=True)
class Text:
    """A paragraph. ``tone`` is a CSS class: "", "soft", "warn" or "paste"."""

    text: str
    tone: str = ""
    html_only: bool = False


@dataclass(frozen=True)
class Bullets:
    """A bulleted list."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Drawing:
    """An inline SVG figure. Markdown shows ``file`` instead, if the page's folder holds it."""

    svg: str
    label: str
    caption: str = ""
    narrow: bool = False
    file: str = ""


@dataclass(frozen=True)
class Picture:
    """A PNG image as a data address; HTML only."""

    source: str
    label: str
    caption: str


@dataclass(frozen=True)
class Matrix:
    """A confusion matrix (rows: true class, columns: predicted class), shaded by row."""

    title: str
    labels: tuple[str, ...]
    counts: Sequence[Sequence[float | None]]


@dataclass(frozen=True)
class Code:
    """Preformatted text."""

    text: str


@dataclass(frozen=True)
class Details:
    """Blocks that HTML shows only when the reader opens them; Markdown leaves them out."""

    summary: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Group:
    """Blocks side by side; ``layout`` is a CSS class."""

    blocks: tuple[Block, ...]
    layout: str = "pair"


Block = Text | Bullets | Drawing | Picture | Matrix | Code | Details | Group | Table


@dataclass(frozen=True)
class Section:
    """A heading with blocks. ``name`` is its anchor."""

    name: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Page:
    """A page: the question, the verdict, warnings below it, and sections."""

    title: str
    subtitle: str
    verdict: tuple[str, ...]
    warnings: tuple[str, ...]
    sections: tuple[Section, ...]

    @classmethod
    def of(
        cls,
        title: str,
        subtitle: str,
        verdict: Sequence[str],
        warnings: Sequence[str],
        sections: Sequence[Section],
    ) -> Page:
        """Return the page without empty sections, repeated warnings and repeated titles."""
        kept = tuple(_titled_once(section) for section in sections if section.blocks)
        return cls(title, subtitle, tuple(verdict), tuple(dict.fromkeys(warnings)), kept)


def _titled_once(section: Section) -> Section:
    blocks = tuple(
        replace(block, title="")
        if isinstance(block, Table) and block.title == section.title
        else block
        for block in section.blocks
    )
    return replace(section, blocks=blocks)


def environment(*, html: bool) -> jinja2.Environment:
    """Return the environment of ``templates/``; an unknown name in a template is an error."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("fewray.report"),
        undefined=jinja2.StrictUndefined,
        autoescape=html,
        trim_blocks=html,  # in text, the line breaks separate words
        lstrip_blocks=html,
    )


def page_html(page: Page) -> str:
    """Return ``page`` as one HTML file that needs no other file. All text is escaped."""
    from markupsafe import Markup, escape

    made = environment(html=True)
    made.filters["table"] = lambda table: Markup(to_html(table))
    made.filters["svg"] = Markup  # matplotlib has escaped the text inside
    made.filters["breakable"] = lambda name: Markup(str(escape(name)).replace("_", "_<wbr>"))
    template = made.get_template("page.html.j2")
    return template.render(page=page, not_clinical=NOT_CLINICAL, version=version("fewray"))


def page_markdown(page: Page, folder: Path | None = None, level: int = 1) -> str:
    """Return ``page`` as Markdown with its title at heading ``level``.

    ``folder`` is where the page will lie; drawings whose file is there are shown.
    """
    mark = "#" * level
    parts = [f"{mark} {markdown_text(page.title)}\n", f"{markdown_text(page.subtitle)}\n"]
    parts += [f"**{markdown_text(line)}**\n" for line in page.verdict]
    parts += _bullets(page.warnings)
    for section in page.sections:
        shown = [text for block in section.blocks for text in _markdown(block, folder, level + 2)]
        if shown:
            parts += [f"{mark}# {markdown_text(section.title)}\n", *shown]
    return "\n".join(parts)


def _markdown(block: Block, folder: Path | None, level: int) -> list[str]:
    match block:
        case Table():
            return [to_markdown(block, level)]
        case Text() if not block.html_only:
            return [f"{markdown_text(block.text)}\n"]
        case Bullets():
            return _bullets(block.items)
        case Code():
            return [f"```\n{block.text}\n```\n"]
        case Drawing() if folder is not None and block.file and (folder / block.file).is_file():
            caption = markdown_text(block.caption)
            return [f"![{markdown_text(block.label)}]({block.file})\n", f"*{caption}*\n"]
        case Matrix():
            rows = [
                (label, *("" if value is None else f"{value:.1f}" for value in counts))
                for label, counts in zip(block.labels, block.counts, strict=True)
            ]
            return [to_markdown(Table.of(block.title, ("", *block.labels), rows), level)]
        case Group():
            return [text for part in block.blocks for text in _markdown(part, folder, level)]
        case _:
            return []


def _bullets(items: Sequence[str]) -> list[str]:
    return ["".join(f"- {markdown_text(item)}\n" for item in items)] if items else []
