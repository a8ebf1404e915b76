"""The tables of docs/crossval.md, made from the committed calibration.json."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments import simulated_cohorts as cohort
from fewray.storage.files import read_json

RESULT = Path(__file__).parents[1] / "docs" / "results" / "calibration.json"


def render(found: Mapping[str, Any] | None = None) -> str:
    """Return the generated block of docs/crossval.md."""
    found = read_json(RESULT) if found is None else found
    rules = list(found["null"][0]["rules"])
    null, power, regimes = found["null"], found["power"], list(found["regimes"].values())
    accuracy = [one["accuracy"][1] for one in null]
    differ = [one["seeds_differ"] for one in null]
    planted = [
        (summary, one, without)
        for summary, effects in found["detectable"].items()
        for one, without in zip(effects, (*null, found["regimes"]["five seeds"]), strict=True)
    ]
    parts = [
        f"Measured with `{found['command']}` (version {found['made_by']['version']}, seed "
        f"{found['seed']}, {found['date']}) on a {found['data']}. Accuracy is "
        f"{min(accuracy):.2f} to {max(accuracy):.2f}. Two seeds disagree on "
        f"{100 * min(differ):.0f}% to {100 * max(differ):.0f}% of the images. Main "
        f"design: {null[0]['seeds']} seeds, {null[0]['repeats']} repeat of {cohort.FOLDS} folds.\n",
        f"**No difference**: false verdicts in {null[0]['cohorts']} cohorts, % (Wilson 95% "
        "interval). Nominal 5, required below 7.\n",
        _table(
            ["rule", *(f"n = {one['rows']}" for one in null)],
            [[name, *(_rejected(one, name) for one in null)] for name in rules],
        ),
        f"**A true difference**: power, % (coverage of the true difference, %), "
        f"{power[0]['cohorts']} cohorts each.\n",
        _table(
            ["rule", *(f"n = {one['rows']}, {100 * one['truth']:.1f} points" for one in power)],
            [[name, *(_power(one, name) for one in power)] for name in rules],
        ),
        "**The smallest effect detected with 80% power**: what studies without a difference state "
        "(10th to 90th percentile in parentheses), the true difference planted to match, and how "
        f"often it was detected, {found['detectable']['mean'][0]['cohorts']} cohorts each.\n",
        _table(
            ["n", "seeds", "stated, points", "planted, points", "power, %", "coverage, %"],
            [
                [
                    str(one["rows"]),
                    str(one["seeds"]),
                    f"{summary} {100 * one['effect']:.1f} ({_range(without)})",
                    f"{100 * one['truth']:.1f}",
                    _rejected(one, rules[0]),
                    _percent(one["rules"][rules[0]]["covered"], one["cohorts"]),
                ]
                for summary, one, without in planted
            ],
        ),
        f"**Other designs without a difference**, n = 140 unless stated: false verdicts, %, "
        f"{regimes[0]['cohorts']} cohorts. The last column is the share of images on which two "
        "seeds disagree.\n",
        _table(
            ["design", *rules, "seeds disagree, %"],
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
    rule = one["rules"][name]
    low, high = rule["wilson"]
    return f"{_percent(rule['rejected'], one['cohorts'])} ({100 * low:.1f}–{100 * high:.1f})"


def _power(one: Mapping[str, Any], name: str) -> str:
    rule = one["rules"][name]
    power, coverage = (_percent(rule[name], one["cohorts"]) for name in ("rejected", "covered"))
    return f"{power} ({coverage})"
