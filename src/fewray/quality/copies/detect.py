"""Detection of synthetic images that copy a training image.

Being near is not enough, since images of one class are alike: a copy is nearer than real images of
other patients come. No single detector is reliable (Stein et al. 2023, arXiv 2306.04675), so
aligned pixels and features are both used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from fewray.quality.copies.nearest import nearest_training
from fewray.quality.image_set import ImageSet, MeasuredSet
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


def pooled_copies(
    found: Mapping[str, Sequence[Copy]],
    fakes: Mapping[str, ImageSet],
    reals: Mapping[str, ImageSet],
) -> tuple[Copy, ...]:
    """Return the copies of all classes and images that equal a real image of another class.

    Nearest first; names become ``class/name``.
    """
    copies = [_with_class(label, label, copy) for label, rows in found.items() for copy in rows]
    known = {
        image.tobytes(): (label, name)
        for label, real in reals.items()
        for image, name in zip(real.images, real.names, strict=True)
    }
    for label, fake in fakes.items():
        listed = {copy.synthetic for copy in found[label]}
        for image, name in zip(fake.images, fake.names, strict=True):
            other, nearest = known.get(image.tobytes(), (label, ""))
            if other != label and name not in listed:
                copy = Copy(
                    synthetic=name,
                    nearest=nearest,
                    distance=0.0,
                    nearest_by_features=nearest,
                    feature_distance=0.0,
                    detected_by="identical",
                )
                copies.append(_with_class(label, other, copy))
    return tuple(sorted(copies, key=lambda copy: copy.order))


def _with_class(label: str, other: str, copy: Copy) -> Copy:
    return msgspec.structs.replace(
        copy,
        synthetic=f"{label}/{copy.synthetic}",
        nearest=f"{other}/{copy.nearest}",
        nearest_by_features=f"{other}/{copy.nearest_by_features}",
    )


def _name(names: Sequence[str], index: int) -> str:
    return names[index] if index >= 0 else ""
