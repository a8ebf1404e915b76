"""The table of docs/generators.md that compares the recipes with what was aimed at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from experiments.generator_tables import (
    REFERENCE,
    Run,
    over_classes,
    shares,
    stored_runs,
    table,
    with_range,
)
from fewray.quality.copies.threshold import PERCENTILE

UNTRAINED, TRAINED = "patches", "diffusion"
"""The recipes that are held to the aims for any recipe, and to those for a trained one."""
Values = Callable[[Sequence[Run], Sequence[Run]], Sequence[float]]
"""From the runs of a recipe and of ``paper`` to a value per run."""


@dataclass(frozen=True, kw_only=True)
class Aim:
    """A figure and its limit for any recipe and for a trained one; None: no limit."""

    name: str
    values: Values
    limits: tuple[float | None, float | None]
    at_most: bool = True
    digits: int = 2

    def cell(self, values: Sequence[float], limit: float | None) -> str:
        """Return the mean with its range, and whether the mean misses the limit."""
        text = with_range(values, self.digits)
        if limit is None:
            return text
        mean = float(np.mean(values))
        reached = mean <= limit if self.at_most else mean >= limit
        return text if reached else f"{text}, **missed**"

    def limit(self, limit: float | None) -> str:
        """Return the limit in words."""
        sign = "at most" if self.at_most else "at least"
        return "" if limit is None else f"{sign} {limit:.{self.digits}f}"


def _share(extractor: str, key: str) -> Values:
    return lambda runs, paper: shares(runs, paper, extractor, key)


def _score(key: str) -> Values:
    return lambda runs, _: [over_classes([run], "lite0", key) for run in runs]


def _copies(runs: Sequence[Run], _: Sequence[Run]) -> list[float]:
    """Return percentage points above the rate of unseen real images, which sets the threshold."""
    return [
        100 * over_classes([run], "lite0", "copies") / run["synthetic"] - PERCENTILE for run in runs
    ]


def _windows(runs: Sequence[Run], _: Sequence[Run]) -> list[float]:
    rates = ([each["windows"] for each in run["scores"]["lite0"].values()] for run in runs)
    return [float(np.divide(*np.mean(rate, axis=0))) for rate in rates]


def _accuracy(runs: Sequence[Run], _: Sequence[Run]) -> list[float]:
    means = [
        [np.mean(run[f"accuracy_from_{side}"]) for side in ("synthetic", "real")] for run in runs
    ]
    return [float(synthetic / real) for synthetic, real in means]


AIMS = (
    *(
        Aim(
            name=f"KID to training images, share of `{REFERENCE}` ({extractor})",
            values=_share(extractor, "kid"),
            limits=(1 / 6, 1 / 4),
        )
        for extractor in ("lite0", "lite2")
    ),
    *(
        Aim(
            name=f"KID to unseen patients, share of `{REFERENCE}` ({extractor})",
            values=_share(extractor, "kid_held_out"),
            limits=(1 / 4, 1 / 3),
        )
        for extractor in ("lite0", "lite2", "texture")
    ),
    Aim(name="precision", values=_score("precision"), limits=(0.9, 0.8), at_most=False),
    Aim(name="coverage", values=_score("coverage"), limits=(0.95, 0.85), at_most=False),
    Aim(name="copies, points above unseen real images", values=_copies, limits=(None, 1), digits=1),
    Aim(name="copied windows, ratio to unseen real images", values=_windows, limits=(None, 2)),
    Aim(
        name="accuracy from synthetic images, share of that from real ones",
        values=_accuracy,
        limits=(0.95, 0.9),
        at_most=False,
    ),
    Aim(
        name="core-minutes for four classes",
        values=lambda runs, _: [run["core_minutes"] for run in runs],
        limits=(5, 108),
        digits=0,
    ),
)


def render() -> str:
    """Return the Markdown table."""
    runs = stored_runs()
    if missing := {UNTRAINED, TRAINED, REFERENCE} - runs.keys():
        return f"Not measured yet: {', '.join(sorted(missing))}.\n"
    rows = [
        [
            aim.name,
            *map(aim.limit, aim.limits),
            *(
                aim.cell(aim.values(runs[recipe], runs[REFERENCE]), limit)
                for recipe, limit in zip((UNTRAINED, TRAINED), aim.limits, strict=True)
            ),
        ]
        for aim in AIMS
    ]
    head = ["", "aim for any recipe", "for a trained one", UNTRAINED, TRAINED]
    return "\n".join(table(head, rows)[1:]) + "\n"
