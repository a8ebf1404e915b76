"""How often the interval of an arm's accuracy holds it, where films of a patient are alike (`python -m experiments.intervals`)."""

from __future__ import annotations

import numpy as np

from fewray.report.tables import Table, to_markdown
from fewray.study.crossval.scores import accuracy_only
from fewray.study.statistics.patients import PatientBootstrap

SETS, SEED = 1000, 0
SHARES = (0.7, 0.9, 0.95)


def covered(patients: int, films: int, share: float, rng: np.random.Generator) -> float:
    """Return the percentage of ``SETS`` intervals that hold ``share``; one seed, rates of patients Beta, correlation 1/3."""
    draws = PatientBootstrap.of(np.repeat(np.arange(patients), films), SEED)
    found = 0
    for _ in range(SETS):
        rate = (
            rng.beta(2 * share, 2 * (1 - share), patients)
            if films > 1
            else np.full(patients, share)
        )
        low, high = accuracy_only(
            rng.random((1, patients * films)) < np.repeat(rate, films), draws
        )["ci"]
        found += low <= share <= high
    return 100 * found / SETS


def main() -> None:
    """Print the table of docs/crossval.md."""
    rng = np.random.default_rng(SEED)
    rows = [
        [patients, films, *(f"{covered(patients, films, share, rng):.1f}" for share in SHARES)]
        for films in (1, 10)
        for patients in (5, 10, 20, 70)
    ]
    columns = ("patients", "images per patient", *(f"accuracy {share:g}" for share in SHARES))
    print(to_markdown(Table.of("", columns, rows)), end="")


if __name__ == "__main__":
    main()
