"""How results and progress are printed: tables or JSON on stdout, bars or log lines on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def print_json(value: Any) -> None:
    """Print ``value`` as JSON on stdout; signs are escaped where the encoding may lack them."""
    unicode = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") in (
        "utf8",
        "utf8sig",
    )
    print(json.dumps(value, indent=1, allow_nan=False, ensure_ascii=not unicode))


def print_table(title: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table on stdout; numbers stand right. Where stdout is no terminal, lines are as long as they need to be."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    rows = [list(map(str, row)) for row in rows]
    table = Table(
        title=title,
        box=box.SIMPLE_HEAD,
        collapse_padding=True,
        title_justify="left",
        title_style="bold",
    )
    for index, name in enumerate(header):
        numeric = bool(rows) and all(
            row[index][:1] in "0123456789-+[" for row in rows if row[index]
        )
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(cell.replace("[", r"\[") for cell in row))
    console = Console(highlight=False)
    if not sys.stdout.isatty():
        needed = Console(width=10_000).measure(table).maximum
        console = Console(width=max(len(title), needed, 1), highlight=False)
    console.print(table)


def log(line: str) -> None:
    """Print one plain line on stderr."""
    print(line, file=sys.stderr, flush=True)


def epoch_line(label: str, row: Mapping[str, Any]) -> str:
    """Return the paper's log line for one epoch of one class, with means over the epoch's batches.

    ``FID``, ``KID`` and ``InceptionScore`` follow on the epochs that measured them.
    """
    batches = row["batches"]
    line = (
        f"{label} [{row['epoch']}/{row['epochs']}][{batches - 1}/{batches}] Loss_D: {row['loss_d']:.4f} "
        f"Loss_G: {row['loss_g']:.4f} D(x): {row['d_x']:.4f} D(G(z)): {row['d_g_z1']:.4f} / {row['d_g_z2']:.4f}"
    )
    for name, key in (("FID", "fid"), ("KID", "kid"), ("InceptionScore", "is")):
        if row.get(key) is not None:
            line += f" {name}: {row[key]:.4f}"
    return f"{line} ({row['extractor']})" if row.get("extractor") else line


class EpochProgress:
    """A bar an epoch for each class on a terminal, with the log lines above them; log lines alone elsewhere."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        self.progress = (
            Progress(*columns, console=self.console) if self.console.is_terminal else None
        )
        self.bars: dict[str, Any] = {}

    def __enter__(self) -> EpochProgress:
        if self.progress is not None:
            self.progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.progress is not None:
            self.progress.stop()

    def epoch(self, label: str, row: Mapping[str, Any]) -> None:
        """Show that ``label`` finished an epoch."""
        if self.progress is None:
            log(epoch_line(label, row))
            return
        self.console.print(epoch_line(label, row), markup=False)
        if row["epoch"] == row["epochs"]:
            self.progress.update(self.bars[label], visible=False)

    def batch(self, label: str, event: Mapping[str, Any]) -> None:
        """Show how far ``label``'s epoch is."""
        self.advance(
            label,
            event["batch"],
            event["batches"],
            f"{label} epoch {event['epoch']}/{event['epochs']}",
        )

    def advance(self, name: str, done: int, total: int, text: str | None = None) -> None:
        """Move the bar called ``name``, and take it away when it is full and stands for one thing."""
        if self.progress is None:
            return
        if name not in self.bars:
            self.bars[name] = self.progress.add_task(name, total=total)
        finished = text is None and done == total
        self.progress.update(
            self.bars[name], completed=done, description=text or name, visible=not finished
        )

    def line(self, text: str) -> None:
        """Print a line beside the bars."""
        if self.progress is None:
            log(text)
        else:
            self.console.print(text, markup=False)


class HealthWatch:
    """Says in words, when it is first seen, that a training goes wrong."""

    def __init__(self, progress: EpochProgress) -> None:
        self.progress = progress
        self.rows: dict[str, list[Mapping[str, Any]]] = {}
        self.said: set[tuple[str, str]] = set()

    def epoch(self, label: str, row: Mapping[str, Any]) -> None:
        """Show an epoch, and what is found for the first time."""
        from fewray.generators.health import findings

        self.progress.epoch(label, row)
        rows = self.rows.setdefault(label, [])
        rows.append(row)
        for finding in findings(rows):
            if finding.now and (label, finding.kind) not in self.said:
                self.said.add((label, finding.kind))
                self.progress.line(f"{label}: {finding}")
