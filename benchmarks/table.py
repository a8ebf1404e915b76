"""One row of the benchmark table, and the table as text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.pairs import Timed, ratios

NOT_MEASURED = "not measured"
HEADER = (
    "task",
    "reference",
    "fewray",
    "ratio (min to max)",
    "share of peak",
    "MiB, reference",
    "MiB",
    "target",
    "",
)


@dataclass(frozen=True, kw_only=True)
class TableRow:
    """One measured task; ``ours`` and ``reference`` are in ``unit``, ``ratio`` is the speed-up.

    ``peak_share`` is the share, 0 to 1, of the machine's peak that ``peak_of`` names. Memory is in
    MiB. ``reached`` is None without a target, and where nothing was measured: ``note`` then gives
    the reason.
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
    peak_share: float | None = None
    peak_of: str = ""
    memory_mib: float | None = None
    reference_memory_mib: float | None = None
    target: str = ""
    reached: bool | None = None
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the fields that are set."""
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
) -> TableRow:
    """Return the row of two sides with ``work`` units per round and a target for the speed-up.

    A target counts as missed if a loss that our side returned is not finite.
    """
    ratio, low, high = ratios(reference, ours)
    return TableRow(
        subject=subject,
        what=what,
        unit=unit,
        ours=work / ours.median,
        reference=work / reference.median,
        ratio=ratio,
        low=low,
        high=high,
        rounds=len(ours.seconds),
        memory_mib=ours.peak_mib,
        reference_memory_mib=reference.peak_mib,
        **{
            "target": f"{target:g} x",
            "reached": bool(ratio >= target and _finite(ours.results)),
            **more,
        },
    )


def texts(rows: Sequence[TableRow]) -> list[list[str]]:
    """Return the text of each row, one string per column of HEADER."""
    return [
        [
            row.what,
            _rate(row.reference, row.unit),
            NOT_MEASURED if row.ours is None else _rate(row.ours, row.unit),
            "" if row.ratio is None else f"{row.ratio:.2f} ({row.low:.2f} to {row.high:.2f})",
            "" if row.peak_share is None else f"{100 * row.peak_share:.0f}% of {row.peak_of}",
            "" if row.reference_memory_mib is None else f"{row.reference_memory_mib:.0f}",
            "" if row.memory_mib is None else f"{row.memory_mib:.0f}",
            row.target,
            {True: "reached", False: "not reached", None: ""}[row.reached],
        ]
        for row in rows
    ]


def markdown(found: dict[str, Any]) -> str:
    """Return the tables of a run (:func:`benchmarks.run.measure`) as Markdown."""
    rows = [TableRow(**row) for row in found["rows"]]
    lines = [
        f"`{found['command']}`, {found['date']}, {found['hardware']}, PyTorch {found['torch']}, "
        f"precision {found['precision']}. Rates and times are medians over rounds in which the two "
        "sides take turns; the ratio is computed per round.",
        "",
        peak_line(found),
        "",
        *_markdown_table(HEADER, texts(rows)),
        "",
        *(f"- {note}" for note in notes(rows)),
    ]
    for title, table in found.get("equality", {}).items():
        body = [[name, *values] for name, values in table["rows"].items()]
        lines += ["", f"**{title}**: {table['design']}", ""]
        lines += _markdown_table(["", *table["columns"]], body)
    return "\n".join(lines) + "\n"


def _markdown_table(header: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    lines = [header, ["---"] * len(header), *body]
    return [f"| {' | '.join(line)} |" for line in lines]


def peak_line(found: dict[str, Any]) -> str:
    """Return the sentence about the machine's peak, and a warning if it was busy."""
    peak = found["peak"]
    line = (
        f"Peak of this machine, measured in the same run on {peak['cores']} cores: "
        f"{peak['gflops_fp32']:.0f} GFLOP/s in fp32 and {peak['gflops_bf16']:.0f} in bf16 for "
        "products "
        f"of 2,048 x 2,048 matrices, {peak['copied_gb_s']:.1f} GB/s for copies."
    )
    if found.get("busy"):
        line += f" When the run began, {found['busy']}: the timings are unreliable."
    return line


def notes(rows: Sequence[TableRow]) -> list[str]:
    """Return the notes of the rows, each after the name of its task."""
    return [f"{row.what}: {row.note}" for row in rows if row.note]


def line(row: TableRow) -> str:
    """Return a row as one line for a log."""
    what, slow, fast, ratio, peak, *_, target, reached = texts([row])[0]
    parts = [
        fast,
        f"reference {slow}" if slow else "",
        f"ratio {ratio}" if ratio else "",
        peak,
        f"target {target}" if target else "",
        reached,
        row.note if row.ours is None else "",
    ]
    return f"{what}: {'; '.join(part for part in parts if part)}"


def _finite(results: Sequence[Any]) -> bool:
    lists = [result for result in results if isinstance(result, list)]
    numbers = [value for result in lists for value in result if isinstance(value, float)]
    return all(map(math.isfinite, numbers))


def _rate(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    digits = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return f"{digits} {unit}".strip()
