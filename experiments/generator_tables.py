"""The tables of docs/generators.md about trained recipes, and what `fewray recipes` shows of them.

`make docs` writes both from docs/results/generators/, where `python -m
experiments.generator_scores` puts its results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from experiments import generator_scores
from experiments.generator_scores import EXTRACTORS
from fewray.presets import RECIPES
from fewray.storage.files import read_json

Run = Mapping[str, Any]
SCORES = {
    "kid": "KID, training images",
    "kid_held_out": "KID, unseen patients",
    "precision": "precision",
    "coverage": "coverage",
}
STATISTICS = {
    "mean": "mean grey level",
    "sd": "SD within an image",
    "gradient": "difference of neighbours",
    "between": "SD between images",
}
REFERENCE = "paper"
"""The recipe whose KID the others are compared with."""


def stored_runs() -> dict[str, list[Run]]:
    """Return the stored runs by recipe, smaller images first."""
    runs: dict[str, list[Run]] = {}
    stored = [read_json(path) for path in sorted(generator_scores.RESULTS.glob("*.json"))]
    for found in sorted(stored, key=lambda found: found["image_size"]):
        runs.setdefault(found["recipe"], []).append(found)
    return runs


def recipe_scores() -> dict[str, dict[str, Any]]:
    """Return what `fewray recipes` shows of each recipe: means over seeds and classes."""
    return {
        name: {
            "data": runs[0]["data"],
            "seeds": len(runs),
            "core_minutes": round(_mean(runs, "core_minutes")),
            "kid_held_out": {
                extractor: round(over_classes(runs, extractor, "kid_held_out"), 2)
                for extractor in EXTRACTORS
            },
            "copies": round(over_classes(runs, "lite0", "copies") / runs[0]["synthetic"], 3),
            "copied_windows": round(over_classes(runs, "lite0", "windows"), 3),
            "accuracy": round(_mean(runs, "accuracy_from_synthetic"), 2),
            "accuracy_real": round(_mean(runs, "accuracy_from_real"), 2),
        }
        for name, runs in stored_runs().items()
        if name in RECIPES
    }


def _mean(runs: Sequence[Run], key: str) -> float:
    return float(np.mean([run[key] for run in runs]))


def _by_class(runs: Sequence[Run], extractor: str, key: str, side: int = 0) -> list[float]:
    """Return the mean over runs for each class, sorted; windows have two sides."""
    values = [
        [each[key][side] if key == "windows" else each[key] for _, each in sorted(scores.items())]
        for scores in (run["scores"][extractor] for run in runs)
    ]
    return list(np.mean(values, axis=0))


def over_classes(runs: Sequence[Run], extractor: str, key: str) -> float:
    """Return the mean of a score over runs and classes."""
    return float(np.mean(_by_class(runs, extractor, key)))


def _side_by_side(values: Sequence[float], digits: int) -> str:
    return " / ".join(f"{value:.{digits}f}" for value in values)


def _size(runs: Sequence[Run]) -> int:
    return runs[0]["image_size"]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table."""
    lines = [f"| {' | '.join(row)} |".replace("  ", " ") for row in (head, *rows)]
    return ["", lines[0], "| --- " * len(head) + "|", *lines[1:]]


def render() -> str:
    """Return the Markdown tables of all stored runs: means over seeds, classes side by side."""
    if not (runs := stored_runs()):
        return "No run has been measured yet.\n"
    labels = sorted(next(iter(runs.values()))[0]["scores"]["lite0"])
    lines = [f"Classes: {' / '.join(labels)}. Means over seeds, in places with their range."]
    lines += _fidelity(runs) + _relative(runs) + _copies(runs) + _grey_levels(runs)
    return "\n".join(lines) + "\n"


def _fidelity(runs: Mapping[str, list[Run]]) -> list[str]:
    """Return the lines of a table of fidelity and diversity, and of real images in their place."""
    rows = []

    def add(start: tuple[str, str, str], found: Sequence[Run], keys: Sequence[str]) -> None:
        for extractor in EXTRACTORS:
            cells = [
                _side_by_side(_by_class(found, extractor, key), 2) if key else "" for key in keys
            ]
            rows.append([*start, extractor, *cells])
            start = ("", "", "")

    for recipe, found in runs.items():
        minutes = with_range([run["core_minutes"] for run in found], 0)
        add((recipe, f"{len(found)}", minutes), found, tuple(SCORES))
    sizes: dict[int, list[Run]] = {}
    for found in runs.values():
        sizes.setdefault(_size(found), found[:1])
    for size, found in sorted(sizes.items()):
        add((f"training images, {size} px", "", ""), found, ("", "real_kid", "", ""))
    return table(["recipe", "seeds", "core-minutes", "extractor", *SCORES.values()], rows)


def _relative(runs: Mapping[str, list[Run]]) -> list[str]:
    """Return the lines of a table of KID divided by that of ``paper``."""
    reference = runs.get(REFERENCE)
    if reference is None:
        return []
    columns = {
        f"{extractor}, {side}": (extractor, key)
        for extractor in EXTRACTORS
        for key, side in (("kid", "training images"), ("kid_held_out", "unseen patients"))
    }
    rows = [
        [recipe, *(with_range(shares(found, reference, *column)) for column in columns.values())]
        for recipe, found in runs.items()
        if recipe != REFERENCE and _size(found) == _size(reference)
    ]
    return table([f"KID as a share of that of `{REFERENCE}`", *columns], rows) if rows else []


def shares(runs: Sequence[Run], reference: Sequence[Run], extractor: str, key: str) -> list[float]:
    """Return a score (mean over classes) of each run divided by that of ``reference``.

    A run is compared with the run of ``reference`` of the same seed, whose patients are the same,
    or with the mean over all of them if there is none.
    """
    return [
        over_classes([run], extractor, key)
        / over_classes(
            [other for other in reference if other["seed"] == run["seed"]] or reference,
            extractor,
            key,
        )
        for run in runs
    ]


def with_range(values: Sequence[float], digits: int = 2) -> str:
    """Return the mean, with the smallest and the largest if there are several values."""
    found = (
        round(float(each), digits) + 0.0 for each in (np.mean(values), min(values), max(values))
    )
    mean, low, high = (f"{each:.{digits}f}" for each in found)
    return f"{mean} ({low} to {high})" if len(values) > 1 else mean


def _copies(runs: Mapping[str, list[Run]]) -> list[str]:
    """Return the lines of a table of copies, and of the accuracy of a classifier."""

    def percent(values: Sequence[float], of: float = 1) -> str:
        return _side_by_side([100 * value / of for value in values], 1)

    rows = [
        [
            recipe,
            f"{found[0]['synthetic']}",
            percent(_by_class(found, "lite0", "copies"), found[0]["synthetic"]),
            *(percent(_by_class(found, "lite0", "windows", side)) for side in (0, 1)),
            *(_accuracy(found, side) for side in ("real", "synthetic")),
        ]
        for recipe, found in runs.items()
    ]
    head = ("recipe", "images", "copies (%)", "copied windows (%)", "of unseen real images (%)")
    return table([*head, "accuracy, trained on real", "on synthetic"], rows)


def _accuracy(runs: Sequence[Run], side: str) -> str:
    key = f"accuracy_from_{side}"
    return with_range([float(np.mean(run[key])) for run in runs]) if key in runs[0] else ""


def _grey_levels(runs: Mapping[str, list[Run]]) -> list[str]:
    """Return the lines of a table of grey-level statistics; of real images once per size."""
    real: dict[int, list[str]] = {}
    made: list[list[str]] = []

    def cells(found: Sequence[Run], side: str) -> list[str]:
        classes = [each for run in found for each in run["statistics"][side].values()]
        return [f"{np.mean([each[key] for each in classes]):.1f}" for key in STATISTICS]

    for recipe, found in runs.items():
        size = _size(found)
        real.setdefault(size, [f"real, {size} px", *cells(found[:1], "training")])
        made.append([recipe, *cells(found, "synthetic")])
    return table(["grey levels", *STATISTICS.values()], [*real.values(), *made])
