"""Text that remembers where it comes from: names of arms and classes, and numbers of a study.

Both are plain text on a terminal and in Markdown. In HTML, a name can be hidden or highlighted
wherever it stands, and a number carries its place in ``study.json``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from fewray.results.names import arm_name
from fewray.results.scores import Estimate

Ends = tuple[float, float]


class Name(str):
    """The display name of an arm or a class; ``kind`` is "arm" or "class", ``label`` its key."""

    kind: str
    label: str

    @classmethod
    def of(cls, text: str, kind: str, label: str) -> Self:
        """Return ``text`` as the name of ``label``."""
        made = cls(text)
        made.kind, made.label = kind, label
        return made

    @property
    def key(self) -> str:
        """Return "arm:mixup"; the same wherever the name stands."""
        return f"{self.kind}:{self.label}"


def named_arm(arm: str) -> Name:
    """Return the display name of an arm, with its key."""
    return Name.of(arm_name(arm), "arm", arm)


def as_name(text: str) -> Name:
    """Return a name as it is, or another text as the name of a class."""
    return text if isinstance(text, Name) else Name.of(text, "class", text)


class Link(str):
    """A text that leads to a section of the page in HTML; ``anchor`` is its name."""

    anchor: str

    @classmethod
    def of(cls, text: str, anchor: str) -> Self:
        """Return ``text`` as a link to the section ``anchor``."""
        made = cls(text)
        made.anchor = anchor
        return made


class Number(str):
    """A number as it is shown, the place it comes from, and what a bar beside it shows."""

    path: str
    """JSON pointer into study.json, such as ``/arms/mixup/accuracy``."""
    scale: float
    """What the value was multiplied by: 100 for percentage points."""
    ends: Ends | None
    """Of the interval, not scaled."""
    point: float | None

    @classmethod
    def of(cls, text: str, path: str, scale: float = 1, shown: object = None) -> Self:
        """Return ``text``, which shows the value at ``path``; ``shown`` is that value."""
        made = cls(text)
        made.path, made.scale = path, scale
        made.ends, made.point = _ends(shown), _point(shown)
        return made


def _ends(shown: object) -> Ends | None:
    if isinstance(shown, Estimate):
        return shown.ci
    return (shown[0], shown[1]) if isinstance(shown, tuple) and len(shown) == 2 else None


def _point(shown: object) -> float | None:
    return shown.value if isinstance(shown, Estimate) else None


def pointer(*parts: object) -> str:
    """Return a JSON pointer (RFC 6901): ``/arms/classic+synthetic/accuracy``."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def key_of(label: object) -> object:
    """Return the key behind a name, or the text itself."""
    return label.label if isinstance(label, Name) else label


def resolve(found: Any, path: str) -> Any:
    """Return the value at a JSON pointer in ``found``, decoded JSON."""
    for part in path.split("/")[1:]:
        part = part.replace("~1", "/").replace("~0", "~")
        found = found[int(part)] if isinstance(found, Sequence) else found[part]
    return found
