"""Detection of synthetic images that copy a training image.

Being near is not enough, since images of one class are alike: a copy is nearer than real images of
other patients come. No single detector is reliable (Stein et al. 2023, arXiv 2306.04675), so
aligned pixels and features are both used.
"""

from __future__ import annotations

from collections.abc import Sequence

from fewray.quality.copies.nearest import nearest_training
from fewray.quality.image_set import MeasuredSet
from fewray.results.copies import Copy, CopyThreshold


def find_copies(
    label: str, synthetic: MeasuredSet, train: MeasuredSet, threshold: CopyThreshold
) -> list[Copy]:
    """Return a :class:`Copy` per synthetic image of class ``label``, sorted by :attr:`Copy.order`.

    ``detected_by`` is empty for images that are not copies. An image that equals a training image
    in every pixel is always a copy.
    """
    near = nearest_training(synthetic, train)
    known = {image.tobytes(): index for index, image in reversed(list(enumerate(train.images)))}
    found = []
    for i, name in enumerate(synthetic.names):
        same = known.get(synthetic.images[i].tobytes())
        flagged = threshold.flags(label, near.distance[i], near.feature_distance[i])
        found.append(
            Copy(
                synthetic=name,
                nearest=_name(train.names, int(near.index[i]) if same is None else same),
                distance=float(near.distance[i]) if same is None else 0.0,
                nearest_by_features=_name(train.names, int(near.feature_index[i])),
                feature_distance=float(near.feature_distance[i]),
                detected_by=flagged or ("" if same is None else "identical"),
            )
        )
    return sorted(found, key=lambda copy: copy.order)


def _name(names: Sequence[str], index: int) -> str:
    return names[index] if index >= 0 else ""
