"""Small drawings as SVG that the report and the app share: interval bars and maps of clicks."""

from __future__ import annotations

from fewray.report.html.svg import SERIES
from fewray.results.scores import Matrix

BAR_WIDTH, BAR_HEIGHT = 96, 12
"""Pixels of an interval bar."""
MARGIN = 4
MAP_SIZE = 256
"""Pixels per side of a map of clicks."""
GROUND = "#dfe5ea"


def interval_bar(
    ends: tuple[float, float],
    point: float | None,
    scale: tuple[float, float],
    baseline: float | None,
) -> str:
    """Return an inline SVG of an interval on ``scale``, its point and a tick at ``baseline``."""
    middle = BAR_HEIGHT / 2

    def x(value: float) -> str:
        share = (value - scale[0]) / ((scale[1] - scale[0]) or 1)
        return f"{MARGIN + (BAR_WIDTH - 2 * MARGIN) * share:.1f}"

    tick = dot = ""
    if baseline is not None:
        tick = f'<path class="tick" d="M{x(baseline)} 0V{BAR_HEIGHT}"/>'
    if point is not None:
        dot = f'<circle cx="{x(point)}" cy="{middle:g}" r="3"/>'
    line = f'<path d="M{x(ends[0])} {middle:g}H{x(ends[1])}"/>'
    return (
        f'<svg class="bar" viewBox="0 0 {BAR_WIDTH} {BAR_HEIGHT}" aria-hidden="true">'
        f"{tick}{line}{dot}</svg>"
    )


def click_map(counts: Matrix) -> str:
    """Return a square map of the clicks per cell, darker where there are more.

    Its colours are those of :func:`fewray.report.html.svg.themed_svg`.
    """
    size, most = len(counts), max(map(max, counts))
    cells = [
        f'<rect x="{x}" y="{y}" width="1" height="1" fill-opacity="{0.15 + 0.85 * n / most:.2f}"/>'
        for y, row in enumerate(counts)
        for x, n in enumerate(row)
        if n
    ]
    return (
        f'<svg width="{MAP_SIZE}" height="{MAP_SIZE}" viewBox="0 0 {size} {size}" '
        f'xmlns="http://www.w3.org/2000/svg"><rect width="{size}" height="{size}" '
        f'fill="{GROUND}"/><g fill="{SERIES[1]}">{"".join(cells)}</g></svg>'
    )
