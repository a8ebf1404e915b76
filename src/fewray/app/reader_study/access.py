"""Find the study and the reader behind a token, and what this reader may see now."""

from __future__ import annotations

import hmac
import io
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from fewray.app.library import Library
from fewray.errors import InputError
from fewray.readers.answers import first_shown, now, read_answers, shown_at
from fewray.readers.invitations import reader_of
from fewray.readers.session import ReadingSession, Showing
from fewray.readers.study import ReaderStudy, open_study
from fewray.results.readers.study import GRADES, Grade, LoggedAnswer, Reader

GRADE_OF: dict[str, Grade] = {grade: grade for grade in GRADES}
LONGEST_TOKEN = 100
GRACE = 5.0
"""Seconds beyond the time limit in which an image is still sent, for slow connections."""
NOT_FOUND = "This link is not valid. Ask the person who invited you for a new one."


@dataclass(frozen=True)
class Visit:
    """A reader at work."""

    token: str
    study: ReaderStudy
    reader: Reader

    @property
    def session(self) -> ReadingSession:
        """Return the reader's way through the study, as it is on the disk now."""
        return ReadingSession(self.study, self.reader.id)

    @property
    def csrf(self) -> str:
        """Return the token of this reader's forms. It outlives the server."""
        return hmac.digest(self.token.encode(), b"form", "sha256").hex()


class Readers:
    """Open studies by the tokens of their readers."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self._lock = threading.Lock()
        self._folders: list[Path] = []
        self._opened: dict[Path, tuple[float, ReaderStudy]] = {}

    def visit(self, token: str) -> Visit:
        """Return who has this token; InputError ``reader_not_found``.

        A study that cannot be read does not keep the readers of others out. The folder of runs is
        searched only for a token of no study known so far.
        """
        problem: Exception = InputError("reader_not_found", NOT_FOUND)
        if not 0 < len(token) <= LONGEST_TOKEN:
            raise problem
        for folders in (lambda: self._folders, self._search):
            for folder in folders():
                try:
                    reader = reader_of(folder, token)
                except (InputError, OSError) as error:
                    problem = error
                    continue
                if reader is not None:
                    return Visit(token, self.open(folder), reader)
        raise problem

    def open(self, folder: Path) -> ReaderStudy:
        """Return the study in ``folder``; it is read again when its file changes."""
        study = folder / "reader-study.json"
        changed = study.stat().st_mtime if study.exists() else 0.0
        with self._lock:
            kept = self._opened.get(folder)
            if kept is None or kept[0] != changed:
                kept = self._opened[folder] = (changed, open_study(folder))
            return kept[1]

    def _search(self) -> list[Path]:
        found = [run.folder for run in self.library.runs() if run.kind == "reader_study"]
        with self._lock:
            self._folders = found
        return found

    def picture(self, visit: Visit, showing: str) -> bytes:
        """Return the picture that the reader is to see, or has just seen in practice.

        It is encoded without compression, so that all pictures of a study have the same length.
        InputError ``no_image`` for any other, and after the time limit.
        """
        session = visit.session
        due = session.next()
        if due is not None and due.id == showing:
            self._check_time(visit, due)
        elif not is_answered_practice(session, showing):
            raise InputError("no_image", "This image is not shown now.")
        return same_length(visit.study.picture(showing))

    def seconds_since(self, visit: Visit, showing: str) -> float | None:
        """Return how long ago the picture was first sent; None if it never was."""
        begin = shown_at(visit.study.answers_folder(visit.reader.id), showing)
        return None if begin is None else (now() - begin).total_seconds()

    def seconds_left(self, visit: Visit, due: Showing) -> float:
        """Return how long the picture may still be seen, 0.1 at least; 0 without a limit."""
        since = self.seconds_since(visit, due.id) or 0.0
        return max(0.1, round(due.seconds - since, 1)) if due.seconds else 0.0

    def _check_time(self, visit: Visit, due: Showing) -> None:
        begin = first_shown(visit.study.answers_folder(visit.reader.id), due.id)
        if due.seconds and (now() - begin).total_seconds() > due.seconds + GRACE:
            raise InputError("no_image", "The time for this image is over.")


def is_answered_practice(session: ReadingSession, showing: str) -> bool:
    """Return whether the reader has answered this practice image: its truth is known."""
    item = session.study.item_of.get(showing)
    return item is not None and item.practice and answer_to(session, showing) is not None


def answer_to(session: ReadingSession, showing: str) -> LoggedAnswer | None:
    """Return the reader's stored answer to a showing; None if there is none."""
    answers = read_answers(session.study.answers_folder(session.reader))
    return next((each for each in answers if each.showing == showing), None)


def same_length(path: Path) -> bytes:
    """Return a grey PNG without compression or metadata; its length depends on its size only."""
    stream = io.BytesIO()
    with Image.open(path) as image:
        Image.fromarray(np.asarray(image, np.uint8)).save(stream, "PNG", compress_level=0)
    return stream.getvalue()
