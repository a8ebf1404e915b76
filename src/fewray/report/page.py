"""The page model: a first screen, then sections of text, tables and figures; and as Markdown.

How to write a page: a module in ``pages/`` returns :meth:`Page.of` a title, a subtitle, the
verdict, the warnings and the sections. Blocks are listed in :data:`fewray.report.blocks.Block`;
tables come from :func:`fewray.report.tables.fields_table`. Sections and columns without content are
left out.
:func:`fewray.report.html.document.page_html` writes the page as one HTML file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fewray.report.blocks import Block as Block
from fewray.report.blocks import Bullets as Bullets
from fewray.report.blocks import Chips as Chips
from fewray.report.blocks import Code as Code
from fewray.report.blocks import Details as Details
from fewray.report.blocks import Drawing as Drawing
from fewray.report.blocks import Filmstrip as Filmstrip
from fewray.report.blocks import Group as Group
from fewray.report.blocks import Lens as Lens
from fewray.report.blocks import LensItem as LensItem
from fewray.report.blocks import Matrix as Matrix
from fewray.report.blocks import Picture as Picture
from fewray.report.blocks import Strip as Strip
from fewray.report.blocks import Text as Text
from fewray.report.blocks import walk as walk
from fewray.report.tables import Table, markdown_text, to_markdown
from fewray.report.traced import Name


@dataclass(frozen=True)
class Section:
    """A heading with blocks. ``name`` is its anchor."""

    name: str
    title: str
    blocks: tuple[Block, ...]


class Warned(str):
    """A warning: its text, a short label, and the anchor of the section with its evidence."""

    short: str
    anchor: str

    @classmethod
    def of(cls, text: str, short: str, anchor: str) -> Warned:
        """Return ``text`` with its label and anchor."""
        made = cls(text)
        made.short, made.anchor = short, anchor
        return made


@dataclass(frozen=True)
class Page:
    """A page: the question, the verdict, warnings below it, and sections."""

    title: str
    subtitle: str
    verdict: tuple[str, ...]
    warnings: tuple[str, ...]
    """The main caveat first. HTML shows the others as chips if they are :class:`Warned`."""
    sections: tuple[Section, ...]
    beside: tuple[str, ...] = ()
    """Results that qualify the verdict and stand beside it, such as an external one."""
    lead: tuple[Block, ...] = ()
    """Figures of the first screen."""
    images_note: str = ""
    """What the images of the first screen are, and who may see them."""
    names: tuple[Name, ...] = ()
    """The arms and classes that the reader can hide or highlight."""

    @classmethod
    def of(
        cls,
        title: str,
        subtitle: str,
        verdict: Sequence[str],
        warnings: Sequence[str],
        sections: Sequence[Section],
        *,
        beside: Sequence[str] = (),
        lead: Sequence[Block] = (),
        images_note: str = "",
        names: Sequence[Name] = (),
    ) -> Page:
        """Return the page without empty sections, repeated warnings and repeated titles."""
        kept = tuple(_titled_once(section) for section in sections if section.blocks)
        return cls(
            title,
            subtitle,
            tuple(verdict),
            tuple(dict.fromkeys(warnings)),
            kept,
            tuple(filter(None, beside)),
            tuple(lead),
            images_note,
            tuple(names),
        )

    @property
    def caveat(self) -> str:
        """The main caveat, or an empty text."""
        return self.warnings[0] if self.warnings else ""

    @property
    def chips(self) -> list[Warned]:
        """The further warnings whose evidence is in a section of this page."""
        names = {section.name for section in self.sections}
        found = [each for each in self.warnings[1:] if isinstance(each, Warned)]
        return [each for each in found if each.anchor in names]

    @property
    def further(self) -> list[str]:
        """The further warnings without one."""
        chips = set(map(id, self.chips))
        return [each for each in self.warnings[1:] if id(each) not in chips]

    @property
    def strips(self) -> list[Block]:
        """The strips of images of the first screen."""
        return [block for block in self.lead if isinstance(block, Strip)]

    @property
    def figures(self) -> list[Block]:
        """What else the first screen shows beside the verdict."""
        return [block for block in self.lead if not isinstance(block, Strip)]

    def blocks(self) -> Iterator[Block]:
        """Return all blocks of the page, those inside others included."""
        yield from walk(self.lead)
        for section in self.sections:
            yield from walk(section.blocks)


def _titled_once(section: Section) -> Section:
    blocks = tuple(
        replace(block, title="")
        if isinstance(block, Table) and block.title == section.title
        else block
        for block in section.blocks
    )
    return replace(section, blocks=blocks)


def page_markdown(page: Page, folder: Path | None = None, level: int = 1) -> str:
    """Return ``page`` as Markdown with its title at heading ``level``.

    ``folder`` is where the page will lie; drawings whose file is there are shown.
    """
    mark = "#" * level
    parts = [f"{mark} {markdown_text(page.title)}\n", f"{markdown_text(page.subtitle)}\n"]
    parts += [f"**{markdown_text(line)}**\n" for line in page.verdict]
    parts += [f"{markdown_text(line)}\n" for line in page.beside]
    parts += _bullets(page.warnings)
    parts += [text for block in page.lead for text in _markdown(block, folder, level + 1)]
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
