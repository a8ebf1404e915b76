"""Read the files beside a study: timing.json, and run.json, which people write by hand."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from fewray.errors import InputError
from fewray.results.training import TrainingReport


class Timing(msgspec.Struct, frozen=True):
    """What the report shows of ``timing.json``."""

    seconds: float | None = None
    host: str | None = None
    started: str | None = None
    generators: str | None = None
    """The folder of the generators."""


class RunNotes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``run.json``: what a study cannot know about itself, written by hand."""

    commands: tuple[str, ...]
    hardware: str
    date: str
    made_by: str = ""
    """The version and commit of fewray that made the results."""
    caveats: tuple[str, ...] = ()


Found = TypeVar("Found")


def read_timing(folder: Path) -> Timing:
    """Return ``folder/timing.json``, empty without the file; InputError if it is damaged."""
    return _read(folder / "timing.json", Timing) or Timing()


def read_run(folder: Path) -> RunNotes | None:
    """Return ``folder/run.json``, None without the file; InputError if it is damaged."""
    return _read(folder / "run.json", RunNotes)


def read_training_report(folder: Path) -> TrainingReport | None:
    """Return ``folder/training.json``, None without the file; InputError if it is damaged."""
    return _read(folder / "training.json", TrainingReport)


def _read(path: Path, model: type[Found]) -> Found | None:
    if not path.exists():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=model)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(
            "file_damaged",
            f"{path}: {error}. Correct or remove the file.",
            path=path,
            detail=str(error),
        ) from None
