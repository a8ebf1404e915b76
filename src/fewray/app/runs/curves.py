"""The charts of a training run: losses, discriminator outputs, quality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fewray.app.runs.charts import Chart, Line, line_chart
from fewray.results.training import EpochRow

GROUPS: tuple[tuple[str, dict[str, str], bool], ...] = (
    ("Denoising loss", {"loss": "loss"}, False),
    ("Losses", {"loss_d": "Loss_D", "loss_g": "Loss_G"}, False),
    (
        "Discriminator output",
        {"d_x": "D(x)", "d_g_z1": "D(G(z)) before update", "d_g_z2": "after update"},
        True,
    ),
    ("Diversity", {"diversity": "diversity"}, False),
    ("KID", {"kid": "training images", "kid_held_out": "held-out images"}, False),
    ("FID", {"fid": "FID"}, False),
)
"""Title, fields of a row with their names, and whether the axis is 0 to 1."""
COMPARED = {
    "loss": "Denoising loss",
    "loss_d": "Loss_D",
    "loss_g": "Loss_G",
    "d_x": "D(x)",
    "kid": "KID",
    "fid": "FID",
}
"""Fields drawn with one line per run."""


def training_charts(rows: Sequence[EpochRow]) -> list[Chart]:
    """Return the charts of one generator; those without values are left out."""
    found = []
    for title, fields, unit in GROUPS:
        lines = [
            Line(name, [(row.epoch, getattr(row, key)) for row in rows])
            for key, name in fields.items()
        ]
        found.append(line_chart(title, lines, unit=unit))
    return [chart for chart in found if chart is not None]


def compared_charts(logs: Mapping[str, Sequence[EpochRow]]) -> list[Chart]:
    """Return one chart per value with a line per run, for the generators of one class."""
    found = []
    for key, title in COMPARED.items():
        lines = [
            Line(name, [(row.epoch, getattr(row, key)) for row in rows])
            for name, rows in logs.items()
        ]
        found.append(line_chart(title, lines, unit=key == "d_x"))
    return [chart for chart in found if chart is not None]
