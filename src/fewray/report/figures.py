"""Figures of a report: inline SVG for curves, PNG data addresses for image grids. Same numbers, same bytes."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fewray.generators.health import Thresholds

SERIES = ("#0b6e99", "#c4572b", "#4d7c3a", "#7a5aa6", "#8a6d1f", "#555555")


def loss_curves(rows: Sequence[Mapping[str, Any]], title: str) -> str | None:
    """Return losses, D's probabilities and, where logged, diversity over epochs as SVG, or None without a log.

    Thin dotted lines are the thresholds of :mod:`fewray.generators.health`.
    """
    if not rows:
        return None
    limits = Thresholds()
    varied = [row for row in rows if row.get("diversity") is not None]
    figure, (left, right, *rest) = new_figure(3 if varied else 2)
    epochs = [row["epoch"] for row in rows]
    for index, (key, name) in enumerate((("loss_d", "Loss_D"), ("loss_g", "Loss_G"))):
        left.plot(epochs, _values(rows, key), color=SERIES[index], label=name, linewidth=1.2)
    names = (("d_x", "D(x)"), ("d_g_z1", "D(G(z)) before"), ("d_g_z2", "D(G(z)) after"))
    for index, (key, name) in enumerate(names):
        right.plot(epochs, _values(rows, key), color=SERIES[index], label=name, linewidth=1.2)
    right.set_ylim(0, 1)
    for height in (limits.winning_d_x, limits.winning_fake):
        right.axhline(height, color="#999999", linewidth=0.6, linestyle=":")
    for axes in rest:
        axes.plot(
            [r["epoch"] for r in varied],
            [r["diversity"] for r in varied],
            color=SERIES[3],
            label="diversity",
        )
        axes.axhline(limits.collapse, color="#999999", linewidth=0.6, linestyle=":")
        axes.set_ylim(bottom=0)
    if any(
        loss > limits.diverging_loss / 2
        for key in ("loss_d", "loss_g")
        for loss in _values(rows, key)
    ):
        left.axhline(limits.diverging_loss, color="#999999", linewidth=0.6, linestyle=":")
    for axes in (left, right, *rest):
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(frameon=False, fontsize=8)
    left.set_title(plain(title), loc="left", fontsize=10)
    return to_svg(figure)


def quality_curves(
    logs: Mapping[str, Sequence[Mapping[str, Any]]], key: str, title: str
) -> str | None:
    """Return one figure (``fid`` or ``kid``) over epochs, a line a class, or None where none was measured."""
    measured = {
        label: [row for row in rows if row.get(key) is not None] for label, rows in logs.items()
    }
    if not any(measured.values()):
        return None
    figure, (axes,) = new_figure(1)
    for index, (label, rows) in enumerate(measured.items()):
        values = [row[key] for row in rows]
        axes.plot(
            [r["epoch"] for r in rows],
            values,
            "o-",
            color=SERIES[index % 6],
            label=plain(label),
            markersize=3,
        )
    axes.set_xlabel("epoch")
    axes.xaxis.get_major_locator().set_params(integer=True)
    if (
        min(row[key] for rows in measured.values() for row in rows) < 0
    ):  # an unbiased KID may be negative
        axes.axhline(0, color="#999999", linewidth=0.6)
    else:
        axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=8)
    axes.set_title(plain(title), loc="left", fontsize=10)
    return to_svg(figure)


def _values(rows: Sequence[Mapping[str, Any]], key: str) -> list[float]:
    """Return a figure of every row, NaN where an epoch has none: nothing is drawn there."""
    return [math.nan if row.get(key) is None else row[key] for row in rows]


def seed_spread(arms: Mapping[str, Any], paper: Mapping[str, Any]) -> str:
    """Return every seed's accuracy by arm (as correct, and as the paper computes it), intervals, the paper's figures."""
    figure, (axes,) = new_figure(1, height=0.5 * len(arms) + 1.3)
    for row, (name, arm) in enumerate(arms.items()):
        y = len(arms) - row
        low, high = arm["accuracy"]["wilson"]
        axes.plot(
            [low, high], [y, y], color="#999999", linewidth=5, alpha=0.45, solid_capstyle="butt"
        )
        axes.plot(
            [run["accuracy"] for run in arm["runs"]],
            [y] * len(arm["runs"]),
            "o",
            color=SERIES[0],
            markersize=5,
        )
        published = [run["published"]["accuracy"] for run in arm["runs"]]
        axes.plot(published, [y - 0.22] * len(published), "x", color=SERIES[1], markersize=5)
        if name in paper and isinstance(paper[name], float):
            axes.plot([paper[name]], [y - 0.22], "D", color="black", markersize=5)
    axes.set_yticks([len(arms) - row for row in range(len(arms))], list(arms))
    axes.set_ylim(0.3, len(arms) + 0.6)
    axes.set_xlim(0, 1)
    axes.set_xlabel("accuracy on the test images")
    return to_svg(figure)


def mixture_curves(mixtures: Sequence[Mapping[str, Any]]) -> str:
    """Return accuracy against images added a class, a line for each number of synthetic images."""
    figure, (axes,) = new_figure(1)
    for index, synthetic in enumerate(sorted({cell["synthetic"] for cell in mixtures})):
        cells = sorted(
            (c for c in mixtures if c["synthetic"] == synthetic), key=lambda cell: cell["classic"]
        )
        axes.errorbar(
            [cell["classic"] + synthetic for cell in cells],
            [cell["accuracy_mean"] for cell in cells],
            yerr=[cell["accuracy_sd"] or 0 for cell in cells],
            color=SERIES[index % 6],
            marker="o",
            markersize=3,
            capsize=2,
            linewidth=1,
            label=f"{synthetic} synthetic",
        )
    axes.set_xlabel("images added a class")
    axes.set_ylabel("accuracy")
    axes.legend(frameon=False, fontsize=8)
    return to_svg(figure)


def picture(path: Path) -> str | None:
    """Return a PNG file as a data address, or None where it is not there."""
    if not path.is_file():
        return None
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def new_figure(columns: int, height: float = 2.6, width: float = 8) -> tuple[Any, list[Any]]:
    """Return an empty figure of the given inches and its axes side by side."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = [figure.add_subplot(1, columns, index + 1) for index in range(columns)]
    for each in axes:
        each.spines[["top", "right"]].set_visible(False)
        each.tick_params(labelsize=8)
    return figure, axes


def plain(name: str) -> str:
    """Return a class's or run's name as Matplotlib prints it unchanged: no formula between dollars, no hidden entry."""
    return ("\u200b" if name.startswith("_") else "") + name.replace("$", r"\$")


def to_svg(figure: Any) -> str:
    """Return the figure as SVG that scales with the page; no date and fixed ids, so that bytes repeat."""
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
