"""The state of a generator's training in words, from its log: what is wrong, since when, and what to do."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

Row = Mapping[str, Any]
"""A row of ``stats.jsonl``; fields that it lacks are taken as not measured."""


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Where a figure turns into a finding. Each must hold for ``window`` epochs together: single epochs are noise.

    They are set wide of what the paper's recipe does on covid4 (D(x) 0.75 to 0.9, D(G(z)) 0.1 to 0.25, diversity near
    1, losses below 6), so that an ordinary training has no finding, and near what failures look like.
    """

    window: int = 10
    winning_d_x: float = 0.97
    """D(x) above it, while D(G(z)) is below ``winning_fake``: D is right nearly always, and G's gradient is small."""
    winning_fake: float = 0.03
    collapse: float = 0.5
    """Within-batch spread of the synthetic images over that of the real ones, below which images are too alike."""
    diverging_loss: float = 10.0
    """Loss_D or Loss_G above it: the probabilities behind it are below 5 in 100,000."""
    swing: float = 0.2
    """Mean change of D(x) from one epoch to the next: near equilibrium it is below 0.03."""
    rising: float = 1.1
    """KID to held-out films above the least so far by this factor, at ``measurements`` in a row."""
    measurements: int = 3


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What was found: ``kind``, the epochs between which it held, whether it holds still, and what to do."""

    kind: str
    first_epoch: int
    last_epoch: int
    now: bool
    words: str
    remedy: str

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    def __str__(self) -> str:
        """Return one line."""
        until = "now" if self.now else f"epoch {self.last_epoch}"
        return f"{self.kind}, epoch {self.first_epoch} to {until}: {self.words}; {self.remedy}"


def findings(rows: Sequence[Row], thresholds: Thresholds | None = None) -> list[Finding]:
    """Return what is wrong in a training, in the order of its beginning; fewer epochs than the window find nothing."""
    t = thresholds or Thresholds()
    found = [
        _finding("discriminator winning", *WORDS["discriminator winning"], rows, _over(rows, t.window, _winning(t))),
        _finding("generator collapse", *WORDS["generator collapse"], rows, _over(rows, t.window, _collapsed(t))),
        _finding("divergence", *WORDS["divergence"], rows, _diverged(rows, t)),
        _finding("oscillation", *WORDS["oscillation"], rows, _swinging(rows, t)),
        _finding("over-training", *WORDS["over-training"], rows, _rising(rows, t)),
    ]
    return sorted((each for each in found if each is not None), key=lambda each: each.first_epoch)


def best_epoch(rows: Sequence[Row]) -> int | None:
    """Return the epoch of the least KID to held-out films, the first of equals; None where none was measured."""
    measured = [row for row in rows if row.get("kid_held_out") is not None]
    return min(measured, key=lambda row: row["kid_held_out"])["epoch"] if measured else None


def finished(rows: Sequence[Row], patience: int) -> bool:
    """Return whether ``patience`` measurements in a row have not bettered the KID to held-out films."""
    measured = [row for row in rows if row.get("kid_held_out") is not None]
    best = best_epoch(measured)
    return best is not None and sum(row["epoch"] > best for row in measured) >= patience


WORDS = {
    "discriminator winning": (
        "the discriminator is right nearly always, so that the generator learns little",
        "lower its learning rate, raise its dropout or augment more",
    ),
    "generator collapse": (
        "synthetic images of a batch are much more alike than real ones",
        "take an earlier checkpoint, or train with more augmentation or a lower learning rate",
    ),
    "divergence": (
        "a loss has left all bounds",
        "take an earlier checkpoint, lower the learning rate or use --precision fp32",
    ),
    "oscillation": (
        "the discriminator's opinion of real images swings from epoch to epoch",
        "lower the learning rates or enlarge the batch",
    ),
    "over-training": (
        "the distance to films that were held out rises again",
        "stop at the best epoch: --stop-when-done does",
    ),
}
"""By kind: what it means, and what to do."""


def _winning(t: Thresholds) -> Callable[[Row], bool | None]:
    return lambda row: None if row.get("d_x") is None else row["d_x"] > t.winning_d_x and row["d_g_z1"] < t.winning_fake


def _collapsed(t: Thresholds) -> Callable[[Row], bool | None]:
    return lambda row: None if row.get("diversity") is None else row["diversity"] < t.collapse


def _over(rows: Sequence[Row], window: int, holds: Callable[[Row], bool | None]) -> list[int]:
    """Return the indices of rows at which ``holds`` was true for the whole window before them, themselves included."""
    kept = [bool(holds(row)) for row in rows]
    return [i for i in range(window - 1, len(rows)) if all(kept[i - window + 1 : i + 1])]


def _diverged(rows: Sequence[Row], t: Thresholds) -> list[int]:
    def beyond(row: Row) -> bool:
        losses = [row[name] for name in ("loss_d", "loss_g") if row.get(name) is not None]
        return any(not math.isfinite(loss) or loss > t.diverging_loss for loss in losses)

    return _over(rows, t.window, beyond)


def _swinging(rows: Sequence[Row], t: Thresholds) -> list[int]:
    values = np.array([row.get("d_x", math.nan) for row in rows], float)
    changes = np.abs(np.diff(values))
    return [
        i
        for i in range(t.window, len(rows))
        if np.isfinite(part := changes[i - t.window : i]).all() and part.mean() > t.swing
    ]


def _rising(rows: Sequence[Row], t: Thresholds) -> list[int]:
    least, above, found = math.inf, 0, []
    for index, row in enumerate(rows):
        if (value := row.get("kid_held_out")) is None:
            continue
        # A least distance near 0 is no scale: of its tenth part measurements differ by chance.
        above = above + 1 if value > max(t.rising * least, least + 0.01) else 0
        least = min(least, value)
        if above >= t.measurements:
            found.append(index)
    return found


def _finding(kind: str, words: str, remedy: str, rows: Sequence[Row], at: list[int]) -> Finding | None:
    if not at:
        return None
    last = at[-1]
    later = range(last + 1, len(rows))
    now = not any(rows[i].get("kid_held_out") is not None for i in later) if kind == "over-training" else not later
    return Finding(
        kind=kind,
        first_epoch=rows[at[0]]["epoch"],
        last_epoch=rows[last]["epoch"],
        now=now,
        words=words,
        remedy=remedy,
    )
