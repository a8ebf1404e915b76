"""How numbers, names and lists are written; the same on the terminal, in HTML and in Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from fewray.report.traced import Name
from fewray.results.crossval import DataSummary
from fewray.results.names import VERDICT_NAMES, sentence_case
from fewray.results.published import SplitData
from fewray.results.scores import Estimate

UNDEFINED = "undefined"
NUMERALS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def class_name(data: DataSummary | SplitData, label: str) -> str:
    """Return the display name of a class: the data set's own, or the label with spaces."""
    return named_class(data, label)


def named_class(data: DataSummary | SplitData, label: str) -> Name:
    """Return the display name of a class, with its key."""
    return Name.of(data.display_names.get(label, label.replace("_", " ")), "class", label)


def number(value: float | None, digits: int = 3) -> str:
    """Return ``value`` with ``digits`` decimals, 0 without a sign, or "undefined" for None."""
    return UNDEFINED if value is None else f"{round(value, digits) + 0.0:.{digits}f}"


def percent(share: float, digits: int = 0) -> str:
    """Return a share as a percentage: 0.766 is "77%"."""
    return f"{100 * share:.{digits}f}%"


def points(value: float, digits: int = 1, *, signed: bool = True) -> str:
    """Return a difference of shares in percentage points: 0.021 is "+2.1"."""
    rounded = round(100 * value, digits) + 0.0  # -0.0 becomes 0.0
    return f"{rounded:{'+' if signed and rounded else ''}.{digits}f}"


def interval(ends: Sequence[float] | None, digits: int = 2) -> str:
    """Return "0.71 to 0.83", or "undefined" for None."""
    if ends is None:
        return UNDEFINED
    return f"{number(ends[0], digits)} to {number(ends[1], digits)}"


def points_interval(ends: Sequence[float], digits: int = 1) -> str:
    """Return "-2.1 to +4.3" for an interval of differences."""
    return f"{points(ends[0], digits)} to {points(ends[1], digits)}"


def estimate(found: Estimate) -> str:
    """Return a score with its 95% interval: "0.767 [0.72, 0.81]"."""
    if found.value is None:
        return UNDEFINED
    if found.ci is None:
        return f"{number(found.value)} [{UNDEFINED}]"
    return f"{number(found.value)} [{number(found.ci[0], 2)}, {number(found.ci[1], 2)}]"


def p_value(value: float) -> str:
    """Return p with three decimals, or four if three would hide on which side of 0.05 it lies."""
    if value < 0.001:
        return "< 0.001"
    return f"{value:.4f}" if f"{value:.3f}" == "0.050" else f"{value:.3f}"


def ordinal(value: float) -> str:
    """Return "1st", "2nd", "12th", "2.5th"."""
    endings: dict[float, str] = {1: "st", 2: "nd", 3: "rd"}
    ending = "th" if 10 < value % 100 < 20 else endings.get(value % 10, "th")
    return f"{value:g}{ending}"


def count(n: int, noun: str) -> str:
    """Return "1 seed", "4 seeds"."""
    return f"{n} {noun}{'' if n == 1 else 's'}"


def spelled(n: int, noun: str) -> str:
    """Return "one seed", "four seeds", with numerals above ten."""
    shown = NUMERALS[n] if n < len(NUMERALS) else str(n)
    return f"{shown} {noun}{'' if n == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """Return "a, b and c"; "none" for an empty list."""
    if len(names) < 2:
        return names[0] if names else "none"
    return f"{', '.join(names[:-1])} and {names[-1]}"


def sentence(text: str) -> str:
    """Return ``text`` with a capital letter at its start and one full stop at its end."""
    return sentence_case(text.strip().rstrip(".") + ".")


def verdict_name(verdict: str) -> str:
    """Return the words of a verdict code."""
    return VERDICT_NAMES.get(verdict, verdict)
