"""Which synthetic images are copies of training images, judged by how near real images come to other patients' films.

Nothing is called a copy for being near alone: films of one class are alike. The bar is what real images do that were
never trained on. No single detector is reliable (Stein et al. 2023, arXiv 2306.04675), so there are two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from fewray.quality.copies.nearest import nearest_training
from fewray.quality.copies.threshold import CopyThreshold
from fewray.quality.image_set import MeasuredSet


@dataclass(frozen=True, kw_only=True)
class Copy:
    """One synthetic image and what lies nearest to it, by pixels after alignment and by features."""

    synthetic: str
    nearest: str
    """The training image nearest by pixels."""
    distance: float
    """To ``nearest``: 1 - correlation after alignment, 0 for the same film moved, mirrored or brightened."""
    nearest_by_features: str
    feature_distance: float
    """To ``nearest_by_features``: Euclidean."""
    by: str
    """``pixels``, ``features`` or ``pixels+features``: the bars it lies below; ``identical`` where it lies below neither
    and is the nearest pixel for pixel; empty for no copy."""

    @property
    def judged(self) -> tuple[str, float]:
        """The training image beside which the synthetic one is shown, and the distance to it.

        By features where these alone make it a copy, else by pixels.
        """
        if self.by == "features":
            return self.nearest_by_features, self.feature_distance
        return self.nearest, self.distance

    @property
    def order(self) -> tuple[int, float, str]:
        """Sorts copies by pixels first, then those by features alone, then the others; the nearest first in each."""
        return 2 if not self.by else int(self.by == "features"), self.judged[1], self.synthetic

    def to_json(self) -> dict[str, Any]:
        """Return plain values; ``copy_of`` and ``copy_distance`` are the pair that was judged, null for no copy."""
        film, distance = self.judged if self.by else (None, None)
        return asdict(self) | {"copy_of": film, "copy_distance": distance}


def find_copies(
    label: str, synthetic: MeasuredSet, train: MeasuredSet, bar: CopyThreshold
) -> list[Copy]:
    """Return a row for every synthetic image of class ``label``, in :attr:`Copy.order`; ``by`` says which are copies.

    An image that equals a training image pixel for pixel is a copy of it whatever the bar.
    """
    near = nearest_training(synthetic, train)
    known = {image.tobytes(): index for index, image in reversed(list(enumerate(train.images)))}
    rows = []
    for i, name in enumerate(synthetic.names):
        same = known.get(synthetic.images[i].tobytes())
        by = bar.judge(label, near.distance[i], near.feature_distance[i])
        rows.append(
            Copy(
                synthetic=name,
                nearest=_name(train.names, near.index[i] if same is None else same),
                distance=float(near.distance[i]) if same is None else 0.0,
                nearest_by_features=_name(train.names, near.feature_index[i]),
                feature_distance=float(near.feature_distance[i]),
                by=by or ("" if same is None else "identical"),
            )
        )
    return sorted(rows, key=lambda row: row.order)


def _name(names: Sequence[str], index: int) -> str:
    return names[index] if index >= 0 else ""
