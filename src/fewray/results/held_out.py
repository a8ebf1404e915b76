"""The model of how synthetic images compare with real images that no generator saw."""

from __future__ import annotations

from collections.abc import Mapping

from fewray.results.copies import Copy
from fewray.results.scores import Interval, Model

COPYING = -3.0
"""A C_T below this many standard deviations means copying; above the same, images are far."""


class HeldOutQuality(Model, frozen=True, kw_only=True):
    """Synthetic images of one class, or of all pooled, against held-out images."""

    num_held_out: int
    kid: float | None
    """Of the synthetic to the held-out images; None with fewer than 2 held-out images."""
    kid_ci: Interval | None = None
    """95% bootstrap interval; None with fewer than 4 images or patients per side."""
    real_kid: float | None = None
    """The baseline of ``kid``: of the real training images to the held-out images."""
    real_kid_ci: Interval | None = None
    c_t: float | None = None
    """Data-copying test C_T; below 0, synthetic images are nearer to training images than held-out
    images are. None with fewer than 4 held-out or synthetic patients."""
    c_t_sd: float | None = None
    """Standard deviation of ``c_t`` for images that copy nothing; its mean is then 0."""
    c_t_cells: int | None = None
    """Cells of feature space behind ``c_t``; for all classes pooled, those of all classes."""
    copies: tuple[Copy, ...]
    """Synthetic images as near to a held-out image as copies are to training images."""

    @property
    def copying_sds(self) -> float | None:
        """``c_t`` in its standard deviations."""
        return None if self.c_t is None or not self.c_t_sd else self.c_t / self.c_t_sd


def held_out_sentences(rows: Mapping[str, HeldOutQuality]) -> list[str]:
    """Return what the table of held-out images does not say, for all classes together."""
    if not rows:
        return []
    near = ", ".join(f"{label} {len(found.copies)}" for label, found in rows.items())
    lines = [
        f"Synthetic images as near to a held-out image as copies are to training ones: {near}."
    ]
    far, close, unknown = [], [], []
    for label, found in rows.items():
        if found.copying_sds is None:
            unknown.append(label)
        elif found.copying_sds < COPYING:
            close.append(label)
        elif found.copying_sds > -COPYING:
            far.append(label)
    if close:
        lines.append(
            f"Data copying (C_T below {COPYING:.0f} SD) in {', '.join(close)}: synthetic images "
            "lie nearer to training images than unseen images do."
        )
    if far:
        lines.append(
            f"No sign of copying by C_T in {', '.join(far)}, but synthetic images lie farther from "
            f"training images than unseen images do (above {-COPYING:.0f} SD), which hides copies."
        )
    if unknown:
        lines.append(
            f"No C_T for {', '.join(unknown)}: it needs at least 4 held-out patients and 4 "
            "synthetic images."
        )
    return lines
