"""Models of a reader study's files: ``reader-study.json``, ``readers.json`` and the answers.

``reader-study.json`` holds the truth. It stays on the server; readers see ids only.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from fewray.results.scores import Model, StudyWarning

Kind = Literal["real", "synthetic"]
Grade = Literal[
    "student", "resident", "consultant", "radiographer", "physicist", "researcher", "other"
]
GRADES: tuple[Grade, ...] = (
    "student",
    "resident",
    "consultant",
    "radiographer",
    "physicist",
    "researcher",
    "other",
)
CONFIDENCES = ("guess", "leaning", "fairly sure", "sure", "certain")
"""The five steps of confidence, 1 to 5."""

LONGEST_MS = 86_400_000
"""The longest time of an answer that is stored, one day."""
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Item(Model, frozen=True, kw_only=True):
    """One image of a study. Its ids are random and say nothing about it."""

    id: str
    """Of the first showing; also the name of the picture, ``images/<id>.png``."""
    again: str | None = None
    """Id of the second showing; None for images shown once."""
    kind: Kind
    label: str
    generator: str | None
    """None for real images."""
    practice: bool
    source: str
    """The file it was made from, below the folder of its data, as in the data check. Studies of
    earlier versions hold whole paths, which results and exports shorten."""
    sha256: str
    """Of that file."""
    picture_sha256: str
    """Of the picture that readers see."""

    @property
    def synthetic(self) -> bool:
        """Whether the image is synthetic."""
        return self.kind == "synthetic"


class ReaderStudyFile(Model, frozen=True, kw_only=True):
    """The design of a reader study and the truth about its images."""

    schema: Literal[1] = 1
    name: str
    options: dict[str, Any]
    """:class:`fewray.config.ReaderStudyOptions` as JSON."""
    classes: tuple[str, ...]
    display_names: dict[str, str]
    """By class, where it differs from the name."""
    generators: tuple[str, ...]
    """The modalities: one name per folder of synthetic images."""
    real: str
    """Name of the data set of real images."""
    phantom: bool
    """Whether the "real" images are computer-generated phantoms."""
    items: tuple[Item, ...]
    warnings: tuple[StudyWarning, ...]


class Reader(Model, frozen=True, kw_only=True):
    """A reader: a number, a grade, and the hash of the secret token."""

    id: str
    """``reader01``, ``reader02``, ...; never a name."""
    grade: Grade | None
    """None until asked."""
    token_sha256: str
    simulated: bool = False
    """Whether a program answers in the place of a person."""


class Answer(Model, frozen=True, kw_only=True):
    """A reader's answer to one showing, as it is posted. Values out of range cannot be read."""

    showing: str
    """Id of the showing."""
    synthetic: bool
    """Whether the reader takes the image for synthetic."""
    confidence: Annotated[int, msgspec.Meta(ge=1, le=5)]
    """1 (guess) to 5 (certain)."""
    label: str | None = None
    """The class that the reader sees, if it is asked."""
    x: Share | None = None
    y: Share | None = None
    """Where the reader clicked, from the top left corner, as shares of width and height."""
    ms: Annotated[int, msgspec.Meta(ge=0, le=LONGEST_MS)]
    """Milliseconds from showing the image to the answer."""

    @property
    def rating(self) -> int:
        """Return 1 (certainly real) to 10 (certainly synthetic), the scale of the ROC curve."""
        return 5 + self.confidence if self.synthetic else 6 - self.confidence


class LoggedAnswer(Answer, frozen=True, kw_only=True):
    """An answer as it is stored, one line of JSON each."""

    at: str
    """UTC time at which it was stored."""


class Shown(Model, frozen=True, kw_only=True):
    """When a reader was first sent an image, one line of JSON each."""

    showing: str
    at: Annotated[datetime, msgspec.Meta(tz=True)]
    """In UTC."""
