"""What is stored of one reader, in append-only logs that survive a crash at any moment."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from fewray.errors import InputError, RunFailed
from fewray.results.readers.study import Answer, LoggedAnswer, Shown
from fewray.storage.files import locked

LOG = "answers.jsonl"
SHOWN = "shown.jsonl"
"""When each image was first sent."""
Line = TypeVar("Line", bound=msgspec.Struct)


def read_answers(folder: Path) -> list[LoggedAnswer]:
    """Return the answers in a reader's folder, oldest first; none if there is no log.

    InputError ``answers_damaged`` as for :func:`first_shown`.
    """
    return _read(folder / LOG, LoggedAnswer)


def first_shown(folder: Path, showing: str) -> datetime:
    """Return when a showing was first sent to the reader: now, if it never was.

    The time is on the disk when this returns, so that a time limit outlives the server. InputError
    ``answers_damaged`` for a line that cannot be read; RunFailed ``cannot_write``.
    """
    with locked(folder):
        if (before := shown_at(folder, showing)) is not None:
            return before
        shown = Shown(showing=showing, at=now())
        _append(folder / SHOWN, msgspec.json.encode(shown) + b"\n")
        return shown.at


def shown_at(folder: Path, showing: str) -> datetime | None:
    """Return when a showing was first sent to the reader; None if it never was."""
    lines = _read(folder / SHOWN, Shown)
    return next((each.at for each in lines if each.showing == showing), None)


def now() -> datetime:
    """Return the time in UTC. Other clocks do not go on when the machine is restarted."""
    return datetime.now(UTC)


def store_answer(folder: Path, answer: Answer, *, due: list[str]) -> tuple[LoggedAnswer, bool]:
    """Store an answer unless its showing has one; return the answer that stands, and if it is new.

    ``due`` are the ids of all showings in the reader's order. The answer is on the disk when this
    returns. An answer sent twice, for example by a retry, counts once: the first stands. InputError
    ``unknown_showing``, or ``not_due`` for an image that the reader has not been shown yet;
    RunFailed ``cannot_write`` if the disk is full.
    """
    if answer.showing not in due:
        message = f"showing {answer.showing}: not an image of this study"
        raise InputError("unknown_showing", message, showing=answer.showing)
    with locked(folder):
        answers = {each.showing: each for each in read_answers(folder)}
        if (before := answers.get(answer.showing)) is not None:
            return before, False
        if answer.showing != (expected := next(each for each in due if each not in answers)):
            message = f"showing {answer.showing}: not shown yet; expected an answer to {expected}"
            raise InputError("not_due", message, showing=answer.showing, expected=expected)
        values = msgspec.structs.asdict(answer)
        logged = LoggedAnswer(**values, at=now().isoformat(timespec="milliseconds"))
        _append(folder / LOG, msgspec.json.encode(logged) + b"\n")
        return logged, True


def _read(path: Path, kind: type[Line]) -> list[Line]:
    """Return the lines of a log.

    A line counts once it ends in a line feed: what a crash left of a last line was never confirmed
    to the reader and is dropped. InputError ``answers_damaged`` for any other line that cannot be
    read.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    found = []
    for number, line in enumerate(_whole_lines(content).splitlines(), start=1):
        try:
            found.append(msgspec.json.decode(line, type=kind))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InputError(
                "answers_damaged",
                f"{path}, line {number}: cannot be read ({error}); restore the file from a backup",
                path=path,
                line=number,
            ) from None
    return found


def _append(path: Path, line: bytes) -> None:
    """Append ``line`` after the last whole line and wait until it is on the disk."""
    try:
        created = not path.exists()
        with path.open("ab+") as stream:
            stream.seek(0)
            stream.truncate(len(_whole_lines(stream.read())))  # remove what a crash left
            stream.write(line)
            stream.flush()
            os.fsync(stream.fileno())
        if created:
            _sync_folder(path.parent)
    except OSError as error:
        reason = error.strerror or str(error)
        message = f"{path}: cannot write ({reason}); free disk space. Nothing was stored."
        raise RunFailed("cannot_write", message, path=path) from error


def _whole_lines(content: bytes) -> bytes:
    return content[: content.rfind(b"\n") + 1]


def _sync_folder(folder: Path) -> None:
    """Wait until the entry of a new file is on the disk; Windows cannot and need not."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
