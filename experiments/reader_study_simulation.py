"""Do the intervals of a reader study cover, and does its test keep its level? By simulation.

    python -m experiments.reader_study_simulation

Readers and images are drawn after Roe & Metz (1997), rated in ten steps, and analysed as
``fewray readers analyse`` does. Writes docs/results/reader_study.json; ``--show`` prints its table.
``--as-published`` prints the table of three readers without our additions to the method.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest

from experiments.provenance import MADE_BY, made_by
from experiments.simulated_readers import (
    STRUCTURES,
    latent_ratings,
    separation_of,
    ten_steps,
    true_auc,
)
from fewray.compute.seeds import child_seed
from fewray.readers.statistics.auc import jackknife_covariance, placements
from fewray.readers.statistics.obuchowski_rockette import averaged_auc, difference

OUT = Path(__file__).parents[1] / "docs" / "results" / "reader_study.json"
SEED, STUDIES, CHUNK, IMAGES = 0, 5000, 500, 60
SOURCES = (
    "experiments/reader_study_simulation.py",
    "experiments/simulated_readers.py",
    "src/fewray/readers/statistics",
)
READERS, AUCS = (3, 5, 10), (0.5, 0.7, 0.85)


def simulate(
    structure: str, readers: int, auc: float, studies: int, seed: int, *, as_published: bool = False
) -> dict[str, Any]:
    """Return coverage and false findings of ``studies`` studies with two equal generators."""
    v = STRUCTURES[structure]
    separation = separation_of(auc, v)
    truth = true_auc(separation, v, steps=True)
    covered = false = 0
    for start in range(0, studies, CHUNK):
        number = min(CHUNK, studies - start)
        draw = np.random.default_rng(child_seed(seed, structure, readers, str(auc), start))
        real, made = latent_ratings(draw, number, readers, IMAGES, IMAGES, [separation] * 2, v)
        parts = [placements(ten_steps(real), ten_steps(each)) for each in made]
        aucs = np.stack([p[0].mean(-1) for p in parts], -2)
        covariance = jackknife_covariance(
            [p[0] for p in parts], [p[1] for p in parts], shared=False
        )
        first = averaged_auc(aucs[:, 0], covariance[:, 0, :, 0], as_published=as_published)
        covered += int(((first.low <= truth) & (truth <= first.high)).sum())
        second = difference(aucs, covariance, as_published=as_published)
        false += int((second.p < 0.05).sum())
    return {
        "structure": structure,
        "readers": readers,
        "auc": round(truth, 4),
        "studies": studies,
        "covered": covered,
        "false_findings": false,
    }


def results(studies: int = STUDIES, seed: int = SEED) -> Iterator[dict[str, Any]]:
    """Yield one row per structure, number of readers and AUC."""
    for structure in STRUCTURES:
        for readers in READERS:
            for auc in AUCS:
                yield simulate(structure, readers, auc, studies, seed)


def render(rows: Sequence[Mapping[str, Any]] | None = None) -> str:
    """Return a table in Markdown: of ``rows``, or of docs/results/reader_study.json."""
    rows = json.loads(OUT.read_text())["rows"] if rows is None else rows
    lines = ["| images, readers | readers | AUC | coverage of the 95% interval | false findings |"]
    lines.append("| --- | ---: | ---: | ---: | ---: |")
    for row in rows:
        n = row["studies"]
        texts = []
        for count in (row["covered"], row["false_findings"]):
            low, high = binomtest(count, n).proportion_ci(method="wilson")
            texts.append(f"{100 * count / n:.1f}% [{100 * low:.1f}, {100 * high:.1f}]")
        cells = (row["structure"], row["readers"], f"{row['auc']:.3f}", *texts)
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Simulate and write the results, or print the table of those written."""
    if "--as-published" in sys.argv:
        cells = [(structure, auc) for structure in STRUCTURES for auc in AUCS]
        rows = [simulate(s, 3, auc, STUDIES, SEED, as_published=True) for s, auc in cells]
        print(render(rows))
        return
    if "--show" not in sys.argv:
        found = {MADE_BY: made_by(*SOURCES), "seed": SEED, "images_of_each_kind": IMAGES}
        found["rows"] = list(results())
        OUT.write_text(json.dumps(found, indent=1) + "\n")
    print(render())


if __name__ == "__main__":
    main()
