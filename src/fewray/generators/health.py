"""The state of a generator's training in words, from its log: what is wrong, since when, and what to do."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

Row = Mapping[str, Any]
"""A row of ``stats.jsonl``; fields that it lacks are taken as not measured.

``finite`` is False in the row of an epoch that stopped the training with a loss or weights that are not finite.
"""
Spell = tuple[int, int]
"""The first and the last index of rows in a row at which something held."""


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Where a figure turns into a finding. Each must hold for ``window`` epochs together: single epochs are noise.

    One epoch with a loss or weights that are not finite is enough.

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
    """What was found: ``kind``, the first and last epoch of its last spell, whether it holds still, and what to do."""

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
    measured = [row for row in rows if row.get("kid_held_out") is not None]
    found = [
        _finding("discriminator winning", rows, _long_enough(_held(rows, _winning(t)), t.window)),
        _finding("generator collapse", rows, _long_enough(_held(rows, _collapsed(t)), t.window)),
        _finding("divergence", rows, _diverged(rows, t)),
        _finding("oscillation", rows, _swinging(rows, t)),
        _finding("over-training", measured, _rising(measured, t)),
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
        "a loss has left all bounds, or a loss or weights are not finite",
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
    def winning(row: Row) -> bool | None:
        if row.get("d_x") is None or row.get("d_g_z1") is None:
            return None
        return row["d_x"] > t.winning_d_x and row["d_g_z1"] < t.winning_fake

    return winning


def _collapsed(t: Thresholds) -> Callable[[Row], bool | None]:
    return lambda row: None if row.get("diversity") is None else row["diversity"] < t.collapse


def _held(rows: Sequence[Row], holds: Callable[[Row], bool | None]) -> list[Spell]:
    """Return the spells of rows in a row at which ``holds`` is true."""
    return _spells([bool(holds(row)) for row in rows])


def _spells(held: Sequence[bool]) -> list[Spell]:
    found, start = [], None
    for index, now in enumerate([*held, False]):
        if now and start is None:
            start = index
        elif not now and start is not None:
            found.append((start, index - 1))
            start = None
    return found


def _long_enough(spells: Sequence[Spell], window: int) -> list[Spell]:
    return [(first, last) for first, last in spells if last - first + 1 >= window]


def _not_finite(row: Row) -> bool:
    losses = [row[name] for name in ("loss_d", "loss_g") if row.get(name) is not None]
    return row.get("finite") is False or not all(map(math.isfinite, losses))


def _diverged(rows: Sequence[Row], t: Thresholds) -> list[Spell]:
    def beyond(row: Row) -> bool:
        return _not_finite(row) or any(
            (row.get(name) or 0.0) > t.diverging_loss for name in ("loss_d", "loss_g")
        )

    spells = _held(rows, beyond)
    return [
        (first, last)
        for first, last in spells
        if last - first + 1 >= t.window or any(map(_not_finite, rows[first : last + 1]))
    ]


def _swinging(rows: Sequence[Row], t: Thresholds) -> list[Spell]:
    """Return the spells covered by windows over which D(x) changes too much on average.

    Quiet epochs at the ends are left off; a last window that still swings reaches to the last epoch.
    """
    values = np.array([row.get("d_x", math.nan) for row in rows], float)
    changes = np.abs(np.diff(values))
    held = np.zeros(len(rows), bool)
    for i in range(t.window, len(rows)):
        if np.isfinite(part := changes[i - t.window : i]).all() and part.mean() > t.swing:
            held[i - t.window : i + 1] = True
    found = []
    for first, last in _spells(held.tolist()):
        swings = first + np.flatnonzero(changes[first:last] > t.swing)
        found.append((int(swings[0]), last if last == len(rows) - 1 else int(swings[-1]) + 1))
    return found


def _rising(measured: Sequence[Row], t: Thresholds) -> list[Spell]:
    """Return the spells of measurements, of those with a KID to held-out films, that are above the least before them."""
    least, above = math.inf, []
    for row in measured:
        value = row["kid_held_out"]
        # A least distance near 0 is no scale: of its tenth part measurements differ by chance.
        above.append(value > max(t.rising * least, least + 0.01))
        least = min(least, value)
    return _long_enough(_spells(above), t.measurements)


def _finding(kind: str, rows: Sequence[Row], spells: Sequence[Spell]) -> Finding | None:
    """Return the finding of the last spell, None without one; it holds still where no row comes after it."""
    if not spells:
        return None
    first, last = spells[-1]
    words, remedy = WORDS[kind]
    return Finding(
        kind=kind,
        first_epoch=rows[first]["epoch"],
        last_epoch=rows[last]["epoch"],
        now=last == len(rows) - 1,
        words=words,
        remedy=remedy,
    )
