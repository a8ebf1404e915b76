"""One line of the table, and the table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.pairs import Timed, ratios

NOT_MEASURED = "not measured"


@dataclass(frozen=True, kw_only=True)
class Row:
    """What was timed. ``ours`` and ``reference`` are medians in ``unit``; ``ratio`` says how many times faster ours is.

    ``ceiling`` is the share of what the machine can do at most, 0 to 1, and ``of`` names that limit. Memory in MiB.
    ``reached`` is None where there is no target, or nothing was measured: ``note`` then says why.
    """

    subject: str
    what: str
    unit: str = ""
    ours: float | None = None
    reference: float | None = None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    rounds: int = 0
    ceiling: float | None = None
    of: str = ""
    peak_mib: float | None = None
    reference_peak_mib: float | None = None
    target: str = ""
    reached: bool | None = None
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the fields that say something."""
        return {name: value for name, value in asdict(self).items() if value not in (None, "")}


def paired(
    subject: str,
    what: str,
    ours: Timed,
    reference: Timed,
    *,
    work: float,
    unit: str,
    target: float,
    **more: Any,
) -> Row:
    """Return the row of two sides that each did ``work`` units a round; ``target`` is the ratio wanted.

    It is not reached where a loss that ours returned is not finite.
    """
    ratio, low, high = ratios(reference, ours)
    return Row(
        subject=subject,
        what=what,
        unit=unit,
        ours=work / ours.median,
        reference=work / reference.median,
        ratio=ratio,
        low=low,
        high=high,
        rounds=len(ours.seconds),
        peak_mib=ours.peak_mib,
        reference_peak_mib=reference.peak_mib,
        **{
            "target": f"{target:g} x",
            "reached": bool(ratio >= target and _finite(ours.results)),
            **more,
        },
    )


HEADER = (
    "what",
    "reference",
    "fewray",
    "ratio (least to most)",
    "of the ceiling",
    "MiB, reference",
    "MiB",
    "target",
    "",
)


def cells(rows: Sequence[Row]) -> list[list[str]]:
    """Return the table's cells, one list a row, in the order of HEADER."""
    return [
        [
            row.what,
            _rate(row.reference, row.unit),
            NOT_MEASURED if row.ours is None else _rate(row.ours, row.unit),
            "" if row.ratio is None else f"{row.ratio:.2f} ({row.low:.2f} to {row.high:.2f})",
            "" if row.ceiling is None else f"{100 * row.ceiling:.0f} % of {row.of}",
            "" if row.reference_peak_mib is None else f"{row.reference_peak_mib:.0f}",
            "" if row.peak_mib is None else f"{row.peak_mib:.0f}",
            row.target,
            {True: "reached", False: "not reached", None: ""}[row.reached],
        ]
        for row in rows
    ]


def markdown(found: dict[str, Any]) -> str:
    """Return the tables of a finished run (:func:`benchmarks.run.measure`) as Markdown."""
    rows = [Row(**row) for row in found["rows"]]
    lines = [
        f"`{found['command']}`, {found['date']}, {found['hardware']}, PyTorch {found['torch']}, precision "
        f"{found['precision']}. Medians of the rounds, sides in turn; the ratio is taken round by round.",
        "",
        limits_line(found),
        "",
        "| " + " | ".join(HEADER) + " |",
        "| " + " | ".join("---" for _ in HEADER) + " |",
        *("| " + " | ".join(line) + " |" for line in cells(rows)),
    ]
    lines += ["", *(f"- {note}" for note in notes(rows))]
    for title, table in found.get("equality", {}).items():
        lines += [
            "",
            f"**{title}**: {table['design']}",
            "",
            "| | " + " | ".join(table["columns"]) + " |",
        ]
        lines += ["| --- " * (len(table["columns"]) + 1) + "|"]
        lines += [
            f"| {name} | " + " | ".join(values) + " |" for name, values in table["rows"].items()
        ]
    return "\n".join(lines) + "\n"


def limits_line(found: dict[str, Any]) -> str:
    """Return the sentence on the ceilings of a finished run, and on what else ran when it began."""
    limits = found["ceilings"]
    line = (
        f"The machine's ceiling, measured in the same run on {limits['cores']} cores: {limits['gflops_fp32']:.0f} GFLOP/s in "
        f"fp32 and {limits['gflops_bf16']:.0f} in bf16 products of 2,048 x 2,048, {limits['copied_gb_s']:.1f} GB/s copied."
    )
    return line + (
        f" When the run began {found['busy']}: figures of speed are worth little."
        if found.get("busy")
        else ""
    )


def notes(rows: Sequence[Row]) -> list[str]:
    """Return what must be known of the rows to read them."""
    return [f"{row.what}: {row.note}" for row in rows if row.note]


def line(row: Row) -> str:
    """Return a row in words, for a log."""
    what, slow, fast, ratio, ceiling, *_, target, reached = cells([row])[0]
    parts = [fast, f"reference {slow}" if slow else "", f"ratio {ratio}" if ratio else "", ceiling,
             f"wanted {target}" + (f": {reached}" if reached else "") if target else ""]  # fmt: skip
    return f"{what}: {'; '.join(part for part in [*parts, row.note if row.ours is None else ''] if part)}"


def _finite(results: Sequence[Any]) -> bool:
    numbers = [
        value
        for result in results
        if isinstance(result, list)
        for value in result
        if isinstance(value, float)
    ]
    return all(map(math.isfinite, numbers))


def _rate(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    digits = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return f"{digits} {unit}".strip()
