"""The images of a finished cross-validation study, read back from the folder of its run.

They are those of the first fold: the synthetic images that the classifiers were trained on, and the
training images that their generators saw. A folder without them gives none.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from fewray.errors import InputError
from fewray.generators.log import read_options
from fewray.imaging.arrays import png_bytes
from fewray.imaging.decode import decode
from fewray.results.crossval import CrossvalStudy
from fewray.results.training import ALL_CLASSES
from fewray.storage.jobs import JobStore

GRID_PAD, GRID_COLUMNS = 2, 8
"""Gaps in pixels, and columns, of the sample grids that training writes."""


@dataclass(frozen=True)
class ClassImages:
    """uint8 images (n, 1, H, W) of one class: real ones, and synthetic ones in their order."""

    real: np.ndarray
    synthetic: np.ndarray


class _Record(msgspec.Struct):
    counts: tuple[int, ...]


def run_images(study: CrossvalStudy, folder: Path, home: Path) -> dict[str, ClassImages]:
    """Return the images of each class of the first fold; ``home`` holds its generators.

    Classes whose files are missing or damaged are left out.
    """
    made = synthetic_images(study, folder)
    real = training_images(study, home / "repeat-0-fold-0") if made else {}
    return {c: ClassImages(real[c], made[c]) for c in made if c in real}


def synthetic_images(
    study: CrossvalStudy, folder: Path, repeat: int = 0, fold: int = 0
) -> dict[str, np.ndarray]:
    """Return the synthetic images of each class of a fold, uint8 (n, 1, H, W); none if damaged."""
    key = study.provenance.keys.get(f"synthetic/{repeat}/{fold}/0")
    if key is None:
        return {}
    store, classes = JobStore(folder / "jobs"), study.data.classes
    record, images = store.load("synthetic", key), _array(store, "synthetic", key)
    if record is None or images is None:
        return {}
    try:
        counts = msgspec.convert(record, _Record).counts
    except msgspec.ValidationError:
        return {}
    if len(counts) != len(classes) or sum(counts) != len(images):
        return {}
    return dict(zip(classes, np.split(images, np.cumsum(counts)[:-1]), strict=True))


def training_images(study: CrossvalStudy, fold: Path) -> dict[str, np.ndarray]:
    """Return the training images that the generators in ``fold`` saw, without augmented copies."""
    sizes = {label: counts.train for label, counts in study.folds[0].counts.items()}
    if (fold / ALL_CLASSES).is_dir():
        own = read_options(fold / ALL_CLASSES)
        copies = own.options.classic_images if own else study.options.gan.classic_images
        stored, found, start = _stored(fold / ALL_CLASSES), {}, 0
        for label in study.data.classes:
            found[label] = stored[start : start + sizes.get(label, 0)]
            start += sizes.get(label, 0) + copies
    else:
        found = {
            label: _stored(fold / label)[: sizes.get(label, 0)] for label in study.data.classes
        }
    return {label: images for label, images in found.items() if len(images)}


def _stored(folder: Path) -> np.ndarray:
    for path in sorted(folder.glob("training-*.npy")):
        key = path.stem.removeprefix("training-")
        if (images := _array(JobStore(folder), "training", key)) is not None:
            return images
    return np.zeros((0, 1, 1, 1), np.uint8)


def _array(store: JobStore, kind: str, key: str) -> np.ndarray | None:
    try:
        found = store.load_array(kind, key)
    except InputError:
        return None
    return found if found is None or (found.ndim == 4 and found.dtype == np.uint8) else None


def tiles(path: Path, size: int, count: int) -> list[np.ndarray]:
    """Return the first ``count`` images (size, size) of a grid that training wrote, or none."""
    try:
        sheet = decode(path)
    except InputError:
        return []
    step, found = size + GRID_PAD, []
    for index in range(count):
        row, column = divmod(index, GRID_COLUMNS)
        top, left = GRID_PAD + row * step, GRID_PAD + column * step
        if top + size > sheet.shape[0] or left + size > sheet.shape[1]:
            break
        found.append(sheet[top : top + size, left : left + size])
    return found


def address(pixels: np.ndarray) -> str:
    """Return uint8 (H, W) or (H, W, 3) as the data address of a PNG."""
    return "data:image/png;base64," + base64.b64encode(png_bytes(pixels)).decode()


def addresses(images: Sequence[np.ndarray] | np.ndarray) -> tuple[str, ...]:
    """Return the data address of each image (1, H, W) or (H, W)."""
    return tuple(address(image.reshape(image.shape[-2:])) for image in images)
