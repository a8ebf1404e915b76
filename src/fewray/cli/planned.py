"""How a plan is printed: the jobs on stdout; how far its minutes can be trusted under it, or on stderr with --json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fewray.cli.show import log, print_json, print_table


def print_plan(plan: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Print a plan's rows: what is not estimated is an empty cell, null in JSON."""
    from fewray.compute.process import busy

    if as_json:
        print_json(plan)
    else:
        print_table(
            "Planned",
            tuple(plan[0]),
            [["" if v is None else v for v in row.values()] for row in plan],
        )
    for line in minutes_lines(busy()):
        log(f"note: {line}") if as_json else print(line)


def told(kind: str, event: Mapping[str, Any]) -> None:
    """Tell on stderr of a planning's ``stage``; other events have nothing to show."""
    if kind == "stage":
        log(event["text"])


def minutes_lines(busy: str) -> list[str]:
    """Return what the minutes of a plan are worth on a machine of which this is said (:func:`fewray.compute.process.busy`)."""
    lines = ["minutes: from a few training steps timed just now"]
    if busy:
        lines.append(f"{busy}: the minutes are too high; plan again when it is idle")
    return lines
