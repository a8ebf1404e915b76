"""Matplotlib's SVG made fit for a page: colours follow the theme, ids are unique, parts have keys.

Matplotlib writes fixed colours, and the same ids in every figure.
"""

from __future__ import annotations

import re
from html import escape
from urllib.parse import quote, unquote

from fewray.report.traced import Name

SERIES = ("#0b6e99", "#c4572b", "#4d7c3a", "#7a5aa6", "#8a6d1f", "#555555")
THEME = {
    **{colour: f"series-{number}" for number, colour in enumerate(SERIES, 1)},
    "#000000": "ink",
    "#3b4650": "soft",
    "#dfe5ea": "band",
    "#999999": "faint",
    "#c4ccd3": "line",
    "#2f6f3a": "good",
    "#b3401f": "bad",
}
"""The colours of figures, as Matplotlib writes them, and the CSS variables of a page."""

KEY = "key-"
"""Begins the ids of groups that show one arm or class; the key of a name follows, quoted."""
_TAG = re.compile(r"<[^>]+>")
_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
_ID = re.compile(r' id="([^"]*)"')
_REFERENCE = re.compile(r'(href="|url\()#')


def gid(name: Name) -> str:
    """Return the id for a group of Matplotlib that shows ``name``."""
    return KEY + quote(name.key, safe="")


def themed_svg(svg: str, prefix: str) -> str:
    """Return a figure for a page with light and dark colours.

    Colours of :data:`THEME` become CSS variables with the colour as fallback. An id that begins
    with :data:`KEY` becomes the attribute ``data-key``. Other ids get ``prefix``, so that they are
    unique in the page, or are dropped if nothing refers to them. Text is left as it is.
    """
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', svg))

    def renamed(found: re.Match[str]) -> str:
        name = found[1]
        if name.startswith(KEY):
            return f' data-key="{escape(unquote(name.removeprefix(KEY)))}"'
        return f' id="{prefix}-{name}"' if name in used else ""

    def changed(found: re.Match[str]) -> str:
        tag = _REFERENCE.sub(rf"\g<1>#{prefix}-", _ID.sub(renamed, found[0]))
        for colour, variable in THEME.items():
            tag = tag.replace(colour, f"var(--{variable}, {colour})")
        return tag.replace("xlink:href", "href")

    shown = _TAG.sub(changed, _METADATA.sub("", svg))
    return shown.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)
