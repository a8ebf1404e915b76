"""The answers of one reader: an append-only log that survives a crash at any moment."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from fewray.errors import InputError, RunFailed
from fewray.results.readers.study import Answer, LoggedAnswer
from fewray.storage.files import locked

LOG = "answers.jsonl"


def read_answers(folder: Path) -> list[LoggedAnswer]:
    """Return the answers in a reader's folder, oldest first; none if there is no log.

    A line counts once it ends in a line feed: what a crash left of a last line was never confirmed
    to the reader and is dropped. InputError ``answers_damaged`` for any other line that cannot be
    read.
    """
    path = folder / LOG
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    found = []
    for number, line in enumerate(_whole_lines(content).splitlines(), start=1):
        try:
            found.append(msgspec.json.decode(line, type=LoggedAnswer))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InputError(
                "answers_damaged",
                f"{path}, line {number}: not an answer ({error}); restore the file from a backup",
                path=path,
                line=number,
            ) from None
    return found


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
        logged = LoggedAnswer(**values, at=datetime.now(UTC).isoformat(timespec="milliseconds"))
        _append(folder / LOG, msgspec.json.encode(logged) + b"\n")
        return logged, True


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
        message = f"{path}: cannot write ({reason}); free disk space. The answer was not stored."
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
