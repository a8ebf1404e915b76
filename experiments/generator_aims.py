"""The table of docs/generators.md that compares the recipes with what was aimed at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
from fewray.presets import RECIPES

DEFAULT = "diffusion"
Values = Callable[[Sequence[Run], Sequence[Run]], Sequence[float]]
"""From the runs of a recipe and of ``paper`` to a value per run."""


@dataclass(frozen=True, kw_only=True)
class Aim:
    """A figure and its limits for the best recipe and for the default; None: no limit."""

    name: str
    values: Values
    best: float | None
    default: float
    at_most: bool = True
    digits: int = 2

    def limit(self, limit: float | None) -> str:
        """Return the limit in words."""
        sign = "at most" if self.at_most else "at least"
        return "" if limit is None else f"{sign} {limit:.{self.digits}f}"

    def cell(self, values: Sequence[float], limit: float) -> str:
        """Return the mean with its range, and whether the mean misses the limit."""
        text, mean = with_range(values, self.digits), float(np.mean(values))
        reached = mean <= limit if self.at_most else mean >= limit
        return text if reached else f"{text}, **missed**"

    def of_best(self, values: Mapping[str, Sequence[float]]) -> str:
        """Return the cell of the recipe whose mean is best, with its name; none without limit."""
        if self.best is None:
            return ""
        sign = 1 if self.at_most else -1
        name = min(values, key=lambda name: sign * float(np.mean(values[name])))
        return f"{self.cell(values[name], self.best)} (`{name}`)"


def _share(extractor: str, key: str) -> Values:
    return lambda runs, paper: shares(runs, paper, extractor, key)


def _score(key: str) -> Values:
    return lambda runs, _: [over_classes([run], "lite0", key) for run in runs]


def _copies(runs: Sequence[Run], _: Sequence[Run]) -> list[float]:
    """Return percentage points above the share of real images that the threshold calls copies."""
    return [
        100 * (over_classes([run], "lite0", "copies") / run["synthetic"] - _real_copies(run))
        for run in runs
    ]


def _real_copies(run: Run) -> float:
    return run["real_copies"]["lite0"]


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
            best=1 / 6,
            default=1 / 4,
            digits=3,
        )
        for extractor in ("lite0", "lite2")
    ),
    *(
        Aim(
            name=f"KID to unseen patients, share of `{REFERENCE}` ({extractor})",
            values=_share(extractor, "kid_held_out"),
            best=1 / 4,
            default=1 / 3,
            digits=3,
        )
        for extractor in ("lite0", "lite2", "texture")
    ),
    Aim(name="precision", values=_score("precision"), best=0.9, default=0.8, at_most=False),
    Aim(name="coverage", values=_score("coverage"), best=0.95, default=0.85, at_most=False),
    Aim(
        name="copies, percentage points above real images",
        values=_copies,
        best=None,
        default=1,
        digits=1,
    ),
    Aim(name="copied windows, ratio to unseen real images", values=_windows, best=None, default=2),
    Aim(
        name="accuracy from synthetic images, share of that from real ones",
        values=_accuracy,
        best=0.95,
        default=0.9,
        at_most=False,
    ),
    Aim(
        name="core-minutes for four classes",
        values=lambda runs, _: [run["core_minutes"] for run in runs],
        best=5,
        default=108,
        digits=0,
    ),
)


def render() -> str:
    """Return the Markdown table."""
    runs = stored_runs()
    if missing := {DEFAULT, REFERENCE} - runs.keys():
        return f"Not measured yet: {', '.join(sorted(missing))}.\n"
    paper, rows = runs[REFERENCE], []
    competing = {
        name: found for name, found in runs.items() if name in RECIPES and name != REFERENCE
    }
    for aim in AIMS:
        values = {name: aim.values(found, paper) for name, found in competing.items()}
        default = aim.cell(values[DEFAULT], aim.default)
        limits = aim.limit(aim.best), aim.limit(aim.default)
        rows.append([aim.name, aim.of_best(values), limits[0], default, limits[1]])
    return "\n".join(table(["", "best recipe", "aim", f"`{DEFAULT}`", "aim"], rows)[1:]) + "\n"
