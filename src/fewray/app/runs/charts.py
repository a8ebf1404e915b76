"""Line charts as inline SVG, coloured by the stylesheet."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH, HEIGHT = 400, 170
LEFT, RIGHT, TOP, BOTTOM = 44, 14, 10, 26
POINTS = 400
"""Points drawn per line; longer logs are thinned."""


@dataclass(frozen=True)
class Line:
    """One line of a chart; points whose value is None are left out."""

    name: str
    points: Sequence[tuple[float, float | None]]


@dataclass(frozen=True)
class Chart:
    """A drawing with its legend in words."""

    title: str
    svg: Markup
    names: tuple[str, ...]
    """Of the lines, in the order of their colours."""


def line_chart(title: str, lines: Sequence[Line], *, unit: bool = False) -> Chart | None:
    """Return a chart of values over epochs; None without any value.

    ``unit`` fixes the axis to 0 to 1. Else it includes 0 where all values are positive and the
    smallest is below a third of the largest.
    """
    drawn = []
    for line in lines:
        points = [(x, y) for x, y in line.points if y is not None and math.isfinite(y)]
        if points:
            drawn.append((line.name, _thinned(points)))
    if not drawn:
        return None
    xs = [x for _, points in drawn for x, _ in points]
    ys = [y for _, points in drawn for _, y in points]
    low, high = (0.0, 1.0) if unit else _range(min(ys), max(ys))
    first, last = min(xs), max(max(xs), min(xs) + 1)

    def place(x: float, y: float) -> tuple[float, float]:
        across = LEFT + (x - first) / (last - first) * (WIDTH - LEFT - RIGHT)
        up = TOP + (high - y) / (high - low) * (HEIGHT - TOP - BOTTOM)
        return round(across, 1), round(up, 1)

    parts = []
    for tick in ticks(low, high):
        _, y = place(first, tick)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{tick:g}</text>')
    for tick in ticks(first, last, 6):
        if tick == int(tick):
            x, _ = place(tick, low)
            parts.append(f'<text x="{x}" y="{HEIGHT - 8}" text-anchor="middle">{tick:g}</text>')
    for index, (_, points) in enumerate(drawn):
        places = [place(x, min(max(y, low), high)) for x, y in points]
        if len(places) > 1:
            path = " ".join(f"{x},{y}" for x, y in places)
            parts.append(f'<polyline class="s{index % 6}" points="{path}"/>')
        if len(places) <= 20:
            parts += [
                f'<circle class="s{index % 6}" cx="{x}" cy="{y}" r="2.5"/>' for x, y in places
            ]
    last_values = ", ".join(f"{name} {points[-1][1]:.3g}" for name, points in drawn)
    label = escape(f"{title} over {max(xs):g} epochs. Last: {last_values}.")
    svg = (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">'
        f"{''.join(parts)}</svg>"
    )
    return Chart(title, Markup(svg), tuple(name for name, _ in drawn))


def span_of(intervals: Iterable[tuple[float, float] | None]) -> tuple[float, float]:
    """Return the scale on which ``intervals`` are drawn; it includes 0."""
    ends = [end for ci in intervals if ci is not None for end in ci]
    return min([0.0, *ends]), max([0.0, *ends]) if ends else 1.0


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Return about ``count`` round numbers from ``low`` to ``high``."""
    rough = (high - low) / count
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough * 0.999)
    start = math.ceil(low / step - 1e-9)
    return [round(i * step, 10) for i in range(start, math.floor(high / step + 1e-9) + 1)]


def _range(low: float, high: float) -> tuple[float, float]:
    if low >= 0 and low < high / 3:
        low = 0.0
    if low == high:
        low, high = low - abs(low or 1) / 2, high + abs(high or 1) / 2
    return low, high + 0.04 * (high - low)


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    step = max(1, math.ceil(len(points) / POINTS))
    kept = list(points[::step])
    return kept if kept[-1] == points[-1] else [*kept, points[-1]]
