"""Wall-clock times of a study, in their own file so that results compare byte for byte."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fewray.errors import InputError
from fewray.storage.files import read_json, write_json

KEEP_SECONDS = 10.0
"""Times are written at most this often during a long job."""


class Clock:
    """Record the seconds spent on each job, in addition to those of earlier calls in the folder.

    The times are written to ``path`` after each job and from time to time during a long one, so
    that a killed call loses little. An unreadable file is replaced, and ``warn`` is called.
    """

    def __init__(self, path: Path, warn: Callable[[str], None] = lambda text: None) -> None:
        self.path = path
        self.run: Path | None = None
        """The generators' folder, if the study uses generators."""
        self.started = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        self.begin = time.monotonic()
        self.written = float("-inf")
        self.before = _earlier(path, warn) or {"started": self.started, "seconds": 0.0, "jobs": []}
        self.jobs: list[dict[str, Any]] = []

    def add(self, job: str, seconds: float) -> None:
        """Record a finished job."""
        self.jobs.append({"job": job, "seconds": seconds})
        self.keep()

    @contextmanager
    def __call__(self, job: str) -> Iterator[None]:
        """Record how long the block takes."""
        begin = time.monotonic()
        try:
            yield
        finally:
            self.jobs.append({"job": job, "seconds": round(time.monotonic() - begin, 3)})
        self.write()

    def keep(self) -> None:
        """Write the times unless they were written within the last ``KEEP_SECONDS``.

        Call it only after some work is done, so that a refused study leaves no file.
        """
        if time.monotonic() - self.written > KEEP_SECONDS:
            self.write()

    def write(self) -> None:
        """Write the times so far."""
        self.written = time.monotonic()
        write_json(self.path, self.to_json())

    def to_json(self) -> dict[str, Any]:
        """Return the content of ``timing.json``."""
        return {
            "started": self.before["started"],
            "seconds": round(self.before["seconds"] + time.monotonic() - self.begin, 3),
            "host": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            "generators": str(self.run.resolve()) if self.run else None,
            "jobs": self.before["jobs"] + self.jobs,
        }


def _earlier(path: Path, warn: Callable[[str], None]) -> dict[str, Any] | None:
    if not path.exists():
        return None
    kinds = {"started": str, "seconds": int | float, "jobs": list}
    with suppress(InputError):
        found = read_json(path)
        if isinstance(found, dict) and all(
            isinstance(found.get(name), kind) for name, kind in kinds.items()
        ):
            return found
    warn(f"{path}: cannot be read; the recorded times start again from zero")
    return None
