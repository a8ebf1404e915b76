"""Holm's correction of p-values for the number of comparisons (Holm 1979)."""

from __future__ import annotations

from collections.abc import Mapping


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return the corrected p-values: the smallest times m, the next times m - 1, and so on.

    They are at most 1 and never fall below the one before.
    """
    ordered = sorted(p_values, key=lambda name: p_values[name])
    found, least = {}, 0.0
    for rank, name in enumerate(ordered):
        least = max(least, min(1.0, (len(ordered) - rank) * p_values[name]))
        found[name] = least
    return {name: found[name] for name in p_values}
