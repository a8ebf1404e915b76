"""The images of one class with names and patients, before and after feature extraction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from fewray.errors import InputError
from fewray.imaging.arrays import check_images
from fewray.quality.features.extractor import Extractor, Features
from fewray.quality.metrics.ms_ssim import Diversity
from fewray.results.scores import StudyWarning

SHARE_POINTS = 5.0
"""Class shares that differ by more than this between real and synthetic give a warning."""


@dataclass(frozen=True)
class ImageSet:
    """uint8 images (n, 1, H, W), their names and their patients."""

    images: np.ndarray
    names: tuple[str, ...]
    groups: tuple[str, ...]

    @classmethod
    def of(
        cls, images: np.ndarray, names: Sequence[str] = (), groups: Sequence[str] = ()
    ) -> ImageSet:
        """Return the set; names default to numbers, and groups to one patient per image."""
        names = tuple(names) or tuple(map(str, range(len(check_images(images)))))
        groups = tuple(groups) or names
        if not len(images) == len(names) == len(groups):
            message = f"{len(images)} images, {len(names)} names and {len(groups)} groups differ."
            raise InputError("lengths_differ", message)
        return cls(images, names, groups)

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class MeasuredSet(ImageSet):
    """An image set with its features, and those of the mirrored images if copies are looked for."""

    features: Features
    mirrored: Features | None = None
    similarity: dict[int, Diversity | None] = field(default_factory=dict, compare=False)
    """MS-SSIM of the images by seed, kept once computed."""


def measured(images: ImageSet, extractor: Extractor, *, mirrored: bool = False) -> MeasuredSet:
    """Return ``images`` with their features."""
    flipped = extractor(np.ascontiguousarray(images.images[..., ::-1])) if mirrored else None
    features = replace(extractor(images.images), groups=np.array(images.groups))
    return MeasuredSet(images.images, images.names, images.groups, features, flipped)


def pooled(parts: Mapping[str, MeasuredSet]) -> MeasuredSet:
    """Return all classes as one set; names, and groups that equal them, become ``class/name``."""
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


def mix_warning(num_real: Mapping[str, int], num_fake: Mapping[str, int]) -> StudyWarning | None:
    """Return a warning if a class's share of real and of synthetic images differ, else None."""
    real, fake = (
        {label: 100 * n / sum(side.values()) for label, n in side.items()}
        for side in (num_real, num_fake)
    )
    if max(abs(real[label] - fake[label]) for label in fake) <= SHARE_POINTS:
        return None
    shares = ", ".join(f"{label} {real[label]:.0f}% and {fake[label]:.0f}%" for label in fake)
    text = f"Class shares of real and synthetic images differ ({shares}), which these metrics see."
    return StudyWarning(code="class_mix", text=text)
