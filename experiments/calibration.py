"""Measure how well the study's rule is calibrated: `python -m experiments.calibration`.

Cohorts are drawn afresh, small networks are trained on them, and the rule of compare.py is applied
next to other rules. docs/crossval.md shows the tables (calibration_tables.py).
"""

from __future__ import annotations

import argparse
import datetime
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments import simulated_cohorts as cohort
from experiments.calibration_tables import RESULT, render
from experiments.provenance import made_by
from experiments.rules import decisions, resampling
from fewray.classify.scores import wilson
from fewray.storage.files import read_json, write_json
from fewray.study.statistics.compare import compare

SOURCES = (
    "src/fewray/study/statistics/compare.py",
    "src/fewray/study/statistics/patients.py",
    "src/fewray/study/statistics/power.py",
    "experiments/calibration.py",
    "experiments/rules.py",
    "experiments/simulated_cohorts.py",
)
SIZES = (70, 140, 306)
EFFECTS = (0.04, 0.08, 0.12)
SEEDS = 3
SEED = 50_000
"""Of the cohorts. The formula of the smallest effect was chosen on other cohorts, of seed 0."""
VARIABLE = "high training variance"
REGIMES: dict[str, dict[str, Any]] = {
    "one seed": {"seeds": 1},
    "five seeds": {"seeds": 5},
    "two repeats": {"repeats": 2},
    f"{VARIABLE}: constant learning rate, 4 images per step": {"how": cohort.VARIABLE},
    f"{VARIABLE}, 306 images": {"how": cohort.VARIABLE, "rows": 306},
    f"{VARIABLE}, 306 images, two seeds": {"how": cohort.VARIABLE, "rows": 306, "seeds": 2},
    f"{VARIABLE}, 306 images, two seeds, two folds (the study then gives no verdict)": {
        "how": cohort.VARIABLE,
        "rows": 306,
        "seeds": 2,
        "folds": 2,
    },
    f"{VARIABLE}, 306 images, five seeds": {"how": cohort.VARIABLE, "rows": 306, "seeds": 5},
    "one patient with 25 images, the others with one to three": {"first": 25},
    "both arms with 15% wrong labels, drawn for every training run": {
        "wrong": 0.15,
        "also_arm": True,
    },
    "both arms with 15% wrong labels, drawn once per fold and kept for all seeds": {
        "wrong": 0.15,
        "also_arm": True,
        "shared": True,
    },
}
"""Further designs without a difference: what they change of the main design at 140 images."""
RENEWED = (
    "`measured_by` measured everything; with the code of `made_by` the parts without a difference "
    "and five seeds were measured again, and were equal"
)


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Number of cohorts of each part; multiples of 50."""

    null: int = 2000
    regimes: int = 1000
    power: int = 500
    detectable: int = 1000
    truth: int = 1000
    search: int = 1000


QUICK = Scale(null=50, regimes=50, power=50, detectable=50, truth=100, search=50)


class Parts:
    """Finished parts of a measurement, kept in a file so that an interrupted run can resume.

    A file made by other code or at another scale is not used. ``path`` None keeps nothing.
    """

    def __init__(self, path: Path | None, scale: Scale) -> None:
        self.path, self.done = path, dict[str, Any]()
        self.key = {"scale": asdict(scale), "made_by": made_by(*SOURCES)}
        if path is not None and path.exists():
            kept = read_json(path)
            self.done = kept["done"] if kept["key"] == self.key else {}

    def get(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return the part ``name``, from the file or newly made."""
        if name not in self.done:
            self.done[name] = make()
            print(name, self.done[name]["rules"]["two-way clustering"], file=sys.stderr, flush=True)
            if self.path is not None:
                write_json(self.path, {"key": self.key, "done": self.done})
        return self.done[name]


def simulate(
    population: cohort.Population,
    rows: int,
    *,
    cohorts: int,
    seed: int,
    wrong: float = 0.0,
    truth: float = 0.0,
    seeds: int = SEEDS,
    repeats: int = 1,
    folds: int = cohort.FOLDS,
    also_arm: bool = False,
    shared: bool = False,
    how: cohort.Training = cohort.STABLE,
    first: int = 0,
) -> dict[str, Any]:
    """Run whole studies on fresh cohorts of ``rows`` images.

    Return how often each rule rejects, how often its interval covers the truth, and means of what
    the study reports. ``wrong`` is the share of wrong labels that the reference trains on (with
    ``also_arm`` the arm too) and ``truth`` what that costs in accuracy. ``first`` is the number of
    images of the first patient, one to three if 0.
    """
    rng = np.random.default_rng((seed, rows, round(1e6 * wrong), seeds, repeats))
    found, decided, accuracy, differ = [], [], [], []
    for chunk in range(cohorts // cohort.CHUNK):
        layout = cohort.draw_layout(rows, repeats, seed + chunk, folds, first)
        x = population.draw(layout.labels, layout.groups, rng, cohort.CHUNK)
        reference, arm = (
            cohort.out_of_fold(x, layout, rng, seeds=seeds, wrong=share, shared=shared, how=how)
            for share in (wrong, wrong if also_arm else 0.0)
        )
        drawn = resampling(layout.folds, layout.groups, seeds, rng)
        accuracy.append((reference.mean(), arm.mean()))
        if seeds > 1:
            differ.append((arm[:, :, 0] != arm[:, :, 1]).mean())
        for before, after in zip(reference, arm, strict=True):
            one = compare(before, after, layout.folds, layout.groups)
            d = after * 1.0 - before
            found.append(one)
            decided.append(decisions(one, d, layout.folds, layout.groups, truth, drawn))
    stated = [one.minimal_detectable for one in found]
    rules = {}
    for name in decided[0]:
        rejected = sum(one[name][0] < 0.05 for one in decided)
        covered = [one[name][1] for one in decided]
        rules[name] = {
            "rejected": int(rejected),
            "wilson": [round(end, 4) for end in wilson(int(rejected), cohorts)],
            "covered": None if covered[0] is None else int(sum(map(bool, covered))),
        }
    return {
        "rows": rows,
        "cohorts": cohorts,
        "seeds": seeds,
        "repeats": repeats,
        "wrong": round(wrong, 4),
        "truth": round(truth, 5),
        "accuracy": [round(float(value), 4) for value in np.mean(accuracy, 0)],
        "seeds_differ": round(float(np.mean(differ)), 4) if differ else None,
        "discordance": round(float(np.mean([one.discordance for one in found])), 4),
        "standard_error": round(float(np.mean([one.standard_error for one in found])), 5),
        "spread": round(float(np.std([one.difference for one in found])), 5),
        "training_share": round(float(np.mean([one.training_share or 0.0 for one in found])), 4),
        "minimal_detectable": {
            "mean": round(float(np.mean(stated)), 5),
            "median": round(float(np.median(stated)), 5),
            "range": [round(float(end), 5) for end in np.quantile(stated, (0.1, 0.9))],
        },
        "rules": rules,
    }


def measure(
    population: cohort.Population, scale: Scale, parts: Parts | None = None
) -> dict[str, Any]:
    """Return all parts: no difference, true differences, the stated smallest effect, regimes."""
    parts = parts or Parts(None, scale)

    def regime(name: str) -> dict[str, Any]:
        design = {"rows": 140, **REGIMES[name]}
        return parts.get(
            name, lambda: simulate(population, cohorts=scale.regimes, seed=SEED, **design)
        )

    def with_effect(
        name: str, rows: int, effect: float, cohorts: int, seeds: int = SEEDS
    ) -> dict[str, Any]:
        def make() -> dict[str, Any]:
            wrong = cohort.share_for(population, rows, effect, scale.search)
            truth, error = cohort.true_difference(population, rows, wrong, scale.truth)
            found = simulate(
                population, rows, cohorts=cohorts, seed=SEED, wrong=wrong, truth=truth, seeds=seeds
            )
            return {**found, "effect": effect, "truth_error": round(error, 5)}

        return parts.get(f"{name}, {rows} images, {seeds} seeds, effect {effect:g}", make)

    null = [
        parts.get(
            f"no difference, {rows} images",
            lambda rows=rows: simulate(population, rows, cohorts=scale.null, seed=SEED),
        )
        for rows in SIZES
    ]
    detectable = {
        summary: [
            with_effect(
                f"stated {summary}",
                one["rows"],
                one["minimal_detectable"][summary],
                scale.detectable,
                one["seeds"],
            )
            for one in (*null, regime("five seeds"))
        ]
        for summary in ("mean", "median")
    }
    power = [
        with_effect("power", rows, effect, scale.power) for rows in SIZES for effect in EFFECTS
    ]
    return {
        "null": null,
        "power": power,
        "detectable": detectable,
        "regimes": {name: regime(name) for name in REGIMES},
    }


def renew(population: cohort.Population, found: dict[str, Any]) -> dict[str, Any]:
    """Return the result with the record of the present code, after checking that nothing changed.

    The parts without a difference (all sizes, and five seeds) are measured again in full. Their
    rejections, coverage and stated smallest effects must equal those of ``found``.
    """
    again = [simulate(population, rows, cohorts=Scale.null, seed=SEED) for rows in SIZES]
    again.append(simulate(population, 140, cohorts=Scale.regimes, seed=SEED, seeds=5))
    if again != [*found["null"], found["regimes"]["five seeds"]]:
        sys.exit("the present code gives other numbers: run the whole measurement again")
    measured = found.get("measured_by", found["made_by"])
    return {**found, "made_by": made_by(*SOURCES), "measured_by": measured, "renewed": RENEWED}


def main() -> None:
    """Measure and write the committed result, renew its record, or print a quick measurement."""
    parser = argparse.ArgumentParser(description="Measure the calibration of the study's rule.")
    parser.add_argument("--quick", action="store_true", help="Print a small measurement only.")
    parser.add_argument("--renew", action="store_true", help="Check the result with present code.")
    parser.add_argument("--resume", type=Path, help="File that keeps the finished parts.")
    asked = parser.parse_args()
    if asked.renew:
        write_json(RESULT, renew(cohort.phantom_population(), read_json(RESULT)))
        return
    scale = QUICK if asked.quick else Scale()
    model = f"{cohort.DIMS} principal components, class means multiplied by {cohort.SPREAD:g}"
    found = {
        "made_by": made_by(*SOURCES),
        "data": f"model of {cohort.PHANTOM}, {model}",
        "seed": SEED,
        "command": "python -m experiments.calibration",
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        **measure(cohort.phantom_population(), scale, Parts(asked.resume, scale)),
    }
    if asked.quick:
        print(render(found))
    else:
        write_json(RESULT, found)


if __name__ == "__main__":
    main()
