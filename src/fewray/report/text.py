"""How numbers are shown in pages, the same in HTML and in Markdown, and the pieces that Markdown pages share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

UNDEFINED = "undefined"


def number(value: float | None, digits: int = 3) -> str:
    """Return ``value`` with so many decimals, or "undefined" for None."""
    return UNDEFINED if value is None else f"{value:.{digits}f}"


def points(value: float | None, digits: int = 1, *, signed: bool = True) -> str:
    """Return a share (or a difference of shares) in percentage points: 0.021 is "+2.1"."""
    if value is None:
        return UNDEFINED
    rounded = round(100 * value, digits) + 0.0  # -0.0 becomes 0.0
    return f"{rounded:{'+' if signed and rounded else ''}.{digits}f}"


def interval(ends: Sequence[float | None] | None, digits: int = 2) -> str:
    """Return "0.71 to 0.83", or "undefined" where there is no interval."""
    if ends is None or None in ends:
        return UNDEFINED
    return f"{number(ends[0], digits)} to {number(ends[1], digits)}"


def points_interval(ends: Sequence[float | None] | None, digits: int = 1) -> str:
    """Return "-2.1 to +4.3" for the ends of an interval of differences."""
    if ends is None or None in ends:
        return UNDEFINED
    return f"{points(ends[0], digits)} to {points(ends[1], digits)}"


def score(found: Mapping[str, Any] | None, digits: int = 3) -> str:
    """Return value and 95 % interval of ``{"value", "ci"}``: "0.767 [0.72, 0.81]"."""
    if found is None or found.get("value") is None:
        return UNDEFINED
    ends = found.get("ci")
    if ends is None or None in ends:
        return f"{number(found['value'], digits)} [{UNDEFINED}]"
    return f"{number(found['value'], digits)} [{number(ends[0], 2)}, {number(ends[1], 2)}]"


def p_value(value: float | None) -> str:
    """Return p with three decimals, four where three would hide on which side of 0.05 it lies."""
    if value is None:
        return UNDEFINED
    if value < 0.001:
        return "< 0.001"
    return f"{value:.4f}" if f"{value:.3f}" == "0.050" else f"{value:.3f}"


def count(n: int | None, noun: str) -> str:
    """Return "1 seed", "4 seeds"."""
    return f"{UNDEFINED} {noun}s" if n is None else f"{n} {noun}{'' if n == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """Return "a, b and c"."""
    return (
        names[0]
        if len(names) == 1
        else f"{', '.join(names[:-1])} and {names[-1]}"
        if names
        else "none"
    )


def sentence(text: str) -> str:
    """Return ``text`` with one full stop at its end."""
    return text.rstrip().rstrip(".") + "."


def escaped(value: Any) -> str:
    """Return ``value`` so that Markdown shows it as it is, makes no link of it, and a table keeps its columns."""
    text = " ".join(str(value).split())
    text = re.sub(r"[\\|*`\[\]]", r"\\\g<0>", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a Markdown table; its cells are put as they come."""
    lines = [f"| {' | '.join(header)} |", f"|{' --- |' * len(header)}"]
    lines += [f"| {' | '.join(map(str, row))} |" for row in rows]
    return "\n".join(lines) + "\n"


def commands(run: Mapping[str, Any], timing: Mapping[str, Any]) -> str:
    """Return what was run, where and when, from ``run.json``; empty without one."""
    if not run:
        return ""
    lines = "\n".join(run["commands"])
    spent = (
        f" The study itself took {timing['seconds'] / 60:.0f} minutes."
        if timing.get("seconds")
        else ""
    )
    return f"## How\n\n```\n{lines}\n```\n\n{run['hardware']}, {run['date']}.{spent}\n"
