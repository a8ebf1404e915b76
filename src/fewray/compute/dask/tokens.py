"""Tokens in shared folders: hidden files by which a worker shows that it reads what this machine writes.

A client's token in a folder lies in ``.cluster-<id>`` beside a file that the client keeps locked: what a killed client left
is known by a lock that can be taken.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from fewray.storage.files import write_bytes

HIDDEN = ".cluster-"
ALIVE = "alive"


class Tokens:
    """The tokens of one client, whose ``id`` is their text."""

    def __init__(self, id: str) -> None:
        self.id = id
        self.texts: dict[str, str] = {}
        """Text of each token, by its path."""
        self._held: list[IO[str]] = []

    def lay(self, folders: Sequence[Path]) -> None:
        """Lay a token into each folder that can be written, and remove those of clients that are no more.

        A folder that can only be read gets none: nothing is written there. RunFailed where the disk is full.
        """
        for folder in map(Path.resolve, folders):
            own = folder / f"{HIDDEN}{self.id}"
            if str(own / "token") in self.texts or (
                folder.is_dir() and not os.access(folder, os.W_OK)
            ):
                continue
            write_bytes(own / ALIVE, b"")
            stream = (own / ALIVE).open("r+", encoding="ascii")
            self._held.append(stream)
            _lock(stream, wait=True)
            write_bytes(own / "token", self.id.encode())
            self.texts[str(own / "token")] = self.id
            for left in folder.glob(f"{HIDDEN}*"):
                if left != own and _left_alone(left / ALIVE):
                    shutil.rmtree(left, ignore_errors=True)

    def covers(self, path: Path) -> bool:
        """Whether a file lies below a folder with a token."""
        folders = {Path(token).parent.parent for token in self.texts}
        return not folders.isdisjoint(path.resolve().parents)

    def mark(self, name: str) -> str:
        """Return the path of a file of this name beside a token; empty where there is no token."""
        token = next(iter(self.texts), None)
        return str(Path(token).parent / name) if token else ""

    def clear(self) -> None:
        """Remove all tokens."""
        for token in self.texts:
            shutil.rmtree(Path(token).parent, ignore_errors=True)
        for stream in self._held:
            stream.close()
        self.texts.clear()


def _left_alone(alive: Path) -> bool:
    try:
        with alive.open("r+", encoding="ascii") as stream:
            return _lock(stream)
    except OSError:
        return False


def _lock(stream: IO[str], *, wait: bool = False) -> bool:
    """Take the lock of an open file until it is closed; False where another has it, or where there are no locks."""
    try:
        import fcntl
    except ImportError:  # Windows
        return False
    with suppress(OSError):
        fcntl.flock(stream, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        return True
    return False
