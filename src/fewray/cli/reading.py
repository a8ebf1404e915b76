"""The options that say how data are read, added to each command that loads a data set."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from fewray.cli.params import SkipUnreadable, View, listed
from fewray.config import ReadOptions

PANEL = "Tables and labels"
AFTER = "group_regex"
"""The options follow this one in the help."""
Command = TypeVar("Command", bound=Callable[..., Any])


def _text(help: str, shown: str | bool = False) -> Any:
    return Annotated[str, typer.Option(help=help, rich_help_panel=PANEL, show_default=shown)]


READING: dict[str, tuple[Any, str | bool]] = {
    "labels": (
        _text(
            "Comma-separated labels to compare, for images with several findings. Images with "
            "exactly one of them are kept, and the others are counted."
        ),
        "",
    ),
    "uncertain": (
        _text("How --labels treats an uncertain finding: drop, positive or negative.", True),
        "drop",
    ),
    "path_column": (_text("Column of the image paths.", "path"), ""),
    "label_column": (
        _text(
            "Column of the labels. With --labels, a cell may hold several findings, and a table "
            "may have a column per finding instead.",
            "label",
        ),
        "",
    ),
    "group_column": (_text("Column of the patients.", "group"), ""),
    "split_column": (_text("Column of the split: train, test or empty.", "split"), ""),
    "separator": (
        _text(
            "Separator of the cells: one character, or comma, semicolon, tab, space or pipe. "
            "Needed for .txt files.",
            "from the file",
        ),
        "",
    ),
    "view": (View, ""),
    "skip_unreadable": (SkipUnreadable, False),
}
"""Annotation and default of each option."""


def reads_data(command: Command) -> Command:
    """Return ``command`` with the options of READING in place of its parameter ``read``."""
    signature = inspect.signature(command)
    hints = get_type_hints(command, include_extras=True)
    params = []
    for param in signature.parameters.values():
        if param.name != "read":
            params.append(param.replace(annotation=hints[param.name]))
        if param.name == AFTER:
            params += [
                inspect.Parameter(name, param.kind, default=default, annotation=annotation)
                for name, (annotation, default) in READING.items()
            ]

    @wraps(command)
    def with_options(**given: Any) -> Any:
        chosen = {name: given.pop(name) for name in READING}
        lists = {"labels": chosen.pop("labels"), "views": chosen.pop("view")}
        chosen |= {name: listed(text) or () for name, text in lists.items()}
        return command(**given, read=ReadOptions(**chosen))

    found: Any = with_options
    found.__signature__ = signature.replace(parameters=params, return_annotation=None)
    found.__annotations__ = {param.name: param.annotation for param in params}
    return found
