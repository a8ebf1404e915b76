"""The verdict of a trial in words, with all that a reader must know before believing it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

FIRST = ("synthetic", "classic+synthetic")
"""The arms the trial is about: where they were compared, the answer speaks of them alone."""
CONTROL = "shuffled"


def answer(comparisons: Mapping[str, Any], reference: str, warnings: Sequence[str]) -> str:
    """Return one line for each comparison, with its reference, then one for each warning.

    A negative control that helps is itself a warning: images under wrong labels cannot teach the classes.
    """
    chosen = [arm for arm in FIRST if arm in comparisons] or list(comparisons)
    parts = [comparisons[arm]["text"] for arm in chosen]
    if (comparisons.get(CONTROL) or {}).get("verdict") == "helps":
        warnings = [
            f"the negative control helps: {CONTROL} (generated images under shuffled labels) against {reference}; what helps "
            "is then not what the images show, and every verdict here is suspect",
            *warnings,
        ]
    parts += [f"Warning: {warning}" for warning in warnings]
    return "\n".join(part if part.endswith(".") else f"{part}." for part in parts)
