"""An external test set, whose patients are found as those of the data are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fewray.data.loading import load_dataset
from fewray.data.manifest import Manifest
from fewray.errors import InputError

OPTION = "--external"


def load_external(source: str | Path, *, group_regex: str | None = None) -> Manifest:
    """Return the rows of an external test set; ``group_regex`` is the data's, which has found patients there.

    Where it fits none of the file names here, their patients stay unknown, and the note ``patients`` says so.
    """
    try:
        return load_dataset(source, option=OPTION, group_regex=group_regex)
    except InputError as error:
        if not str(error).startswith("--group-regex"):
            raise
    found = load_dataset(source, option=OPTION)
    note = f"--group-regex {group_regex} fits none of its file names, such as {found.rows[0].path.name}"
    return replace(found, notes={**found.notes, "patients": note})
