"""The times of a study, kept apart from its results so that those can be compared byte for byte."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from fewray.errors import InputError, RunFailed
from fewray.storage.files import read_json, write_json

KEEP_SECONDS = 10.0
"""How often at most the times are written while a piece of work goes on."""


class Clock:
    """Seconds spent on each piece of work, added to what earlier calls into the same folder spent.

    They are written to ``path`` after every piece and now and then during a long one, so that what a killed call took is
    not lost. A file that cannot be read is begun anew, and ``told`` so.
    """

    def __init__(self, path: Path, told: Callable[[str], None] = lambda text: None) -> None:
        self.path = path
        self.run: Path | None = None
        """The generators' folder, where the study has generators."""
        self.started = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        self.begin = time.monotonic()
        self.written = float("-inf")
        self.before = _earlier(path, told) or {"started": self.started, "seconds": 0.0, "jobs": []}
        self.jobs: list[dict[str, Any]] = []

    def add(self, job: str, seconds: float) -> None:
        """Note a finished piece of work."""
        self.jobs.append({"job": job, "seconds": seconds})
        self.keep()

    def __call__(self, job: str) -> _Timed:
        """Return a context that notes how long its block took."""
        return _Timed(self, job)

    def keep(self) -> None:
        """Write the times where that was not done just now; called when some work was done: a study refused leaves no file."""
        if time.monotonic() - self.written > KEEP_SECONDS:
            self.write()

    def write(self) -> None:
        """Write the times so far."""
        self.written = time.monotonic()
        write_json(self.path, self.to_json())

    def to_json(self) -> dict[str, Any]:
        """Return what ``timing.json`` holds."""
        return {
            "started": self.before["started"],
            "seconds": round(self.before["seconds"] + time.monotonic() - self.begin, 3),
            "host": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            "generators": str(self.run.resolve()) if self.run else None,
            "jobs": self.before["jobs"] + self.jobs,
        }


def _earlier(path: Path, told: Callable[[str], None]) -> dict[str, Any] | None:
    try:
        found = read_json(path) if path.exists() else None
    except InputError:
        found = {}
    if found is None:
        return None
    kinds = {"started": str, "seconds": int | float, "jobs": list}
    if isinstance(found, dict) and all(
        isinstance(found.get(name), kind) for name, kind in kinds.items()
    ):
        return found
    told(f"{path}: cannot be read; the times begin anew")
    return None


class _Timed:
    def __init__(self, clock: Clock, job: str) -> None:
        self.clock, self.job = clock, job

    def __enter__(self) -> None:
        self.begin = time.monotonic()

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self.clock.jobs.append(
            {"job": self.job, "seconds": round(time.monotonic() - self.begin, 3)}
        )
        if kind is None:
            self.clock.write()
        elif self.clock.written > float("-inf"):
            with suppress(RunFailed):  # what ended the work is what must be said
                self.clock.write()
