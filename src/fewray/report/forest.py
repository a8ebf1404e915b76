"""The forest plot, and accuracy by seed and by fold, as inline SVG narrow enough for a phone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from fewray.report.figures import new_figure, to_svg
from fewray.report.html.svg import SERIES, gid
from fewray.report.text import points, points_interval, verdict_name
from fewray.report.traced import Name, named_arm
from fewray.results.crossval import Comparison, CrossvalStudy
from fewray.results.names import arm_name

WIDTH = 4.0
"""Inches."""
COLOURS = {"helps": "#2f6f3a", "harms": "#b3401f"}
UNDECIDED = "#3b4650"


def forest_plot(study: CrossvalStudy) -> str | None:
    """Return each arm's difference from the reference with its 95% interval, or None without any.

    Shaded: differences smaller than the arm's minimal detectable one after Holm's correction. Each
    row also gives the verdict in words.
    """
    found = study.comparisons
    if not found:
        return None
    figure, (axes,) = new_figure(1, height=0.46 * len(found) + 0.9, width=WIDTH)
    for row, (arm, comparison) in enumerate(found.items()):
        _draw_comparison(axes, len(found) - row, named_arm(arm), comparison)
    values = [v for c in found.values() for v in (c.difference, *c.ci, c.minimal_detectable_holm)]
    reach = 106 * max(0.01, *map(abs, values))
    axes.set_xlim(-reach, reach)
    axes.set_ylim(0.66, len(found) + 0.62)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(
        "Difference in accuracy (percentage points)\n"
        f"values above 0 favour the arm over {arm_name(study.reference)}",
        fontsize=8,
        parse_math=False,
    )
    return to_svg(figure)


def _draw_comparison(axes: Any, y: int, name: Name, found: Comparison) -> None:
    colour = COLOURS.get(verdict_name(found.verdict), UNDECIDED)
    smallest = 100 * found.minimal_detectable_holm
    band = axes.barh(y, 2 * smallest, height=0.36, left=-smallest, color="#dfe5ea", linewidth=0)
    ends = [100 * end for end in found.ci]
    drawn = [
        *band,
        *axes.plot(ends, [y, y], color=colour, linewidth=1.8, solid_capstyle="butt"),
        *axes.plot([100 * found.difference], [y], "s", color=colour, markersize=5),
    ]
    # The zero line is interrupted, so that it strikes out no word.
    axes.plot([0, 0], [y - 0.26, y + 0.22], color="black", linewidth=0.8)
    place = {"xycoords": ("axes fraction", "data"), "parse_math": False}
    verdict = f"{name}: {verdict_name(found.verdict)}"
    numbers = f"{points(found.difference)} ({points_interval(found.ci)})"
    # A long name is set smaller, so that it ends before the numbers.
    room = 72 * WIDTH - 32 - _text_width(numbers, 7, "normal")
    size = 7.5 * min(1, room / _text_width(verdict, 7.5, "bold"))
    style = {"fontsize": size, "weight": "bold", "color": colour}
    drawn.append(axes.annotate(verdict, (0, y + 0.3), **style, **place))
    style = {"fontsize": 7, "ha": "right", "color": UNDECIDED}
    drawn.append(axes.annotate(numbers, (1, y + 0.3), **style, **place))
    _name(drawn, name)


@lru_cache(maxsize=256)
def _text_width(text: str, size: float, weight: str) -> float:
    """Return the width of ``text`` in points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    prop = FontProperties(weight=weight)
    return float(TextPath((0, 0), text.replace("$", "S"), size=size, prop=prop).get_extents().width)


def _name(drawn: Sequence[Any], name: Name) -> None:
    for artist in drawn:
        artist.set_gid(gid(name))


def seed_figure(study: CrossvalStudy) -> str | None:
    """Return each arm's accuracy by classifier seed with its interval, or None without seeds."""
    found = {name: list(arm.accuracy.by_seed) for name, arm in study.arms.items()}
    return _spread(study, found, "accuracy (one dot per seed)", lines=False)


def fold_figure(study: CrossvalStudy) -> str | None:
    """Return each arm's accuracy by fold, with a thin line for each fold, or None without folds."""
    found = {
        name: [value for repeat in arm.accuracy.by_fold for value in repeat]
        for name, arm in study.arms.items()
    }
    return _spread(study, found, "accuracy (one dot per fold)", lines=True)


def _spread(
    study: CrossvalStudy, found: dict[str, list[float]], label: str, *, lines: bool
) -> str | None:
    if not any(found.values()):
        return None
    figure, (axes,) = new_figure(1, height=0.34 * len(found) + 0.75, width=WIDTH)
    heights = [len(found) - row for row in range(len(found))]
    if lines:
        for values in zip(*found.values(), strict=True):
            axes.plot(values, heights, color="#c4ccd3", linewidth=0.6, zorder=1)
    for y, (name, values) in zip(heights, found.items(), strict=True):
        accuracy, drawn = study.arms[name].accuracy, []
        if accuracy.ci is not None:
            bar = {"color": "#999999", "linewidth": 6, "alpha": 0.4, "solid_capstyle": "butt"}
            drawn += axes.plot(accuracy.ci, [y, y], zorder=2, **bar)
        drawn += axes.plot([accuracy.value], [y], "|", color="black", markersize=11, zorder=3)
        _name([*drawn, *_dots(axes, values, y)], named_arm(name))
    axes.set_yticks(heights, list(map(arm_name, found)), parse_math=False)
    axes.set_ylim(0.4, len(found) + 0.6)
    axes.set_xlabel(label, fontsize=8)
    return to_svg(figure)


def _dots(axes: Any, values: Sequence[float], y: float) -> list[Any]:
    style = {"color": SERIES[0], "markersize": 4, "alpha": 0.75, "markeredgewidth": 0}
    return axes.plot(values, [y] * len(values), "o", zorder=4, **style)
