"""The readers of a study and their secret tokens."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import msgspec

from fewray.errors import InputError, check_choice
from fewray.results.readers.study import GRADES, Grade, Reader
from fewray.results.scores import Model
from fewray.storage.files import locked, write_bytes

READERS, ANSWERS = "readers.json", "answers"


class Readers(Model, frozen=True, kw_only=True):
    """The content of ``readers.json``."""

    readers: tuple[Reader, ...] = ()


@dataclass(frozen=True)
class Invitation:
    """A reader and the token that identifies this reader. Only a hash of the token is stored."""

    reader: Reader
    token: str


def read_readers(folder: Path) -> tuple[Reader, ...]:
    """Return the readers of the study in ``folder``; InputError ``readers_damaged``."""
    path = folder / READERS
    try:
        return msgspec.json.decode(path.read_bytes(), type=Readers).readers
    except FileNotFoundError:
        return ()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        message = f"{path}: {error}. Restore the file from a backup."
        raise InputError("readers_damaged", message, path=path) from None


def invite_reader(
    folder: Path, grade: Grade | None = None, *, simulated: bool = False
) -> Invitation:
    """Add a reader and return the token, 256 random bits that no file holds.

    Nobody gets the name, and so the answers, of a reader who was removed. Results say so if a
    reader is ``simulated``.
    """
    _check(grade)
    with locked(folder):
        readers = read_readers(folder)
        token = secrets.token_urlsafe(32)
        name = _free_name(folder, readers)
        reader = Reader(id=name, grade=grade, token_sha256=_hash(token), simulated=simulated)
        _write(folder, (*readers, reader))
    return Invitation(reader, token)


def renew_token(folder: Path, reader: str) -> Invitation:
    """Return a new token for a reader who lost the old one, which ends to be valid."""
    token = secrets.token_urlsafe(32)
    return Invitation(_change(folder, reader, token_sha256=_hash(token)), token)


def set_grade(folder: Path, reader: str, grade: Grade) -> Reader:
    """Store the grade that a reader gave; return the changed reader."""
    _check(grade)
    return _change(folder, reader, grade=grade)


def reader_of(folder: Path, token: str) -> Reader | None:
    """Return the reader with this token, or None. The time taken does not depend on the token."""
    given = _hash(token)
    found = None
    for reader in read_readers(folder):
        if hmac.compare_digest(reader.token_sha256, given):
            found = reader
    return found


def _free_name(folder: Path, readers: Sequence[Reader]) -> str:
    """Return the next name that no reader has and under which no answers are stored."""
    taken = {each.id for each in readers}
    names = (f"reader{number:02d}" for number in count(len(readers) + 1))
    return next(n for n in names if n not in taken and not (folder / ANSWERS / n).exists())


def _change(folder: Path, reader: str, **changes: str) -> Reader:
    with locked(folder):
        readers = {each.id: each for each in read_readers(folder)}
        if reader not in readers:
            message = f"reader {reader}: not found; this study has {', '.join(readers) or 'none'}"
            raise InputError("unknown_reader", message, reader=reader, known=list(readers))
        readers[reader] = msgspec.structs.replace(readers[reader], **changes)
        _write(folder, tuple(readers.values()))
    return readers[reader]


def _write(folder: Path, readers: tuple[Reader, ...]) -> None:
    content = msgspec.json.encode(Readers(readers=readers))
    write_bytes(folder / READERS, msgspec.json.format(content, indent=1) + b"\n")


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def _check(grade: str | None) -> None:
    if grade is not None:
        check_choice("grade", grade, GRADES)
