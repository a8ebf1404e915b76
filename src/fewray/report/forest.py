"""Figures of the trial: the differences as a forest plot, and accuracy over seeds and over folds. Inline SVG.

They are drawn narrow, so that their words can be read on a phone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fewray.report.fields import accuracies
from fewray.report.figures import SERIES, new_figure, to_svg
from fewray.report.text import points, points_interval

WIDTH = 4.0
"""Inches."""
COLOURS = {"helps": "#2f6f3a", "harms": "#b3401f"}
UNDECIDED = "#3b4650"


def forest_plot(study: Mapping[str, Any]) -> str | None:
    """Return each arm's difference to the reference with its 95 % interval as SVG, or None without a comparison.

    Shaded: differences smaller than the arm's minimal detectable one after Holm's correction. The verdict stands in words in every row.
    """
    comparisons = study.get("comparisons") or {}
    if not comparisons:
        return None
    figure, (axes,) = new_figure(1, height=0.52 * len(comparisons) + 0.75, width=WIDTH)
    reach = [1.0]
    for row, (name, found) in enumerate(comparisons.items()):
        y = len(comparisons) - row
        colour = COLOURS.get(found["verdict"], UNDECIDED)
        smallest = found.get("minimal_detectable_holm")
        if smallest is not None:
            axes.barh(
                y, 200 * smallest, height=0.36, left=-100 * smallest, color="#dfe5ea", linewidth=0
            )
            reach.append(100 * smallest)
        ends = found.get("ci")
        if ends is not None and None not in ends:
            axes.plot(
                [100 * ends[0], 100 * ends[1]],
                [y, y],
                color=colour,
                linewidth=1.8,
                solid_capstyle="butt",
            )
            reach += [100 * abs(end) for end in ends]
        if found.get("difference") is not None:
            axes.plot([100 * found["difference"]], [y], "s", color=colour, markersize=5)
            reach.append(100 * abs(found["difference"]))
        axes.plot(
            [0, 0], [y - 0.26, y + 0.22], color="black", linewidth=0.8
        )  # broken, so that no word is struck out
        axes.annotate(
            f"{name}: {found['verdict']}",
            (0, y + 0.3),
            xycoords=("axes fraction", "data"),
            fontsize=7.5,
            weight="bold",
            color=colour,
            parse_math=False,
        )
        axes.annotate(
            f"{points(found.get('difference'))} ({points_interval(ends)})",
            (1, y + 0.3),
            xycoords=("axes fraction", "data"),
            fontsize=7,
            ha="right",
            color=UNDECIDED,
        )
    axes.set_xlim(-1.06 * max(reach), 1.06 * max(reach))
    axes.set_ylim(0.66, len(comparisons) + 0.6)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(
        f"points of accuracy; right of 0: better than {study['reference']}",
        fontsize=8,
        parse_math=False,
    )
    return to_svg(figure)


def seed_figure(study: Mapping[str, Any]) -> str | None:
    """Return each arm's accuracy by classifier seed, with its interval, or None where no seed was scored."""
    return _spread(study, "by_seed", "accuracy, a dot a seed", joined=False)


def fold_figure(study: Mapping[str, Any]) -> str | None:
    """Return each arm's accuracy by fold, a thin line through the same fold of all arms, or None without folds."""
    return _spread(study, "by_fold", "accuracy, a dot a fold", joined=True)


def _spread(study: Mapping[str, Any], key: str, words: str, *, joined: bool) -> str | None:
    arms = study.get("arms") or {}
    found = {name: accuracies(arm, key) for name, arm in arms.items()}
    if not any(value is not None for values in found.values() for value in values):
        return None
    figure, (axes,) = new_figure(1, height=0.34 * len(arms) + 0.75, width=WIDTH)
    heights = {name: len(arms) - row for row, name in enumerate(arms)}
    if joined:
        for index in range(max(map(len, found.values()))):
            line = [
                (v[index], heights[n])
                for n, v in found.items()
                if index < len(v) and v[index] is not None
            ]
            axes.plot(
                *zip(*line, strict=True), color="#c4ccd3", linewidth=0.6, zorder=1
            ) if line else None
    for name, arm in arms.items():
        y, ends = heights[name], arm["accuracy"].get("ci")
        if ends is not None and None not in ends:
            axes.plot(
                ends,
                [y, y],
                color="#999999",
                linewidth=6,
                alpha=0.4,
                solid_capstyle="butt",
                zorder=2,
            )
        if arm["accuracy"].get("value") is not None:
            axes.plot([arm["accuracy"]["value"]], [y], "|", color="black", markersize=11, zorder=3)
        _dots(axes, found[name], y)
    axes.set_yticks(list(heights.values()), list(heights), parse_math=False)
    axes.set_ylim(0.4, len(arms) + 0.6)
    axes.set_xlabel(words, fontsize=8)
    return to_svg(figure)


def _dots(axes: Any, values: Sequence[float | None], y: float) -> None:
    there = [value for value in values if value is not None]
    axes.plot(
        there,
        [y] * len(there),
        "o",
        color=SERIES[0],
        markersize=4,
        alpha=0.75,
        markeredgewidth=0,
        zorder=4,
    )
