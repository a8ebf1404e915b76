"""The times of a study, kept apart from its results so that those can be compared byte for byte."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from typing import Any

from fewray.runs import read_json


class Clock:
    """Seconds spent on each piece of work, added to what earlier calls into the same folder spent."""

    def __init__(self) -> None:
        self.started = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        self.begin = time.monotonic()
        self.jobs: list[dict[str, Any]] = []

    def add(self, job: str, seconds: float) -> None:
        """Note a finished piece of work."""
        self.jobs.append({"job": job, "seconds": seconds})

    def __call__(self, job: str) -> _Timed:
        """Return a context that notes how long its block took."""
        return _Timed(self, job)

    def to_json(self, earlier: Path, run: Path | None) -> dict[str, Any]:
        """Return what ``timing.json`` holds: ``earlier`` is the file of earlier calls, ``run`` the generators' folder."""
        before = read_json(earlier) if earlier.exists() else {"started": self.started, "seconds": 0.0, "jobs": []}
        return {
            "started": before["started"],
            "seconds": round(before["seconds"] + time.monotonic() - self.begin, 3),
            "host": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            "generators": str(run.resolve()) if run else None,
            "jobs": before["jobs"] + self.jobs,
        }


class _Timed:
    def __init__(self, clock: Clock, job: str) -> None:
        self.clock, self.job = clock, job

    def __enter__(self) -> None:
        self.begin = time.monotonic()

    def __exit__(self, *error: object) -> None:
        self.clock.add(self.job, round(time.monotonic() - self.begin, 3))
