"""Areas of synthetic images that copy training images: the limit, and what each class owes."""

from __future__ import annotations

from fewray.results.scores import Model


class OwedArea(Model, frozen=True, kw_only=True):
    """One synthetic image and the training image that it owes the largest area to.

    All figures are shares, 0 to 1.
    """

    synthetic: str
    nearest: str
    """The training image that most is owed to; empty if no window is copied."""
    owed: float
    """The area owed to ``nearest``: the mean, over all pixels, of how far the nearest copied window
    around the pixel lies below the window threshold (0: at the threshold; 1: identical)."""
    area: float
    """The area of the windows copied from ``nearest``, at whatever distance."""
    windows: float
    """The share of windows copied from any training image."""
    flagged: bool
    """Whether ``owed`` exceeds the limit."""


class ClassAreas(Model, frozen=True, kw_only=True):
    """The areas that the synthetic images of one class owe to its training images."""

    num_images: int
    """Synthetic images searched: all, or a random part where the search would take too long."""
    copied_windows: float
    """Mean share of copied windows."""
    real_windows: float
    """The same for real images held out with their patient; about the percentile of the limit."""
    ratio: float | None
    """``copied_windows`` over ``real_windows``; None if no real window counts as copied."""
    num_flagged: int
    worst: tuple[OwedArea, ...]
    """The flagged images, or else the one that owes most; largest owed area first."""


class AreaLimit(Model, frozen=True, kw_only=True):
    """The owed area above which a synthetic image is flagged, from held-out real images."""

    limit: float | None
    """The largest ``owed`` that is not flagged; None if no class has two patients."""
    percentile: float
    """Share of real windows that count as copied, and highest share of real images flagged, both
    in percent."""
    num_held_out: int
    """Real images that were held out to set the limit, all classes together."""
    grouped: bool
    """Whether some patient is known to have several images; these were held out together."""
    real_flagged: int
    """Held-out real images above the limit, near-duplicates included."""
    false_alarms: float
    """Expected share of unseen real images above it: (near-duplicates + rank + 1) / (n + 1)."""
    undefined: dict[str, str]
    """By class: why its areas were not measured."""

    @property
    def text(self) -> str:
        """What a reader of the flagged images needs to know."""
        why = " ".join(
            f"Class {label}: no area search, {w}." for label, w in self.undefined.items()
        )
        if self.limit is None:
            return why or "No area search."
        how = "with their patient" if self.grouped else "one by one"
        text = (
            "Area search: a window, three eighths of the image wide, counts as copied if it is "
            f"nearer to a training image than {100 - self.percentile:g}% of other patients' "
            f"windows are. An image is flagged if it owes more than {100 * self.limit:.1f}% of its "
            f"area to one training image. Of {self.num_held_out} real images held out {how}, "
            f"{self.real_flagged} owe more; {100 * self.false_alarms:.1f}% of unseen real images "
            "are expected to."
        )
        return f"{text} {why}".rstrip()
