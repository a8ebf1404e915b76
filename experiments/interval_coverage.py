"""Measure how often the interval of an arm's accuracy covers the true accuracy.

The images of a patient are alike. `python -m experiments.interval_coverage` prints the table
of docs/crossval.md.
"""

from __future__ import annotations

import numpy as np

from fewray.report.tables import Table, to_markdown
from fewray.study.crossval.scores import accuracy_of
from fewray.study.statistics.patients import PatientBootstrap

SETS, SEED = 1000, 0
ACCURACIES = (0.7, 0.9, 0.95)


def coverage(patients: int, images: int, accuracy: float, rng: np.random.Generator) -> float:
    """Return the percentage of ``SETS`` intervals that cover ``accuracy``, with one seed.

    With several images per patient, each patient's accuracy is drawn from a Beta distribution; the
    outcomes of a patient's images then have a correlation of 1/3.
    """
    draws = PatientBootstrap.of(np.repeat(np.arange(patients), images), SEED)
    covered = 0
    for _ in range(SETS):
        rate = np.full(patients, accuracy)
        if images > 1:
            rate = rng.beta(2 * accuracy, 2 * (1 - accuracy), patients)
        correct = rng.random((1, patients * images)) < np.repeat(rate, images)
        interval = accuracy_of(correct, draws).ci
        assert interval is not None
        covered += interval[0] <= accuracy <= interval[1]
    return 100 * covered / SETS


def main() -> None:
    """Print the table of docs/crossval.md."""
    rng = np.random.default_rng(SEED)
    rows = [
        [patients, images, *(f"{coverage(patients, images, p, rng):.1f}" for p in ACCURACIES)]
        for images in (1, 10)
        for patients in (5, 10, 20, 70)
    ]
    columns = ("patients", "images per patient", *(f"accuracy {p:g}" for p in ACCURACIES))
    print(to_markdown(Table.of("", columns, rows)), end="")


if __name__ == "__main__":
    main()
