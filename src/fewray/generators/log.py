"""The files that describe the training run of one class: ``stats.jsonl`` and ``options.json``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from fewray.errors import InputError
from fewray.results.training import ClassOptions, EpochRow
from fewray.storage.files import write_bytes

LOG = "stats.jsonl"
OPTIONS = "options.json"


def read_log(folder: Path) -> list[EpochRow]:
    """Return the rows of the log in ``folder``; none if there is no log.

    A last line cut short by a crash is dropped. InputError for another line that is not a row.
    """
    path = folder / LOG
    lines = path.read_bytes().splitlines() if path.exists() else []
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(msgspec.json.decode(line, type=EpochRow))
        except msgspec.DecodeError as error:
            if number == len(lines) and not isinstance(error, msgspec.ValidationError):
                break
            message = f"{path}, line {number}: not a row of a training log ({error})."
            raise InputError("log_damaged", message, path=str(path), line=number) from None
    return rows


def write_log(folder: Path, rows: Sequence[EpochRow]) -> None:
    """Replace the log in ``folder``."""
    write_bytes(folder / LOG, b"".join(msgspec.json.encode(row) + b"\n" for row in rows))


def read_options(folder: Path) -> ClassOptions | None:
    """Return how the generator in ``folder`` was trained, or None if that cannot be read."""
    try:
        return msgspec.json.decode((folder / OPTIONS).read_bytes(), type=ClassOptions)
    except (OSError, msgspec.DecodeError):
        return None


def write_options(folder: Path, options: ClassOptions) -> None:
    """Write ``options.json``."""
    content = msgspec.json.format(msgspec.json.encode(options), indent=1)
    write_bytes(folder / OPTIONS, content + b"\n")
