"""How a data set is read: its labels, and the columns of its table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

from fewray.config.base import Options
from fewray.errors import InputError, check_choice

Uncertain = Literal["drop", "positive", "negative"]
UNCERTAIN = ("drop", "positive", "negative")
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "space": " ", "pipe": "|"}
"""Names of separators, for a command line where some signs are awkward."""


def spelling(name: str) -> str:
    """Return a finding without what only spelling differs in: case, blanks and underscores."""
    return " ".join(name.replace("_", " ").split()).casefold()


@dataclass(frozen=True, kw_only=True)
class FindingOptions(Options):
    """The labels to compare, and what an uncertain finding counts as. InputError if invalid.

    ``labels`` are the classes of the data set; empty if each image has one label anyway. An image
    with an uncertain finding among them is left out (``drop``), or the finding counts as
    ``positive`` or ``negative`` (Irvin et al. 2019, CheXpert, arXiv 1901.07031: U-Ignore, U-Ones,
    U-Zeros).
    """

    labels: Sequence[str] = ()
    uncertain: Uncertain = "drop"

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", tuple(self.labels))
        check_choice("--uncertain", self.uncertain, UNCERTAIN)
        counts = Counter(spelling(label) for label in self.labels)
        if twice := [label for label in self.labels if counts[spelling(label)] > 1]:
            message = f"--labels {','.join(self.labels)}: duplicate label; list each label once"
            raise InputError("duplicate_label", message, labels=twice)
        if "" in counts:
            raise InputError("empty_label", "--labels: a label is empty", labels=[*self.labels])


class ReadKeywords(TypedDict, total=False):
    """The options of :class:`ReadOptions` as keywords."""

    labels: Sequence[str]
    uncertain: Uncertain
    path_column: str
    label_column: str
    group_column: str
    split_column: str
    separator: str
    views: Sequence[str]
    skip_unreadable: bool


@dataclass(frozen=True, kw_only=True)
class ReadOptions(FindingOptions):
    """Labels, which columns of a table hold what, and which images to use. InputError if invalid.

    A column that is not named here is found by its name: ``path``, ``label``, ``group`` (the
    patient), ``split``.
    """

    path_column: str = ""
    label_column: str = ""
    group_column: str = ""
    split_column: str = ""
    separator: str = ""
    """One character, or its name in ``SEPARATORS``; empty: as the file suggests."""
    views: Sequence[str] = ()
    """The ViewPositions of the DICOM images to use, such as PA; empty for all."""
    skip_unreadable: bool = False
    """Whether images that cannot be decoded, and rows of a table without a label, are left out with
    a warning; else they are errors."""

    def __post_init__(self) -> None:
        super().__post_init__()
        views = (view.strip().upper() for view in self.views)
        object.__setattr__(self, "views", tuple(dict.fromkeys(filter(None, views))))
        separator = SEPARATORS.get(self.separator.strip().lower(), self.separator)
        separator = "\t" if separator == "\\t" else separator
        if len(separator) > 1 or separator in ('"', "\r", "\n"):
            names = ", ".join(SEPARATORS)
            message = f"--separator {self.separator!r}: expected one character, or {names}"
            raise InputError("separator", message, separator=self.separator)
        object.__setattr__(self, "separator", separator)
        named = [name.strip() for name in self.columns().values() if name.strip()]
        if twice := sorted(name for name, count in Counter(named).items() if count > 1):
            message = f"column {', '.join(twice)} is named for two things; name it once"
            raise InputError("column_named_twice", message, columns=twice)

    def columns(self) -> dict[str, str]:
        """Return the columns that the user names, by what they hold."""
        named = {
            "path": self.path_column,
            "label": self.label_column,
            "group": self.group_column,
            "split": self.split_column,
        }
        return {name: column for name, column in named.items() if column}


AS_IT_IS = ReadOptions()
"""Each image has one label, and the columns have the usual names."""
