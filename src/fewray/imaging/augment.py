"""Augment grey images by random rotation, flip, scaling, translation and intensity changes."""

from __future__ import annotations

import numpy as np

from fewray.compute.seeds import child_seed
from fewray.config import ClassicAugmentation
from fewray.errors import InputError
from fewray.imaging.arrays import check_images
from fewray.imaging.preprocess import resize

CHUNK = 100


def classic_augment(
    images: np.ndarray, count: int, *, size: int, options: ClassicAugmentation, seed: int
) -> np.ndarray:
    """Return ``count`` augmented images, uint8 (count, 1, size, size), from uint8 (n, 1, H, W).

    Every original is used equally often (give or take one), in random order. All operations on one
    image are composed into one map about its centre, and the image is resampled once at
    ``options.work_size``: bilinear, black outside, then reduced to ``size`` with antialiasing. The
    paper's code resampled after every operation, which blurs. The result depends on ``seed`` alone.
    Raises InputError without images.
    """
    import torch
    from torch.nn import functional

    check_images(images)
    if len(images) == 0:
        raise InputError("no_images", "classic augmentation: expected at least 1 image, got 0")
    if count < 0:
        raise InputError(
            "augmented_count",
            f"classic augmentation: expected a count of 0 or more, got {count}",
            count=count,
        )
    work = options.work_size
    if images.shape[2:] != (work, work):
        images = np.stack([resize(image[0], work, "squash") for image in images])[:, None]
    rng = np.random.default_rng(child_seed(seed, "classic"))
    rounds = [rng.permutation(len(images)) for _ in range(-(-count // len(images)))]
    order = np.concatenate([*rounds, np.zeros(0, np.int64)])[:count].astype(np.int64)
    maps = torch.from_numpy(np.linalg.inv(random_maps(count, options, rng))[:, :2]).float()
    brightness, contrast = rng.uniform(-options.intensity, options.intensity, (2, count))
    made = [np.zeros((0, 1, size, size), np.uint8)]
    for start in range(0, count, CHUNK):
        part = slice(start, start + CHUNK)
        batch = torch.from_numpy(images[order[part]]).float()
        where = functional.affine_grid(maps[part], list(batch.shape), align_corners=False)
        batch = functional.grid_sample(
            batch, where, mode="bilinear", padding_mode="zeros", align_corners=False
        )
        batch = functional.interpolate(
            batch, (size, size), mode="bilinear", antialias=True, align_corners=False
        )
        if options.intensity:
            gain, shift = (
                torch.from_numpy(v[part]).float()[:, None, None, None]
                for v in (contrast, brightness)
            )
            batch = (batch - 127.5) * (1 + gain) + 127.5 + 255 * shift
        made.append(batch.round().clamp(0, 255).byte().numpy())
    return np.concatenate(made)


def random_maps(count: int, options: ClassicAugmentation, rng: np.random.Generator) -> np.ndarray:
    """Return affine maps, float64 (count, 3, 3), for coordinates of -1 to 1."""
    maps = np.tile(np.eye(3), (count, 1, 1))

    def then(operation: np.ndarray) -> None:
        drawn = rng.random(count) < options.p
        maps[drawn] = operation[drawn] @ maps[drawn]

    def scaled(x: np.ndarray | float, y: np.ndarray | float) -> np.ndarray:
        operation = np.tile(np.eye(3), (count, 1, 1))
        operation[:, 0, 0], operation[:, 1, 1] = x, y
        return operation

    for _ in range(options.rotation_repeats):
        angle = np.deg2rad(rng.uniform(-options.rotation_degrees, options.rotation_degrees, count))
        turn = scaled(np.cos(angle), np.cos(angle))
        turn[:, 0, 1], turn[:, 1, 0] = -np.sin(angle), np.sin(angle)
        then(turn)
    for _ in range(options.flip_repeats):
        then(scaled(-1.0, 1.0))
    for _ in range(options.scale_repeats):
        factor = rng.uniform(options.scale_low, options.scale_high, count)
        then(scaled(factor, factor))
    for _ in range(options.translation_repeats):
        shift = scaled(1.0, 1.0)
        shift[:, :2, 2] = 2 * rng.uniform(-options.translation, options.translation, (count, 2))
        then(shift)
    return maps
