"""The model of how synthetic images compare with real images that no generator saw."""

from __future__ import annotations

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

    @property
    def sentences(self) -> list[str]:
        """What the table of held-out images does not show, without the class."""
        near = len(self.copies)
        images = "synthetic image is" if near == 1 else "synthetic images are"
        lines = [
            f"{near} {images} as near to one of the {self.num_held_out} held-out images as copies "
            "are to training images."
        ]
        found = self.copying_sds
        if found is None:
            lines.append("no C_T: it needs at least 4 held-out patients and 4 synthetic images.")
        elif found < COPYING:
            lines.append(
                f"C_T {self.c_t:.1f} is {-found:.1f} standard deviations below 0. The synthetic "
                "images lie nearer to training images than unseen images do: data copying."
            )
        elif found > -COPYING:
            lines.append(
                f"C_T {self.c_t:.1f} is {found:.1f} standard deviations above 0. The synthetic "
                "images lie farther from training images than unseen images do. This hides copies."
            )
        return lines
