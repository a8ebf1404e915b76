"""Dot plot of a quality report: every score between real-vs-real and noise."""

from __future__ import annotations

from collections.abc import Mapping

from fewray.report.figures import new_figure, to_svg
from fewray.report.html.svg import SERIES, gid
from fewray.report.page import Drawing
from fewray.report.traced import as_name
from fewray.results.quality import METRICS, ClassQuality, QualityReport

ENDS = (-0.5, 1.5)
"""Positions beyond these are drawn at the edge, as triangles."""
MARKS = ("o", "s", "D", "^", "v", "P")
CITES = ("heusel2017", "binkowski2018", "kynkaanniemi2019", "naeem2020")


def quality_dots(
    quality: QualityReport, names: Mapping[str, str] | None = None
) -> tuple[Drawing, ...]:
    """Return the dot plot, one row per metric and one mark per class; none without baselines.

    ``names`` are the display names of the classes, by label.
    """
    names = names or {}
    found = {names.get(label, label): each for label, each in quality.classes.items()}
    return _dots(found, "Every score of the synthetic images between real images and noise")


def set_dots(
    sets: Mapping[str, QualityReport], label: str, names: Mapping[str, str]
) -> tuple[Drawing, ...]:
    """Return the dot plot of one class, with a mark per set of synthetic images."""
    found = {name: report.classes[label] for name, report in sets.items()}
    shown = names.get(label, label)
    title = f"{shown}: every score of each set between real images and noise"
    return _dots(found, title, f"Class {shown}. ")


def _dots(found: Mapping[str, ClassQuality], title: str, about: str = "") -> tuple[Drawing, ...]:
    rows = {
        label: {
            key: base.position
            for key, base in each.baselines.items()
            if key in METRICS and base.position is not None
        }
        for label, each in found.items()
    }
    keys = [key for key in METRICS if any(key in positions for positions in rows.values())]
    if not keys:
        return ()
    figure, (axes,) = new_figure(1, height=0.36 * len(keys) + 1.3, width=7)
    for place, colour in ((0, "#2f6f3a"), (1, "#999999")):
        axes.axvline(place, color=colour, linewidth=1)
    heights = {key: len(keys) - index for index, key in enumerate(keys)}
    spread = 0.4 / max(1, len(rows))
    for index, (label, positions) in enumerate(rows.items()):
        offset = spread * ((len(rows) - 1) / 2 - index)
        style = {"color": SERIES[index % len(SERIES)], "markersize": 5, "clip_on": False}
        drawn = []
        for key, position in positions.items():
            shown = min(max(position, ENDS[0]), ENDS[1])
            mark = MARKS[index % len(MARKS)] if shown == position else "<>"[position > 1]
            named = label if key == next(iter(positions)) else None
            drawn += axes.plot(
                [shown], [heights[key] + offset], mark, label=named, linestyle="none", **style
            )
        for artist in drawn:
            artist.set_gid(gid(as_name(label)))
    axes.set_yticks(list(heights.values()), [METRICS[key][0] for key in keys], parse_math=False)
    axes.set_xticks([0, 1], ["real vs real", "noise"])
    axes.set_xlim(*ENDS)
    axes.set_ylim(0.4, len(keys) + 0.6)
    axes.grid(axis="y", color="#c4ccd3", linewidth=0.5)
    axes.set_axisbelow(True)
    legend = axes.legend(
        frameon=False, fontsize=8, ncols=len(rows), loc="lower left", bbox_to_anchor=(0, 1)
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    return (
        Drawing(
            to_svg(figure),
            title,
            f"{about}Each score of the synthetic images on the scale from one half of the real "
            "images against the other (0) to noise (1). Left of 0: nearer than real images are to "
            "each other, which may mean copies. Triangles at an edge lie beyond it.",
            cites=CITES,
        ),
    )
