"""Progress on stderr: bars on a terminal, log lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fewray.results.training import EpochRow


def log(line: str) -> None:
    """Print one line on stderr."""
    print(line, file=sys.stderr, flush=True)


def log_stage(kind: str, event: Mapping[str, Any]) -> None:
    """Print the ``stage`` events of planning on stderr; ignore the others."""
    if kind == "stage":
        log(event["text"])


def epoch_line(label: str, row: Mapping[str, Any]) -> str:
    """Return the paper's log line for one epoch of one class; values are means over its batches.

    ``FID``, ``KID`` and ``InceptionScore`` follow in the epochs that measured them. Families
    without training have no losses.
    """
    batches = row["batches"]
    line = f"{label} [{row['epoch']}/{row['epochs']}][{batches - 1}/{batches}]"
    if row.get("loss") is not None:
        line += f" Loss: {row['loss']:.4f}"
    elif row.get("loss_d") is not None:
        line += (
            f" Loss_D: {row['loss_d']:.4f} Loss_G: {row['loss_g']:.4f} "
            f"D(x): {row['d_x']:.4f} D(G(z)): {row['d_g_z1']:.4f} / {row['d_g_z2']:.4f}"
        )
    for name, key in (("FID", "fid"), ("KID", "kid"), ("InceptionScore", "inception_score")):
        if row.get(key) is not None:
            line += f" {name}: {row[key]:.4f}"
    return f"{line} ({row['extractor']})" if row.get("extractor") else line


class ProgressBars:
    """One bar per class or job on a terminal, with log lines above; elsewhere only log lines."""

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
        terminal = self.console.is_terminal
        self.progress = Progress(*columns, console=self.console) if terminal else None
        self.bars: dict[str, Any] = {}
        self.first_lines: list[str] = []
        """Printed when training begins, so not before an error in the input."""

    def __enter__(self) -> ProgressBars:
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

    def line(self, text: str) -> None:
        """Print a line above the bars."""
        if self.progress is None:
            log(text)
        else:
            self.console.print(text, markup=False)

    def epoch(self, label: str, row: Mapping[str, Any]) -> None:
        """Report that ``label`` finished an epoch, and how long the rest of its training takes."""
        left = row["seconds"] / row["epoch"] * (row["epochs"] - row["epoch"]) / 60
        after = f"; about {left:.0f} min left" if left >= 1 else ""
        self.line(epoch_line(label, row) + after)
        if self.progress is not None and row["epoch"] == row["epochs"]:
            self.progress.update(self.bars[label], visible=False)

    def batch(self, label: str, event: Mapping[str, Any]) -> None:
        """Move the bar of the epoch that ``label`` is in."""
        while self.first_lines:
            self.line(self.first_lines.pop(0))
        text = f"{label} epoch {event['epoch']}/{event['epochs']}"
        self.advance(label, event["batch"], event["batches"], text)

    def advance(self, name: str, done: int, total: int, text: str | None = None) -> None:
        """Move the bar called ``name``; a bar without ``text`` of its own vanishes when full."""
        if self.progress is None:
            return
        if name not in self.bars:
            self.bars[name] = self.progress.add_task(name, total=total)
        visible = text is not None or done != total
        self.progress.update(
            self.bars[name], completed=done, description=text or name, visible=visible
        )


class HealthWatch:
    """Reports a problem of a training run when it is first detected."""

    def __init__(self, bars: ProgressBars) -> None:
        self.bars = bars
        self.rows: dict[str, list[EpochRow]] = {}
        self.reported: set[tuple[str, str]] = set()

    def epoch(self, label: str, row: Mapping[str, Any]) -> None:
        """Report an epoch and every finding that is new."""
        from msgspec import convert

        from fewray.generators.health import findings
        from fewray.results.training import EpochRow

        self.bars.epoch(label, row)
        rows = self.rows.setdefault(label, [])
        rows.append(convert(row, EpochRow))
        for finding in findings(rows):
            if finding.now and (label, finding.kind) not in self.reported:
                self.reported.add((label, finding.kind))
                self.bars.line(f"{label}: {finding}")


class StudyProgress:
    """Turns the progress events of a study into bars and lines, with the time left."""

    def __init__(self, bars: ProgressBars, steps: int) -> None:
        self.bars, self.steps = bars, steps
        self.trained, self.started = 0, 0.0

    def __call__(self, kind: str, event: Mapping[str, Any]) -> None:
        """Report one event; kinds without anything to show are ignored."""
        match kind:
            case "stage":
                self.bars.line(event["text"])
            case "epoch":
                self.bars.epoch(event["label"], event)
            case "batch":
                self.bars.batch(event["label"], event)
            case "synthetic" if event["rejected"]:
                where = f"{event['set']}, {event['label']}"
                self.bars.line(f"{where}: {event['rejected']} copies of training images replaced")
            case "classifiers":
                self.trained, self.started = 0, time.monotonic()
                if event["done"]:
                    done, total = event["done"], event["total"]
                    self.bars.line(f"classifiers: {done} of {total} are already finished")
            case "step":
                self.bars.advance(event["run"], event["step"], self.steps)
            case "classifier":
                self._trained(event)
            case _:
                pass

    def _trained(self, event: Mapping[str, Any]) -> None:
        self.trained += 1
        left = event["left"]
        minutes = (time.monotonic() - self.started) / self.trained * left / 60
        after = f"; {left} left, about {minutes:.0f} min" if left else ""
        result = f"accuracy {event['accuracy']:.3f} in {event['seconds']:.0f} s"
        self.bars.line(f"{event['run']}: {result}{after}")
