"""The images of one class on one side, with their names and patients, before and after the feature pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from fewray.errors import InputError
from fewray.imaging.arrays import check_images
from fewray.quality.features.extractor import Extractor, Features

SHARE_POINTS = 5.0
"""Percentage points by which a class's share of real and of synthetic images may differ without a word."""


@dataclass(frozen=True)
class ImageSet:
    """uint8 images (n, 1, H, W), a name for each, and the patient each is of."""

    images: np.ndarray
    names: tuple[str, ...]
    groups: tuple[str, ...]

    @classmethod
    def of(
        cls, images: np.ndarray, names: Sequence[str] = (), groups: Sequence[str] = ()
    ) -> ImageSet:
        """Return the set; without names images are numbered, without groups each is a patient of its own."""
        names = tuple(names) or tuple(map(str, range(len(check_images(images)))))
        groups = tuple(groups) or names
        if not len(images) == len(names) == len(groups):
            raise InputError(
                f"{len(images)} images, {len(names)} names, {len(groups)} groups; as many are wanted"
            )
        return cls(images, names, groups)

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class MeasuredSet(ImageSet):
    """An image set with its features, and those of its mirrored images where copies are looked for among them."""

    features: Features
    mirrored: Features | None = None


def measured(images: ImageSet, extractor: Extractor, *, mirrored: bool = False) -> MeasuredSet:
    """Return ``images`` with their features."""
    flipped = extractor(np.ascontiguousarray(images.images[..., ::-1])) if mirrored else None
    features = replace(extractor(images.images), groups=np.array(images.groups))
    return MeasuredSet(images.images, images.names, images.groups, features, flipped)


def pooled(parts: Mapping[str, MeasuredSet]) -> MeasuredSet:
    """Return all classes as one set; a name becomes ``class/name``, and so does a patient who is called by it."""
    sets = list(parts.values())
    named = [
        (label, *pair)
        for label, part in parts.items()
        for pair in zip(part.names, part.groups, strict=True)
    ]
    groups = tuple(f"{label}/{group}" if group == name else group for label, name, group in named)
    probabilities = [
        part.features.probabilities for part in sets if part.features.probabilities is not None
    ]
    return MeasuredSet(
        np.concatenate([part.images for part in sets]),
        tuple(f"{label}/{name}" for label, name, _ in named),
        groups,
        Features(
            np.concatenate([part.features.features for part in sets]),
            np.concatenate(probabilities) if probabilities else None,
            np.array(groups),
            sets[0].features.device,
        ),
    )


def mix_warning(num_real: Mapping[str, int], num_fake: Mapping[str, int]) -> str | None:
    """Return what to say where the classes' shares of all real and of all synthetic images differ, else None.

    They differ where those of any class are more than ``SHARE_POINTS`` percentage points apart; the sentence names every class.
    """
    sides = [
        {label: 100 * n / sum(side.values()) for label, n in side.items()}
        for side in (num_real, num_fake)
    ]
    real, fake = sides
    if max(abs(real[label] - fake[label]) for label in fake) <= SHARE_POINTS:
        return None
    shares = ", ".join(f"{label} {real[label]:.0f} and {fake[label]:.0f} %" for label in fake)
    return f"the classes' shares of real and of synthetic images differ ({shares}): these figures compare the mixes too"
