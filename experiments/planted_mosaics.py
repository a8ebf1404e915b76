"""Planted mosaics: synthetic images made of parts of several training images, or of mixed ones.

Every function takes training images, uint8 (n, 1, S, S), and returns ``count`` new ones. All images
of a mosaic are different training images, if there are enough.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Make = Callable[[np.ndarray, int, np.random.Generator], np.ndarray]


def grey(values: np.ndarray) -> np.ndarray:
    """Return values rounded and clipped to uint8."""
    return np.clip(np.round(values), 0, 255).astype(np.uint8)


def regions(parts: int, size: int, rng: np.random.Generator, *, least: float = 0.0) -> np.ndarray:
    """Return int (size, size), 0 to ``parts`` - 1: the nearest of random points.

    Drawn again until each part has more than a share ``least`` of the area.
    """
    y, x = np.indices((size, size)) / size
    while True:
        points = rng.uniform(0, 1, (parts, 2))
        distance = (y[..., None] - points[:, 0]) ** 2 + (x[..., None] - points[:, 1]) ** 2
        found = distance.argmin(-1)
        if np.bincount(found.ravel(), minlength=parts).min() > least * size**2:
            return found


def three_regions(size: int, rng: np.random.Generator) -> np.ndarray:
    """Return int (size, size): strips, one part above two, or random parts; each above 20%."""
    y, x = np.indices((size, size)) / size
    while True:
        kind = rng.integers(3)
        if kind == 0:
            first, second = np.sort(rng.uniform(0.2, 0.8, 2))
            found = (x > first).astype(int) + (x > second)
        elif kind == 1:
            across, along = rng.uniform(0.2, 0.8, 2)
            found = np.where(y < across, 0, np.where(x < along, 1, 2))
        else:
            found = regions(3, size, rng, least=0.2)
        if rng.random() < 0.5:
            found = np.ascontiguousarray(found.T)
        if np.bincount(found.ravel(), minlength=3).min() > 0.2 * size**2:
            return found


def mosaic(
    train: np.ndarray, count: int, rng: np.random.Generator, draw: Callable[[], np.ndarray]
) -> np.ndarray:
    """Return ``count`` mosaics; ``draw`` gives the region of each, int (S, S)."""
    made = []
    for _ in range(count):
        region = draw()
        parts = int(region.max()) + 1
        chosen = rng.choice(len(train), parts, replace=len(train) < parts)
        made.append(np.take_along_axis(train[chosen, 0], region[None], 0))
    return np.stack(made)


def halves(train: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return images whose two halves, left and right or top and bottom, are of two images."""
    half = np.indices(train.shape[2:])[:, :, :] >= train.shape[2] // 2
    return mosaic(train, count, rng, lambda: half[rng.integers(2)].astype(int))


def three_parts(train: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return mosaics of three images, each with more than 20% of the area."""
    return mosaic(train, count, rng, lambda: three_regions(train.shape[2], rng))


def patchwork(fewest: int, most: int) -> Make:
    """Return a maker of mosaics of ``fewest`` to ``most`` random parts."""

    def make(train: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
        size = train.shape[2]
        return mosaic(
            train, count, rng, lambda: regions(int(rng.integers(fewest, most + 1)), size, rng)
        )

    return make


def warped(strength: float, scale: float) -> Make:
    """Return a maker of copies under a smooth random displacement.

    Each coordinate is white noise blurred by ``scale`` px, with standard deviation ``strength`` px.
    """
    from scipy.ndimage import gaussian_filter, map_coordinates

    def make(train: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
        size = train.shape[2]
        made = []
        for index in rng.integers(0, len(train), count):
            moved = gaussian_filter(rng.normal(size=(2, size, size)), (0, scale, scale))
            coordinates = np.indices((size, size)) + strength * moved / moved.std()
            image = train[index, 0].astype(float)
            made.append([map_coordinates(image, coordinates, order=1, mode="nearest")])
        return grey(np.stack(made))

    return make


def mixture(weight: float) -> Make:
    """Return a maker of mixtures: ``weight`` of one image and the rest of another."""

    def make(train: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
        pairs = np.stack([rng.choice(len(train), 2, replace=False) for _ in range(count)])
        first, second = train[pairs[:, 0]].astype(float), train[pairs[:, 1]].astype(float)
        return grey(weight * first + (1 - weight) * second)

    return make


PATCH, STRIDE, REACH, PASSES = 13, 4, 2, 2
"""Of :func:`collage`: width of a patch, distance of patches, largest shift, passes per size."""


def collage(train: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return images of nearest training patches, after Granot et al. (2022), arXiv 2103.15545.

    It starts from 16-px images drawn from a Gaussian (:func:`pca_gaussian`). At 32 and then at 64
    px, each patch is replaced by the nearest training patch at about the same place, and the
    patches are averaged where they overlap, twice per size.
    """
    import torch
    from torch.nn import functional

    from fewray.generators.models.pca_gaussian import pca_gaussian

    size = train.shape[2]
    known = torch.from_numpy(train.astype(np.float32))

    def resized(images: torch.Tensor, width: int) -> torch.Tensor:
        return functional.interpolate(images, (width, width), mode="bilinear", antialias=True)

    small = grey(resized(known, size // 4).numpy())
    made = torch.from_numpy(pca_gaussian(small, count, seed=int(rng.integers(2**31))))
    made = made.float()
    for width in (size // 2, size):
        level, made = resized(known, width), resized(made, width)
        for _ in range(PASSES):
            total, weight = torch.zeros_like(made), torch.zeros(width, width)
            offsets = [*range(0, width - PATCH, STRIDE), width - PATCH]
            for top in offsets:
                for left in offsets:
                    rows, columns = (
                        slice(max(0, at - REACH), min(width, at + PATCH + REACH))
                        for at in (top, left)
                    )
                    choices = level[:, 0, rows, columns].unfold(1, PATCH, 1).unfold(2, PATCH, 1)
                    choices = choices.reshape(-1, PATCH**2)
                    here = (slice(top, top + PATCH), slice(left, left + PATCH))
                    sought = made[:, 0, *here].reshape(count, -1)
                    nearest = torch.cdist(sought, choices).argmin(1)
                    total[:, 0, *here] += choices[nearest].reshape(count, PATCH, PATCH)
                    weight[here] += 1
            made = total / weight
    return grey(made.numpy())


MOSAICS: dict[str, Make] = {
    "two halves": halves,
    "three parts, each over 20%": three_parts,
    "patchwork of 3 to 5": patchwork(3, 5),
    "patchwork of 6 to 10": patchwork(6, 10),
    "patchwork of 11 to 20": patchwork(11, 20),
    "copy warped by 1 px": warped(1.0, 6.0),
    "copy warped by 2 px": warped(2.0, 8.0),
    "mixture, 0.8 and 0.2": mixture(0.8),
    "mixture, 0.5 and 0.5": mixture(0.5),
    "patch collage": collage,
}
"""By name."""
