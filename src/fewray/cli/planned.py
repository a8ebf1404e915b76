"""How a plan is printed: the jobs on stdout; how far its minutes can be trusted under it, or on stderr with --json."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from fewray.cli.show import log, print_json, print_table

BUSY = 1.5
"""Load a core from which a machine is called busy."""


def print_plan(plan: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Print a plan's rows: what is not estimated is an empty cell, null in JSON."""
    if as_json:
        print_json(plan)
    else:
        print_table("Planned", tuple(plan[0]), [["" if v is None else v for v in row.values()] for row in plan])
    for line in minutes_lines(_load(), os.cpu_count() or 1):
        log(f"note: {line}") if as_json else print(line)


def told(kind: str, event: Mapping[str, Any]) -> None:
    """Tell on stderr of a planning's ``stage``; other events have nothing to show."""
    if kind == "stage":
        log(event["text"])


def minutes_lines(load: float | None, cores: int) -> list[str]:
    """Return what the minutes of a plan are worth at a ``load`` (mean runnable processes; None: unknown) of the machine.

    From half more processes than cores on it is called busy.
    """
    lines = ["minutes: from a few training steps timed just now"]
    if load is not None and load >= BUSY * cores:
        lines.append(
            f"the machine is busy (load {load:.1f} on {cores} cores): the minutes are too high; plan again when it is idle"
        )
    return lines


def _load() -> float | None:
    """Return the mean number of runnable processes of the last minute; None where the system does not say."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return None
