"""What commands print on stdout: JSON, plans and tables."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from fewray.cli.progress import log


def print_json(value: Any) -> None:
    """Print ``value`` as JSON; characters that the encoding may lack are escaped."""
    encoding = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "")
    unicode = encoding in ("utf8", "utf8sig")
    print(json.dumps(value, indent=1, allow_nan=False, ensure_ascii=not unicode))


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table with a title."""
    from fewray.report import tables

    tables.print_table(tables.Table.of(title, header, rows))


def print_plan(plan: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Print the jobs of a plan; a time that is not estimated is an empty cell, null in JSON.

    The table has one row for the same job in all folds, the JSON one for each.
    """
    from fewray.compute.process import busy

    if as_json:
        print_json(plan)
    else:
        print_table("Planned jobs", PLANNED, _over_folds(plan))
    for line in accuracy_notes(busy()):
        log(f"note: {line}") if as_json else print(line)


PLANNED = ("job", "jobs", "images", "steps", "minutes")


def _over_folds(plan: Sequence[Mapping[str, Any]]) -> list[tuple[object, ...]]:
    """Return rows of PLANNED, one for the jobs that share ``of_folds``; steps and minutes add."""
    alike: dict[str, list[Mapping[str, Any]]] = {}
    for row in plan:
        alike.setdefault(row.get("of_folds", row["job"]), []).append(row)
    rows = []
    for job, found in alike.items():
        low, high = (edge(row["images"] for row in found) for edge in (min, max))
        minutes = [row["minutes"] for row in found if row["minutes"] is not None]
        rows.append(
            (
                job,
                len(found),
                f"{low}" if low == high else f"{low}-{high}",
                sum(row["steps"] for row in found),
                round(sum(minutes), 1) if minutes else None,
            )
        )
    return rows


def accuracy_notes(busy: str) -> list[str]:
    """Return how far the minutes of a plan can be trusted, given how busy the machine is."""
    lines = ["The minutes are estimated from a few training steps timed just now."]
    if busy:
        lines.append(f"{busy}, so the minutes are rough; plan again when it is idle")
    return lines


def short(value: object) -> str:
    """Return a number with three significant digits, None as an empty text."""
    return f"{value:.3g}" if isinstance(value, float) else "" if value is None else str(value)
