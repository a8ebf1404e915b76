"""Files and folders named on the command line: an empty name, as of a shell variable that is not set, is no place."""

from __future__ import annotations

from pathlib import Path

import typer


def place(text: str | Path) -> Path:
    """Return the path; BadParameter (one line, exit 2) for an empty name, which would be the current folder."""
    if not str(text).strip():
        raise typer.BadParameter(
            "the name is empty, as from a variable that is not set; '.' is the current folder"
        )
    return Path(text)


def folder(text: str | Path) -> Path:
    """Return the path of a folder that is there or can be made; BadParameter for an empty name or a file."""
    found = place(text)
    if found.is_file():
        raise typer.BadParameter(f"{found} is a file; a folder is wanted")
    return found
