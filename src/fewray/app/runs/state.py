"""Whether a run is being written, how far it is, and how long it may take."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from fewray.results.training import EpochRow

State = Literal["running", "complete", "stopped", "damaged"]
RECENT = 120.0
"""Seconds after which a file that grows is no sign of life any more, where locks are unknown."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a job is: ``done`` of ``total``, and the seconds it may still take."""

    done: int
    total: int
    seconds_left: float | None = None

    @property
    def share(self) -> float:
        """Return the part that is done, between 0 and 1."""
        return min(1.0, self.done / self.total) if self.total else 0.0


def is_locked(folder: Path) -> bool:
    """Return whether a process of fewray is writing into ``folder``. Nothing is changed."""
    path = folder / ".lock"
    try:
        import fcntl

        with path.open("rb") as stream:
            fcntl.flock(stream.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except (ImportError, OSError):
        return False
    return False


def last_change(paths: Iterable[Path]) -> float | None:
    """Return the latest time at which one of ``paths`` was changed, in seconds; None if none."""
    times = []
    for path in paths:
        try:
            times.append(path.stat().st_mtime)
        except OSError:
            continue
    return max(times, default=None)


def is_recent(changed: float | None) -> bool:
    """Return whether a time is less than two minutes ago."""
    return changed is not None and time.time() - changed < RECENT


def training_progress(rows: Sequence[EpochRow]) -> Progress:
    """Return the epochs done, and the time left at the mean pace of the last twenty."""
    if not rows:
        return Progress(done=0, total=0)
    last, earlier = rows[-1], rows[-21:]
    left = None
    epochs = last.epoch - earlier[0].epoch
    seconds = last.seconds - earlier[0].seconds
    if epochs > 0 and seconds > 0 and last.finite:
        left = seconds / epochs * (last.epochs - last.epoch)
    return Progress(done=last.epoch, total=last.epochs, seconds_left=left)
