"""The blocks of a page: text, figures, images, tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fewray.report.tables import Table
from fewray.report.traced import Name


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
class Chips:
    """Requirements: the text of each, whether it is met, and why."""

    items: tuple[tuple[str, bool, str], ...]


@dataclass(frozen=True)
class Drawing:
    """An inline SVG figure. Markdown shows ``file`` instead, if the page's folder holds it."""

    svg: str
    label: str
    caption: str = ""
    narrow: bool = False
    file: str = ""
    command: str = ""
    """The command that makes the figure again, folded under it."""
    cites: tuple[str, ...] = ()
    """Keys of :data:`fewray.report.html.references.REFERENCES`."""
    key: str = ""
    """The key of the arm or class that the whole figure is about (:class:`Name`)."""


@dataclass(frozen=True)
class Picture:
    """A PNG image as a data address; HTML only."""

    source: str
    label: str
    caption: str
    key: str = ""
    """The key of the class that it shows (:class:`Name`)."""


@dataclass(frozen=True)
class Matrix:
    """A confusion matrix (rows: true class, columns: predicted class), shaded by row."""

    title: str
    labels: tuple[str, ...]
    counts: Sequence[Sequence[float | None]]
    key: str = ""
    """The key of the arm that it shows (:class:`Name`),"""
    path: str = ""
    """and the place of the counts in study.json."""


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


@dataclass(frozen=True)
class Strip:
    """Real and synthetic images of one class side by side, as data addresses; HTML only."""

    name: Name
    real: tuple[str, ...]
    synthetic: tuple[str, ...]
    memorised: str
    """"memorised: 3 of 210", or why this is not known."""


@dataclass(frozen=True)
class Lens:
    """Synthetic images of one class, each with what a click shows; HTML only."""

    name: Name
    items: tuple[LensItem, ...]


@dataclass(frozen=True)
class LensItem:
    """A synthetic image, its nearest training image, their difference, the area owed: addresses."""

    label: str
    synthetic: str
    nearest: str
    difference: str
    owed: str
    facts: str


@dataclass(frozen=True)
class Filmstrip:
    """One class's images of fixed seeds over training: (epoch, data address); HTML only."""

    name: Name
    frames: tuple[tuple[int, str], ...]


Block = (
    Text
    | Bullets
    | Chips
    | Drawing
    | Picture
    | Matrix
    | Code
    | Details
    | Group
    | Table
    | Strip
    | Lens
    | Filmstrip
)


def walk(blocks: Sequence[Block]) -> Iterator[Block]:
    """Return all blocks, those inside others included."""
    for block in blocks:
        yield block
        if isinstance(block, Details | Group):
            yield from walk(block.blocks)
