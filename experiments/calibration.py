"""Is the trial's verdict calibrated? Measure on fresh cohorts (`python -m experiments.calibration`), and the tables for trial.md."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments import cohorts as cohort
from experiments.candidates import answers, draw
from fewray.classify.scores import wilson
from fewray.storage.files import read_json, write_json
from fewray.study.statistics.compare import compare

RESULT = Path(__file__).parents[1] / "docs" / "results" / "calibration.json"
SIZES = (70, 140, 306)
EFFECTS = (0.04, 0.08, 0.12)
SEEDS = 3
SEED = 50_000
"""Of the cohorts. The formula of the smallest effect was settled on others, of seed 0."""
REGIMES: dict[str, dict[str, Any]] = {
    "one seed": {"seeds": 1},
    "five seeds": {"seeds": 5},
    "two repeats": {"repeats": 2},
    "restless training: no decay of the learning rate, 4 rows a step": {"how": cohort.RESTLESS},
    "restless, 306 rows": {"how": cohort.RESTLESS, "rows": 306},
    "restless, 306 rows, two seeds": {"how": cohort.RESTLESS, "rows": 306, "seeds": 2},
    "restless, 306 rows, two seeds, two folds: no verdict is given": {
        "how": cohort.RESTLESS,
        "rows": 306,
        "seeds": 2,
        "folds": 2,
    },
    "restless, 306 rows, five seeds": {"how": cohort.RESTLESS, "rows": 306, "seeds": 5},
    "one patient of 25 films among those of one to three": {"first": 25},
    "both arms with 15 % wrong labels, drawn for every training": {"wrong": 0.15, "also_arm": True},
    "both arms with 15 % wrong labels, one draw a fold kept over the seeds": {
        "wrong": 0.15,
        "also_arm": True,
        "shared": True,
    },
}
"""What is changed of the main design for the further checks without a difference, at 140 rows where nothing is said."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How many cohorts each part of the measurement is over; multiples of 50."""

    null: int = 2000
    regimes: int = 1000
    power: int = 500
    detectable: int = 1000
    truth: int = 1000
    search: int = 1000


QUICK = Scale(null=50, regimes=50, power=50, detectable=50, truth=100, search=50)


def trial(
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
    how: cohort.Training = cohort.CALM,
    first: int = 0,
) -> dict[str, Any]:
    """Run whole trials on fresh cohorts; return how often each rule rejects and covers, and means of what is stated.

    ``wrong``: the share of wrong labels the reference (and, with ``also_arm``, the arm too) trains on; ``truth``: what
    that costs in accuracy; ``first``: how many films the first patient has, one to three if 0.
    """
    rng = np.random.default_rng((seed, rows, round(1e6 * wrong), seeds, repeats))
    found, said, accuracy, differ = [], [], [], []
    for chunk in range(cohorts // cohort.CHUNK):
        layout = cohort.draw_layout(rows, repeats, seed + chunk, folds, first)
        x = population.draw(layout.labels, layout.groups, rng, cohort.CHUNK)
        reference, arm = (
            cohort.out_of_fold(x, layout, rng, seeds=seeds, wrong=share, shared=shared, how=how)
            for share in (wrong, wrong if also_arm else 0.0)
        )
        drawn = draw(layout.folds, layout.groups, seeds, rng)
        accuracy.append((reference.mean(), arm.mean()))
        if seeds > 1:
            differ.append((arm[:, :, 0] != arm[:, :, 1]).mean())
        for before, after in zip(reference, arm, strict=True):
            comparison = compare(before, after, layout.folds, layout.groups)
            found.append(comparison)
            said.append(
                answers(comparison, after * 1.0 - before, layout.folds, layout.groups, truth, drawn)
            )
    stated = [one.minimal_detectable for one in found]
    rules = {}
    for name in said[0]:
        p = np.array([one[name][0] for one in said])
        covered = [one[name][1] for one in said]
        rules[name] = {
            "rejected": int((p < 0.05).sum()),
            "wilson": [round(end, 4) for end in wilson(int((p < 0.05).sum()), cohorts)],
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


def measure(population: cohort.Population, scale: Scale) -> dict[str, Any]:
    """Return the tables: trials without a difference, with differences, at the stated smallest effect, other regimes."""
    null = [trial(population, rows, cohorts=scale.null, seed=SEED) for rows in SIZES]
    regimes = {name: regime(population, name, scale.regimes) for name in REGIMES}

    def with_effect(rows: int, effect: float, cohorts: int, seeds: int = SEEDS) -> dict[str, Any]:
        wrong = cohort.share_for(population, rows, effect, scale.search)
        truth, error = cohort.true_difference(population, rows, wrong, scale.truth)
        found = trial(
            population, rows, cohorts=cohorts, seed=SEED, wrong=wrong, truth=truth, seeds=seeds
        )
        print(
            f"{rows} rows, effect {effect:.3f}: {found['rules']['two-way clustering']}",
            file=sys.stderr,
        )
        return {**found, "effect": effect, "truth_error": round(error, 5)}

    return {
        "null": null,
        "power": [with_effect(rows, effect, scale.power) for rows in SIZES for effect in EFFECTS],
        "detectable": {
            summary: [
                with_effect(
                    one["rows"], one["minimal_detectable"][summary], scale.detectable, one["seeds"]
                )
                for one in (*null, regimes["five seeds"])
            ]
            for summary in ("mean", "median")
        },
        "regimes": regimes,
    }


def regime(population: cohort.Population, name: str, cohorts: int) -> dict[str, Any]:
    """Return one of ``REGIMES`` measured."""
    return trial(population, cohorts=cohorts, seed=SEED, **{"rows": 140, **REGIMES[name]})


def main() -> None:
    """Measure and write the result; ``--quick`` prints a small one and writes nothing.

    ``--missing`` measures only the regimes that the committed result lacks: each draws from a seed of its own, so that
    they are what a whole measurement gives.
    """
    quick = "--quick" in sys.argv[1:]
    if "--missing" in sys.argv[1:]:
        found = read_json(RESULT)
        population, cohorts = cohort.phantom_population(), Scale().regimes
        known = found["regimes"]
        found["regimes"] = {
            name: known.get(name) or regime(population, name, cohorts) for name in REGIMES
        }
        write_json(RESULT, found)
        return
    found = {
        "data": f"model of {cohort.PHANTOM}, {cohort.DIMS} principal components, class means moved apart by {cohort.SPREAD:g}",
        "seed": SEED,
        "command": "python -m experiments.calibration",
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        **measure(cohort.phantom_population(), QUICK if quick else Scale()),
    }
    if quick:
        print(render(found))
    else:
        write_json(RESULT, found)


def render(found: Mapping[str, Any] | None = None) -> str:
    """Return the block of docs/crossval.md made from the committed result."""
    found = read_json(RESULT) if found is None else found
    rules = list(found["null"][0]["rules"])
    null, power, regimes = found["null"], found["power"], list(found["regimes"].values())
    accuracy = [one["accuracy"][1] for one in null]
    differ = [one["seeds_differ"] for one in null]
    parts = [
        f"Measured by `{found['command']}`, seed {found['seed']}, {found['date']}: {found['data']}. Accuracy "
        f"{min(accuracy):.2f} to {max(accuracy):.2f}; two seeds differ on {100 * min(differ):.0f} to "
        f"{100 * max(differ):.0f} % of the rows. {null[0]['seeds']} seeds, {null[0]['repeats']} repeat of "
        f"{cohort.FOLDS} folds.\n",
        f"**No difference**: false verdicts in {null[0]['cohorts']} cohorts, % (Wilson 95 %). Nominal 5, wanted below 7.\n",
        _table(
            ["rule", *(f"n = {one['rows']}" for one in null)],
            [[name, *(_rejected(one, name) for one in null)] for name in rules],
        ),
        f"**A true difference**: power, % (coverage of the true difference, %), {power[0]['cohorts']} cohorts each.\n",
        _table(
            ["rule", *(f"n = {one['rows']}, {100 * one['truth']:.1f} points" for one in power)],
            [[name, *(_power(one, name) for one in power)] for name in rules],
        ),
        "**The smallest effect seen with 80 % power**: what trials without a difference state (a tenth of them less, a "
        "tenth more than the figures in parentheses), the true difference then planted, and how often the trial saw it, "
        f"{found['detectable']['mean'][0]['cohorts']} cohorts each.\n",
        _table(
            [
                "n",
                "seeds",
                "stated, points",
                "planted, points",
                "power of two-way clustering, %",
                "coverage, %",
            ],
            [
                [
                    str(one["rows"]),
                    str(one["seeds"]),
                    f"{summary} {100 * one['effect']:.1f} ({_range(without)})",
                    f"{100 * one['truth']:.1f}",
                    _rejected(one, rules[0]),
                    _percent(one["rules"][rules[0]]["covered"], one["cohorts"]),
                ]
                for summary, planted in found["detectable"].items()
                for one, without in zip(
                    planted, (*null, found["regimes"]["five seeds"]), strict=True
                )
            ],
        ),
        f"**Other designs without a difference**, n = 140 where no other is named: false verdicts, %, {regimes[0]['cohorts']} "
        "cohorts; the last column is the share of rows on which two seeds differ.\n",
        _table(
            ["design", *rules, "seeds differ, % of rows"],
            [
                [
                    name,
                    *(_percent(one["rules"][rule]["rejected"], one["cohorts"]) for rule in rules),
                    "–" if one["seeds_differ"] is None else f"{100 * one['seeds_differ']:.0f}",
                ]
                for name, one in found["regimes"].items()
            ],
        ),
    ]
    return "\n".join(parts)


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [f"| {' | '.join(header)} |", f"|{' --- |' * len(header)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def _range(one: Mapping[str, Any]) -> str:
    low, high = one["minimal_detectable"]["range"]
    return f"{100 * low:.1f}–{100 * high:.1f}"


def _percent(count: int | None, of: int) -> str:
    return "–" if count is None else f"{100 * count / of:.1f}"


def _rejected(one: Mapping[str, Any], name: str) -> str:
    low, high = one["rules"][name]["wilson"]
    return f"{_percent(one['rules'][name]['rejected'], one['cohorts'])} ({100 * low:.1f}–{100 * high:.1f})"


def _power(one: Mapping[str, Any], name: str) -> str:
    rule = one["rules"][name]
    return f"{_percent(rule['rejected'], one['cohorts'])} ({_percent(rule['covered'], one['cohorts'])})"


if __name__ == "__main__":
    main()
