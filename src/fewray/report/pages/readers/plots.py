"""Figures of a reader study: AUCs with their intervals, where readers clicked, and images."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fewray.report.figures import new_figure, picture, to_svg
from fewray.report.html.drawings import click_map
from fewray.report.html.svg import SERIES, gid
from fewray.report.page import Drawing, Group, Picture
from fewray.report.traced import as_name
from fewray.results.readers.scores import ImageReadings, ReaderResults
from fewray.results.scores import Matrix

PICTURES = "images"
"""The folder of the pictures in the folder of a reader study."""


def auc_plot(results: ReaderResults) -> Drawing:
    """Return the AUC of every reader and their average, with intervals, by generator."""
    names = [f"{each.reader} ({each.grade or 'grade unknown'})" for each in results.readers]
    heights = range(len(names) + 1, 0, -1)
    figure, (axes,) = new_figure(1, height=0.32 * len(heights) + 1.3, width=7)
    axes.axvline(0.5, color="#999999", linewidth=1)
    spread = 0.5 / max(1, len(results.generators))
    for index, average in enumerate(results.averaged):
        rows = [
            (average.auc, average.ci),
            *(
                (each.auc[average.generator].value, each.auc[average.generator].ci)
                for each in results.readers
            ),
        ]
        offset = spread * ((len(results.generators) - 1) / 2 - index)
        colour = SERIES[index % len(SERIES)]
        for height, (value, ends) in zip(heights, rows, strict=True):
            first = height == heights[0]
            drawn = axes.plot(
                [value],
                [height + offset],
                "D" if first else "o",
                color=colour,
                markersize=7 if first else 4,
                label=average.generator if first else None,
            )
            if ends is not None:
                drawn += axes.plot(ends, [height + offset] * 2, color=colour)
            for artist in drawn:
                artist.set_gid(gid(as_name(average.generator)))
    axes.set_yticks(list(heights), ["average", *names], parse_math=False)
    axes.set_xlim(0, 1)
    axes.set_ylim(0.3, len(heights) + 0.7)
    axes.set_xlabel("AUC")
    legend = axes.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0, 1))
    for text in legend.get_texts():
        text.set_parse_math(False)
    return Drawing(
        to_svg(figure),
        "AUC of every reader and their average",
        "AUC with 95% intervals; at 0.5, readers cannot tell. The interval of the average holds "
        "for new readers and new images.",
    )


def click_maps(results: ReaderResults) -> tuple[Group, ...]:
    """Return the maps of clicks on synthetic and on real images; none without clicks."""
    sides = (("synthetic", results.clicks.synthetic), ("real", results.clicks.real))
    drawn = tuple(_click_map(kind, grid) for kind, grid in sides if np.any(grid))
    return (Group(drawn),) if drawn else ()


def _click_map(kind: str, grid: Matrix) -> Drawing:
    total = int(np.sum(grid))
    clicks = (
        f"{total} click{'' if total == 1 else 's'}, at most {np.max(grid):.0f} in one of "
        f"{np.size(grid)} cells"
    )
    return Drawing(
        click_map(grid),
        f"Clicks on {kind} images",
        f"Where readers clicked on {kind} images ({clicks}); darker: more often.",
        narrow=True,
    )


def image_pictures(
    images: list[ImageReadings], results: ReaderResults, folder: Path
) -> tuple[Group, ...]:
    """Return the pictures of ``images`` that lie in ``folder``, the folder of the study."""
    found = []
    for image in images:
        source = picture(folder / PICTURES / f"{image.id}.png")
        if source is not None:
            label = results.display_names.get(image.label, image.label)
            who = f"{image.generator}, {label}" if image.generator else f"real, {label}"
            said = f"called real by {image.called_real} of {image.readers}"
            found.append(Picture(source, who, f"{who}: {said}"))
    return (Group(tuple(found), "thumbs"),) if found else ()
