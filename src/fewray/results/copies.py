"""Copies of training images among synthetic images: the threshold and the nearest pairs."""

from __future__ import annotations

from fewray.results.scores import Model


class Copy(Model, frozen=True, kw_only=True):
    """One synthetic image and its nearest training images, by aligned pixels and by features."""

    synthetic: str
    nearest: str
    """The training image nearest by pixels; empty if there is none to compare with."""
    distance: float
    """To ``nearest``: 1 - correlation after alignment; 0 for the same image moved or mirrored."""
    nearest_by_features: str
    feature_distance: float
    """To ``nearest_by_features``: Euclidean."""
    detected_by: str
    """``pixels``, ``features``, ``pixels+features``, ``identical`` (only that), or empty."""

    @property
    def pair(self) -> tuple[str, float]:
        """The training image shown beside it, and the distance to it.

        By features if only these flag the image, otherwise by pixels.
        """
        if self.detected_by == "features":
            return self.nearest_by_features, self.feature_distance
        return self.nearest, self.distance

    @property
    def order(self) -> tuple[int, float, str]:
        """Sort key: copies by pixels, copies by features only, others; nearest first in each."""
        rank = 2 if not self.detected_by else int(self.detected_by == "features")
        return rank, self.pair[1], self.synthetic


class CopyThreshold(Model, frozen=True, kw_only=True):
    """The distances below which a synthetic image counts as a copy of a training image.

    Both are shares of the distance that is usual between patients of the same class.
    """

    pixels: float
    features: float
    usual: dict[str, tuple[float, float]]
    """By class: median distance between patients, by pixels and by features."""
    percentile: float
    num_held_out: int
    """Real images that were held out one by one to set the threshold."""
    grouped: bool
    """Whether some patient is known to have several images; these were held out together."""
    real_flagged: int
    """Held-out real images below the threshold, near-duplicates included."""
    false_alarms: float
    """Expected share of unseen real images below it, at most: 2 (rank + 1) / (n + 1)."""

    def flags(self, label: str, pixels: float, features: float) -> str:
        """Return which detectors flag an image of class ``label`` at these distances.

        ``pixels``, ``features``, ``pixels+features`` or an empty string. Always empty for a class
        of one patient, which has no usual distance.
        """
        usual = self.usual[label]
        below = {
            "pixels": pixels < self.pixels * usual[0],
            "features": features < self.features * usual[1],
        }
        return "+".join(name for name, yes in below.items() if yes)

    @property
    def text(self) -> str:
        """What a reader of the number of copies needs to know."""
        identical = "only images that equal a training image in every pixel are counted"
        if self.num_held_out == 0:
            return f"Copies cannot be detected with one patient per class: {identical}."
        how = "with their patient" if self.grouped else "one by one"
        text = (
            "Copies are nearer to a training image of their class than "
            f"{100 * self.pixels:.0f}% of the usual distance by pixels or "
            f"{100 * self.features:.0f}% by features. Of {self.num_held_out} real images held out "
            f"{how}, {self.real_flagged} are as near; up to {100 * self.false_alarms:.1f}% of "
            "unseen real images would be."
        )
        if silent := [label for label, pair in self.usual.items() if not any(pair)]:
            text += f" In {', '.join(silent)} (one patient), {identical}."
        return text
