"""Figures of a report: inline SVG for curves, PNG data addresses for image grids.

The same numbers always give the same bytes.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fewray.generators.health import Thresholds
from fewray.report.html.svg import SERIES
from fewray.results.names import arm_name
from fewray.results.published import Mixture, PublishedStudy
from fewray.results.training import EpochRow


def loss_curves(rows: Sequence[EpochRow], title: str) -> str | None:
    """Return losses, discriminator outputs and diversity over epochs; None without any loss.

    Thin dotted lines are the thresholds of :mod:`fewray.generators.health`.
    """
    if all(row.loss is None and row.loss_d is None for row in rows):
        return None
    if all(row.loss_d is None for row in rows):
        figure, (only,) = new_figure(1)
        _curve(only, rows, "loss", SERIES[0], "denoising loss")
        _epochs(only)
        only.set_ylim(bottom=0)
        only.set_title(plain(title), loc="left", fontsize=10)
        return to_svg(figure)
    limits = Thresholds()
    varied = [row for row in rows if row.diversity is not None]
    figure, (left, right, *rest) = new_figure(3 if varied else 2)
    losses = {"loss_d": "Loss_D", "loss_g": "Loss_G"}
    outputs = {
        "d_x": "D(x)",
        "d_g_z1": "D(G(z)) before D update",
        "d_g_z2": "D(G(z)) after D update",
    }
    for axes, names in ((left, losses), (right, outputs)):
        for index, (key, name) in enumerate(names.items()):
            _curve(axes, rows, key, SERIES[index], name)
    for axes in rest:
        _curve(axes, varied, "diversity", SERIES[3], "diversity")
        _threshold(axes, limits.collapse)
        axes.set_ylim(bottom=0)
    _threshold(right, limits.winning_d_x)
    _threshold(right, limits.winning_fake)
    right.set_ylim(0, 1)
    heights = _values(rows, "loss_d") + _values(rows, "loss_g")
    if any(height > limits.diverging_loss / 2 for height in heights):
        _threshold(left, limits.diverging_loss)
    for axes in (left, right, *rest):
        _epochs(axes)
    left.set_title(plain(title), loc="left", fontsize=10)
    return to_svg(figure)


def quality_curves(logs: Mapping[str, Sequence[EpochRow]], key: str, title: str) -> str | None:
    """Return one score (a field of the rows) over epochs, one line per class, or None."""
    measured = {
        label: [row for row in rows if getattr(row, key) is not None]
        for label, rows in logs.items()
    }
    if not any(measured.values()):
        return None
    figure, (axes,) = new_figure(1)
    for index, (label, rows) in enumerate(measured.items()):
        _curve(axes, rows, key, SERIES[index % 6], plain(label), marker="o", markersize=3)
    if min(value for rows in measured.values() for value in _values(rows, key)) < 0:
        axes.axhline(0, color="#999999", linewidth=0.6)  # an unbiased KID may be negative
    else:
        axes.set_ylim(bottom=0)
    _epochs(axes)
    axes.set_title(plain(title), loc="left", fontsize=10)
    return to_svg(figure)


def _curve(
    axes: Any, rows: Sequence[EpochRow], key: str, colour: str, label: str, **style: Any
) -> None:
    style = {"color": colour, "label": label, "linewidth": 1.2} | style
    axes.plot([row.epoch for row in rows], _values(rows, key), **style)


def _threshold(axes: Any, height: float) -> None:
    axes.axhline(height, color="#999999", linewidth=0.6, linestyle=":")


def _epochs(axes: Any) -> None:
    axes.set_xlabel("epoch")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(frameon=False, fontsize=8)


def _values(rows: Sequence[EpochRow], key: str) -> list[float]:
    """Return a score of every row, NaN (not drawn) for an epoch without it."""
    found = (getattr(row, key) for row in rows)
    return [math.nan if value is None else value for value in found]


def seed_spread(study: PublishedStudy) -> str:
    """Return each seed's accuracy by arm, as defined and as the paper computed it."""
    figure, (axes,) = new_figure(1, height=0.5 * len(study.arms) + 1.3)
    for row, (name, arm) in enumerate(study.arms.items()):
        y, seeds = len(study.arms) - row, arm.accuracy.by_seed
        bar = {"color": "#999999", "linewidth": 5, "alpha": 0.45, "solid_capstyle": "butt"}
        axes.plot(arm.accuracy.ci, [y, y], **bar)
        axes.plot(seeds, [y] * len(seeds), "o", color=SERIES[0], markersize=5)
        if arm.as_published is not None:
            published = arm.as_published.by_seed
            below = [y - 0.22] * len(published)
            axes.plot(published, below, "x", color=SERIES[1], markersize=5)
        if name in study.paper:
            axes.plot([study.paper[name].accuracy], [y - 0.22], "D", color="black", markersize=5)
    heights = range(len(study.arms), 0, -1)
    axes.set_yticks(heights, list(map(arm_name, study.arms)), parse_math=False)
    axes.set_ylim(0.3, len(study.arms) + 0.6)
    axes.set_xlim(0, 1)
    axes.set_xlabel("accuracy on the test images")
    return to_svg(figure)


def mixture_curves(mixtures: Sequence[Mixture]) -> str:
    """Return accuracy against images added per class, one line per number of synthetic images."""
    figure, (axes,) = new_figure(1)
    for index, synthetic in enumerate(sorted({found.synthetic for found in mixtures})):
        found = sorted(
            (each for each in mixtures if each.synthetic == synthetic),
            key=lambda each: each.classic,
        )
        axes.errorbar(
            [each.classic + synthetic for each in found],
            [each.accuracy for each in found],
            yerr=[each.sd or 0 for each in found],
            color=SERIES[index % 6],
            marker="o",
            markersize=3,
            capsize=2,
            linewidth=1,
            label=f"{synthetic} synthetic",
        )
    axes.set_xlabel("images added per class")
    axes.set_ylabel("accuracy")
    axes.legend(frameon=False, fontsize=8)
    return to_svg(figure)


def picture(path: Path) -> str | None:
    """Return a PNG file as a data address, or None without the file."""
    if not path.is_file():
        return None
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def new_figure(columns: int, height: float = 2.6, width: float = 8) -> tuple[Any, list[Any]]:
    """Return an empty figure of the given size in inches, and its axes side by side."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = [figure.add_subplot(1, columns, index + 1) for index in range(columns)]
    for each in axes:
        each.spines[["top", "right"]].set_visible(False)
        each.tick_params(labelsize=8)
    return figure, axes


def plain(name: str) -> str:
    """Return a name so that Matplotlib prints it unchanged, without formulas."""
    return ("\u200b" if name.startswith("_") else "") + name.replace("$", r"\$")


def to_svg(figure: Any) -> str:
    """Return the figure as SVG that scales with the page, without dates or random ids."""
    import matplotlib

    stream = io.StringIO()
    with matplotlib.rc_context(
        {"svg.hashsalt": "fewray", "svg.fonttype": "none", "font.family": "sans-serif"}
    ):
        figure.savefig(
            stream, format="svg", metadata={"Date": None, "Creator": None}, transparent=True
        )
    text = stream.getvalue()
    return text[text.index("<svg") :]
