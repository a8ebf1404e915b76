"""Planted defects: image sets with a known fault, and the metrics that must react to each.

Half of the real images, by patient, stand for the training set. The other half, unseen, stand for
the output of a perfect generator; each defect changes them in one way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from fewray.compute.seeds import child_seed
from fewray.quality.baselines import noise_images
from fewray.quality.copies.detect import find_copies
from fewray.quality.copies.threshold import copy_threshold
from fewray.quality.evaluate import class_quality
from fewray.quality.features.extractor import Extractor
from fewray.quality.image_set import ImageSet, MeasuredSet, measured
from fewray.results.copies import CopyThreshold
from fewray.results.quality import METRICS

COLUMNS = (*METRICS, "copies")
AS_REAL = ("as_real", "indistinct", "uninformative", "unstable")


@dataclass(frozen=True, kw_only=True)
class Material:
    """What a defect is made from, uint8 (n, 1, H, W); ``unseen`` stands for good images."""

    train: np.ndarray
    unseen: np.ndarray
    other_class: np.ndarray
    rng: np.random.Generator


@dataclass(frozen=True, kw_only=True)
class Defect:
    """How a defect is made, the metrics that must react to it and those that must not."""

    make: Callable[[Material], np.ndarray]
    image_by_image: bool = False
    """Whether image i is made from unseen image i, so that its patient is known."""
    must: frozenset[str] = frozenset()
    must_not: frozenset[str] = frozenset()


def _grey(values: np.ndarray) -> np.ndarray:
    return np.clip(np.round(values), 0, 255).astype(np.uint8)


def _blur(m: Material) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    return _grey(gaussian_filter(m.unseen.astype(float), (0, 0, 1.5, 1.5)))


def _checkerboard(m: Material) -> np.ndarray:
    rows, columns = np.indices(m.unseen.shape[2:]) // 2
    return _grey(m.unseen + 24.0 * ((rows + columns) % 2) - 12)


def _mode_dropped(m: Material) -> np.ndarray:
    """Return the half of the unseen images nearest to one of them, repeated to the full number."""
    rows = m.unseen.reshape(len(m.unseen), -1).astype(float)
    order = np.argsort(((rows - rows[0]) ** 2).sum(1), kind="stable")
    return m.unseen[np.resize(order[: max(2, len(order) // 2)], len(order))]


def moved(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return ``images`` (n, 1, S, S) shifted by up to S/16 px, black where they end."""
    size = images.shape[2]
    reach = max(1, size // 16)
    padded = np.pad(images, ((0, 0), (0, 0), (reach, reach), (reach, reach)))
    shifts = rng.integers(0, 2 * reach + 1, (len(images), 2))
    return np.stack(
        [image[:, y : y + size, x : x + size] for image, (y, x) in zip(padded, shifts, strict=True)]
    )


def _brightened(m: Material) -> np.ndarray:
    return _grey(m.train * m.rng.choice([0.9, 1.1], (len(m.train), 1, 1, 1)))


def _half_real(m: Material) -> np.ndarray:
    half = len(m.unseen) // 2
    return np.concatenate([m.train[:half], _blur(m)[half:]])


_DISTANCES = frozenset({"fid", "kid"})
_COPY = frozenset({"copies", "auth_pct"})

DEFECTS: dict[str, Defect] = {
    "no defect: unseen real images": Defect(
        make=lambda m: m.unseen, image_by_image=True, must_not=frozenset(COLUMNS)
    ),
    "blur, 1.5 px": Defect(make=_blur, image_by_image=True, must=_DISTANCES | {"coverage"}),
    "noise, sd 25": Defect(
        make=lambda m: _grey(m.unseen + m.rng.normal(0, 25, m.unseen.shape)),
        image_by_image=True,
        must=_DISTANCES | {"coverage"},
    ),
    "checkerboard, ±12": Defect(
        make=_checkerboard, image_by_image=True, must=_DISTANCES | {"coverage"}
    ),
    "intensity +30": Defect(
        make=lambda m: _grey(m.unseen + 30.0), image_by_image=True, must=frozenset({"kid"})
    ),
    "wrong class": Defect(make=lambda m: m.other_class, must=_DISTANCES),
    "mode dropped": Defect(make=_mode_dropped, must=frozenset({"recall", "ms_ssim", "vendi"})),
    "one image repeated": Defect(
        make=lambda m: np.repeat(m.unseen[:1], len(m.unseen), 0),
        must=_DISTANCES | {"recall", "coverage", "ms_ssim", "vendi", "is_mean"},
    ),
    "half training images, half blurred": Defect(make=_half_real, must=frozenset({"copies"})),
    "training images": Defect(make=lambda m: m.train, must=_COPY),
    "training images, shifted up to 4 px": Defect(
        make=lambda m: moved(m.train, m.rng), must=frozenset({"copies"})
    ),
    "training images, mirrored": Defect(
        make=lambda m: m.train[..., ::-1].copy(), must=frozenset({"copies"})
    ),
    "training images, brightness ±10%": Defect(make=_brightened, must=frozenset({"copies"})),
}
"""By name; :func:`examine` adds the copies of held-out images."""

HELD_OUT = "held-out images"


def examine(real: Mapping[str, ImageSet], extractor: Extractor, *, seed: int = 0) -> dict[str, Any]:
    """Return whether each metric reacted to each defect in each class, as plain JSON.

    A metric reacts if its value differs from the real-vs-real baseline by more than two standard
    deviations; the copy search reacts if it flags more than 5% of the images. ``found`` is the
    share flagged. The last defect, ``HELD_OUT``, passes shifted held-out images off as synthetic
    ones, and they are searched for among the held-out images.
    """
    halves = {
        label: patient_halves(images, child_seed(seed, label)) for label, images in real.items()
    }
    train = {
        label: measured(first, extractor, mirrored=True) for label, (first, _) in halves.items()
    }
    threshold = copy_threshold(train)
    size = next(iter(real.values())).images.shape[2]
    noise = measured(ImageSet.of(noise_images(size, seed=seed)), extractor)
    labels = list(real)
    table: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in (*DEFECTS, HELD_OUT)}
    for index, label in enumerate(labels):
        material = Material(
            train=halves[label][0].images,
            unseen=halves[label][1].images,
            other_class=halves[labels[(index + 1) % len(labels)]][1].images,
            rng=np.random.default_rng(child_seed(seed, label, "defects")),
        )
        for name, defect in DEFECTS.items():
            patients = halves[label][1].groups if defect.image_by_image else ()
            fake = measured(ImageSet.of(defect.make(material), groups=patients), extractor)
            table[name][label] = _reactions(label, train[label], fake, noise, threshold, seed)
        held_out = measured(halves[label][1], extractor, mirrored=True)
        given = measured(ImageSet.of(moved(material.unseen, material.rng)), extractor)
        share = float(
            np.mean(
                [bool(row.detected_by) for row in find_copies(label, given, held_out, threshold)]
            )
        )
        table[HELD_OUT][label] = {"found": share, "reacted": {"copies": share > 0.05}}
    return {
        "extractor": extractor.name,
        "seed": seed,
        "num_train": {label: len(first) for label, (first, _) in halves.items()},
        "num_fake": {label: len(second) for label, (_, second) in halves.items()},
        "copy_threshold": msgspec.to_builtins(threshold),
        "defects": table,
    }


def _reactions(
    label: str,
    train: MeasuredSet,
    fake: MeasuredSet,
    noise: MeasuredSet,
    threshold: CopyThreshold,
    seed: int,
) -> dict[str, Any]:
    quality = class_quality(train, fake, noise, seed=seed)
    share = float(
        np.mean([bool(row.detected_by) for row in find_copies(label, fake, train, threshold)])
    )
    reacted: dict[str, bool] = {
        name: found.verdict not in AS_REAL for name, found in quality.baselines.items()
    }
    silent = [name for name, found in quality.baselines.items() if found.verdict in AS_REAL[1:]]
    return {"found": share, "reacted": reacted | {"copies": share > 0.05}, "cannot_tell": silent}


def patient_halves(images: ImageSet, seed: int) -> tuple[ImageSet, ImageSet]:
    """Return two sets of about equal size with no patient in both."""
    names = sorted(set(images.groups))
    order = np.random.default_rng(seed).permutation(len(names))
    first, count = set(), 0
    for index in order:
        if count < len(images) // 2:
            first.add(names[index])
            count += images.groups.count(names[index])
    parts = (
        [i for i, g in enumerate(images.groups) if (g in first) == side] for side in (True, False)
    )
    return tuple(  # pyright: ignore[reportReturnType]
        ImageSet(
            images.images[part],
            tuple(images.names[i] for i in part),
            tuple(images.groups[i] for i in part),
        )
        for part in parts
    )
