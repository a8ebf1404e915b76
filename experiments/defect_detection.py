"""Which metrics see which planted defect on covid4: measure (`python -m experiments.defects`), and the table for metrics.md."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.planted_defects import COLUMNS, DEFECTS, HELD_OUT, Defect
from fewray.quality.names import METRICS
from fewray.storage.files import read_json, write_json

RESULT = Path(__file__).parents[1] / "docs" / "results" / "defects.json"
EXTRACTORS = ("lite0", "pixels")

ALIKE = "bacterial and viral pneumonia look alike at 64 px: the pair all classifiers confuse"
FEW = (
    "at twenty images a side the floor's spread is larger than the fault; a ball of five neighbours of forty covers a "
    "mode that is gone"
)
SMALL = "reduced to 32 px, the image has lost the fault: it lives in the pixels that are averaged"
HALF = (
    "at m images a side only half of the copied films are among the real half, too few beside the floor's spread; "
    "`auth_pct` of all images is 0"
)
CHANCE = (
    "two spreads leave one film set in twenty outside by chance: one class of four, the one cell in 40 that reacted without a "
    "fault"
)
POOLED = (
    "the bar is drawn from all classes together, so that a single class may lie above 2 %: 4 of 35 covid films were flagged "
    "(2 of the other 119), at least 3 of them by the 32 x 32 features, whose bar is a share of the median distance, and that "
    "is 4.3 in covid beside 3.2 to 3.5 elsewhere: its films come from several sources, alike within and unlike between "
    "them. With `lite0`, the default, 1 of 35 was"
)
SCATTERED = (
    "not in covid, whose films come from several sources and often several from one patient: a split takes one of each, and over "
    "the splits floor and figure scatter by more than the fault moves it"
)
CLEAN = "none: unseen real images"
EXPLAINED = {
    (CLEAN, "ms_ssim", "lite0@128"): CHANCE,
    (CLEAN, "ms_ssim", "pixels@32"): CHANCE,
    (CLEAN, "copies", "pixels@32"): POOLED,
    ("blur, 1.5 px", "coverage", "lite0@128"): SCATTERED,
    ("intensity +30", "kid_mean", "pixels@32"): SCATTERED,
    (
        "intensity +30",
        "kid_mean",
        "lite0@128",
    ): "ImageNet features hardly see brightness; `pixels` does",
    **{
        (defect, metric, extractor): why
        for extractor in ("lite0@128", "pixels@32")
        for defect, metric, why in (
            ("wrong class", "fid", ALIKE),
            ("wrong class", "kid_mean", ALIKE),
            ("mode dropped", "recall", FEW),
            (
                "mode dropped",
                "ms_ssim",
                "the films kept are nearly as unlike each other as all are",
            ),
            ("training images", "auth_pct", HALF),
        )
    },
    **{
        (defect, metric, "pixels@32"): SMALL
        for defect in ("blur, 1.5 px", "noise, sd 25", "checkerboard, ±12")
        for metric in ("fid", "kid_mean", "coverage")
    },
}
"""Why a metric that must react did not in every class, or one that must not did: by defect, metric, extractor."""


def main() -> None:
    """Measure on covid4 and write the result."""
    from experiments.planted_defects import examine
    from fewray.data.loading import load_dataset
    from fewray.pipelines.quality_report import image_sets
    from fewray.quality.features.extractor import load_extractor

    rows = load_dataset("covid4")
    images = image_sets(rows, rows.classes, 64, "squash")
    found = {
        "data": f"covid4, all {len(rows)} images, 64 px, squashed",
        "command": "python -m experiments.defects",
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "hardware": f"{platform.machine()} CPU",
        "runs": [examine(images, load_extractor(name)) for name in EXTRACTORS],
    }
    write_json(RESULT, found)
    for defect, metric, extractor in unexplained(found):
        print(f"not explained: {metric} on {defect} ({extractor})")


def unexplained(found: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return the wrong cells that no sentence explains."""
    return [
        (name, metric, run["extractor"])
        for run in found["runs"]
        for name, defect in DEFECTS.items()
        for metric in COLUMNS
        if _wrong(run, name, defect, metric) and (name, metric, run["extractor"]) not in EXPLAINED
    ]


def render() -> str:
    """Return the block of docs/metrics.md made from the committed result."""
    found = read_json(RESULT)
    parts = [
        f"Measured on {found['data']}; `{found['command']}`, seed {found['runs'][0]['seed']}, {found['hardware']}, "
        f"{found['date']}. A cell is the number of classes, of four, in which the metric reacted: off its floor by more "
        "than two spreads, or more than 5 % of the images called copies. **Bold**: it must react; *struck*: it must not. "
        "Cells that are neither have no right answer.\n"
    ]
    for run in found["runs"]:
        header = ["defect", *map(_shown, COLUMNS), "called copies"]
        lines = [f"| {' | '.join(header)} |", f"|{' --- |' * len(header)}"]
        for name, defect in DEFECTS.items():
            cells = [_cell(run, name, defect, metric) for metric in COLUMNS]
            lines.append(f"| {name} | {' | '.join(cells)} | {_share(run, name)} |")
        held_out = f"| {HELD_OUT}, looked for among them |{' |' * (len(COLUMNS) - 1)} **{_count(run, HELD_OUT, 'copies')}** "
        lines.append(f"{held_out}| {_share(run, HELD_OUT)} |")
        counts = ", ".join(
            f"{label} {run['num_train'][label]}/{run['num_fake'][label]}"
            for label in run["num_train"]
        )
        parts.append(
            f"Extractor {run['extractor']}, training/synthetic images: {counts}.\n\n"
            + "\n".join(lines)
            + "\n"
        )
        reasons: dict[str, list[str]] = {}
        for name, defect in DEFECTS.items():
            for metric in COLUMNS:
                if _wrong(run, name, defect, metric) and (
                    why := EXPLAINED.get((name, metric, run["extractor"]))
                ):
                    reasons.setdefault(why, []).append(f"{_shown(metric)} on *{name}*")
        if reasons:
            parts.append(
                "Where one that must react did not in every class, or one that must not did:\n\n"
                + "\n".join(f"- {', '.join(cells)}: {why}." for why, cells in reasons.items())
                + "\n"
            )
        clean = next(iter(DEFECTS))
        alarms = sum(_count(run, clean, metric) for metric in COLUMNS)
        parts.append(
            f"Unseen real images set off {alarms} of {len(COLUMNS) * len(run['num_train'])} cells; two spreads leave about "
            "one in twenty.\n"
        )
    return "\n".join(parts)


def _count(run: Mapping[str, Any], name: str, metric: str) -> int:
    return sum(bool(cell["reacted"].get(metric)) for cell in run["defects"][name].values())


def _wrong(run: Mapping[str, Any], name: str, defect: Defect, metric: str) -> bool:
    if all(metric not in cell["reacted"] for cell in run["defects"][name].values()):
        return False  # the metric is not defined with this extractor
    count = _count(run, name, metric)
    return (metric in defect.must and count < len(run["defects"][name])) or (
        metric in defect.must_not and count > 0
    )


def _shown(metric: str) -> str:
    return METRICS[metric][0] if metric in METRICS else metric


def _cell(run: Mapping[str, Any], name: str, defect: Defect, metric: str) -> str:
    if all(metric not in cell["reacted"] for cell in run["defects"][name].values()):
        return "–"
    count = _count(run, name, metric)
    return (
        f"**{count}**"
        if metric in defect.must
        else f"~~{count}~~"
        if metric in defect.must_not
        else str(count)
    )


def _share(run: Mapping[str, Any], name: str) -> str:
    shares = [cell["found"] for cell in run["defects"][name].values()]
    return f"{100 * min(shares):.0f} to {100 * max(shares):.0f} %"


if __name__ == "__main__":
    main()
