"""Diagnosis of a training run from its log: what is wrong, since which epoch, and what to do."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from fewray.generators.log import LOG, read_log
from fewray.results.scores import Model
from fewray.results.training import EpochRow

Span = tuple[int, int]
"""Indices of the first and last of consecutive rows in which something holds."""


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Limits beyond which a value becomes a finding if it stays there for ``window`` epochs.

    A single epoch with a loss or weight that is not finite is enough. The limits are wide of what
    the paper's recipe shows on covid4 (D(x) 0.75 to 0.9, D(G(z)) 0.1 to 0.25, diversity near 1,
    losses below 6), so that a normal training run has no findings.
    """

    window: int = 10
    winning_d_x: float = 0.97
    """D(x) above it while D(G(z)) is below ``winning_fake``: G's gradient nearly vanishes."""
    winning_fake: float = 0.03
    collapse: float = 0.5
    """Diversity below it: synthetic images of a batch are too alike."""
    diverging_loss: float = 10.0
    """A loss above it. For a DCGAN: a probability below 5 in 100,000; a denoising loss begins at
    1."""
    swing: float = 0.2
    """Mean change of D(x) per epoch; below 0.03 near equilibrium."""
    rising: float = 1.1
    """KID to held-out images above its minimum by this factor, ``measurements`` times in a row."""
    measurements: int = 3


class Finding(Model, frozen=True, kw_only=True):
    """A problem: its last span of epochs, whether it persists, what it means and what to do."""

    kind: str
    first_epoch: int
    last_epoch: int
    now: bool
    """Whether it holds in the last row of the log."""
    meaning: str
    remedy: str

    def __str__(self) -> str:
        """Return one line."""
        until = "now" if self.now else f"epoch {self.last_epoch}"
        span = f"{self.kind.replace('_', ' ')}, epoch {self.first_epoch} to {until}"
        return f"{span}: {self.meaning}. {self.remedy}."


KINDS = {
    "discriminator_winning": (
        "the discriminator is almost always right, so the generator learns little",
        "Lower its learning rate, raise its dropout or augment more",
    ),
    "generator_collapse": (
        "synthetic images of a batch are much more alike than real ones",
        "Use an earlier checkpoint, more augmentation or a lower learning rate",
    ),
    "divergence": (
        "a loss is out of bounds, or a loss or weight is not finite",
        "Use an earlier checkpoint, a lower learning rate or --precision fp32",
    ),
    "oscillation": (
        "the discriminator's output for real images swings from epoch to epoch",
        "Lower the learning rates or use larger batches",
    ),
    "overtraining": (
        "the distance to held-out images rises again",
        "Stop at the best epoch with --stop-when-done",
    ),
}
"""By kind: what it means, and what to do."""


def findings(rows: Sequence[EpochRow], thresholds: Thresholds | None = None) -> list[Finding]:
    """Return what is wrong in a training run, by first epoch; none for less than a window."""
    t = thresholds or Thresholds()
    measured = [row for row in rows if row.kid_held_out is not None]
    found = [
        _finding("discriminator_winning", rows, _long_enough(_where(rows, t, _winning), t.window)),
        _finding("generator_collapse", rows, _long_enough(_where(rows, t, _collapsed), t.window)),
        _finding("divergence", rows, _diverged(rows, t)),
        _finding("oscillation", rows, _swinging(rows, t)),
        _finding("overtraining", measured, _rising(measured, t)),
    ]
    return sorted((each for each in found if each is not None), key=lambda each: each.first_epoch)


def best_epoch(rows: Sequence[EpochRow]) -> int | None:
    """Return the first epoch with the lowest KID to held-out images; None if none."""
    measured = [(row.kid_held_out, row.epoch) for row in rows if row.kid_held_out is not None]
    return min(measured)[1] if measured else None


def is_done(rows: Sequence[EpochRow], patience: int) -> bool:
    """Return whether the last ``patience`` measurements did not lower the held-out KID."""
    best = best_epoch(rows)
    later = sum(row.kid_held_out is not None and row.epoch > (best or 0) for row in rows)
    return best is not None and later >= patience


def _winning(row: EpochRow, t: Thresholds) -> bool:
    if row.d_x is None or row.d_g_z1 is None:
        return False
    return row.d_x > t.winning_d_x and row.d_g_z1 < t.winning_fake


def _collapsed(row: EpochRow, t: Thresholds) -> bool:
    return row.diversity is not None and row.diversity < t.collapse


def _finite(row: EpochRow) -> bool:
    return row.finite and all(math.isfinite(loss or 0.0) for loss in (row.loss_d, row.loss_g))


def _beyond(row: EpochRow, t: Thresholds) -> bool:
    losses = (row.loss or 0.0, row.loss_d or 0.0, row.loss_g or 0.0)
    return not _finite(row) or max(losses) > t.diverging_loss


def _where(
    rows: Sequence[EpochRow], t: Thresholds, holds: Callable[[EpochRow, Thresholds], bool]
) -> list[Span]:
    return _spans([holds(row, t) for row in rows])


def _spans(held: Sequence[bool]) -> list[Span]:
    found, start = [], None
    for index, now in enumerate([*held, False]):
        if now and start is None:
            start = index
        elif not now and start is not None:
            found.append((start, index - 1))
            start = None
    return found


def _long_enough(spans: Sequence[Span], window: int) -> list[Span]:
    return [(first, last) for first, last in spans if last - first + 1 >= window]


def _diverged(rows: Sequence[EpochRow], t: Thresholds) -> list[Span]:
    return [
        (first, last)
        for first, last in _where(rows, t, _beyond)
        if last - first + 1 >= t.window or not all(map(_finite, rows[first : last + 1]))
    ]


def _swinging(rows: Sequence[EpochRow], t: Thresholds) -> list[Span]:
    """Return the spans of windows over which D(x) changes too much on average.

    Quiet epochs at the ends are cut off; a last window that still swings reaches to the last epoch.
    """
    values = np.array([math.nan if row.d_x is None else row.d_x for row in rows], float)
    changes = np.abs(np.diff(values))
    held = np.zeros(len(rows), bool)
    for i in range(t.window, len(rows)):
        part = changes[i - t.window : i]
        if np.isfinite(part).all() and part.mean() > t.swing:
            held[i - t.window : i + 1] = True
    found = []
    for first, last in _spans(held.tolist()):
        swings = first + np.flatnonzero(changes[first:last] > t.swing)
        found.append((int(swings[0]), last if last == len(rows) - 1 else int(swings[-1]) + 1))
    return found


def _rising(measured: Sequence[EpochRow], t: Thresholds) -> list[Span]:
    """Return the spans of measurements that lie above the minimum before them."""
    lowest, above = math.inf, []
    for row in measured:
        value = row.kid_held_out or 0.0
        # A factor alone would not do: near 0, measurements differ by more than a tenth by chance.
        above.append(value > max(t.rising * lowest, lowest + 0.01))
        lowest = min(lowest, value)
    return _long_enough(_spans(above), t.measurements)


def _finding(kind: str, rows: Sequence[EpochRow], spans: Sequence[Span]) -> Finding | None:
    if not spans:
        return None
    first, last = spans[-1]
    meaning, remedy = KINDS[kind]
    return Finding(
        kind=kind,
        first_epoch=rows[first].epoch,
        last_epoch=rows[last].epoch,
        now=last == len(rows) - 1,
        meaning=meaning,
        remedy=remedy,
    )


def run_health(run: Path) -> dict[str, dict[str, Any]]:
    """Return ``findings`` and ``best_epoch`` by class, from the logs in ``run``."""
    found = {}
    for path in sorted(run.glob(f"*/{LOG}")):
        rows = read_log(path.parent)
        found[path.parent.name] = {
            "findings": [
                {**msgspec.to_builtins(finding), "text": str(finding)} for finding in findings(rows)
            ],
            "best_epoch": best_epoch(rows),
        }
    return found
