"""Images assembled from patches of training images, without training.

After Granot et al. 2022 (GPNN, arXiv 2103.15545), with patches taken from near their place, since
radiographs are aligned. A coarse layout is enlarged level by level. At each level every patch is
replaced, several times, by the nearest training patch, and overlapping patches are averaged.

Images hold whole numbers from 0 to 255 in float32. So all products and sums are exact, and neither
the batch nor the device nor the order of summation changes an image.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional

COARSEST = 16
"""Levels are halved down to this size, in pixels."""
CANDIDATES = 20_000
"""Training patches that are compared at a time, at most, to bound memory."""
MIDDLE = 128
"""Subtracted from grey values before products, which stay below 2**24 for up to 18 pixels."""
LARGEST_GAIN = 3.0
SPREAD = 3 / 13
"""SD of the weights of a patch's pixels in the average, as a share of its width."""


def halve(images: Tensor) -> Tensor:
    """Return (n, S / 2, S / 2): the mean of each 2 x 2 pixels, rounded."""
    return functional.avg_pool2d(images[:, None], 2)[:, 0].round()


def enlarge(images: Tensor) -> Tensor:
    """Return (n, 2 S, 2 S), interpolated linearly and rounded; the edge is repeated."""
    for axis in (1, 2):
        index = torch.arange(images.shape[axis], device=images.device)
        before, after = (
            images.index_select(axis, (index + step).clamp(0, len(index) - 1)) for step in (-1, 1)
        )
        both = torch.stack([before + 3 * images, 3 * images + after], axis + 1) / 4
        images = both.flatten(axis, axis + 1)
    return images.round()


def pyramid(images: Tensor) -> list[Tensor]:
    """Return ``images`` (n, S, S) at all levels, coarsest first: at least three of them.

    S is halved while it is even and above ``COARSEST``.
    """
    levels = [images]
    while levels[0].shape[1] % 2 == 0 and (levels[0].shape[1] > COARSEST or len(levels) < 3):
        levels.insert(0, halve(levels[0]))
    return levels


def assemble(
    layouts: Tensor, levels: Sequence[Tensor], *, patch: int, stride: int, window: int, passes: int
) -> Tensor:
    """Return images (b, S, S) with the coarse structure of ``layouts`` (b, L, L).

    ``levels`` is the :func:`pyramid` of the training images. The first pass of a level compares the
    enlarged layout with training images that are as blurred; later passes compare sharp patches.
    """
    images = layouts
    for coarse, sharp in pairwise(levels):
        images, blurred = enlarge(images), enlarge(coarse)
        for turn in range(passes):
            images = rearrange(
                images,
                sharp if turn else blurred,
                sharp,
                patch=patch,
                stride=stride,
                window=window,
                offset=turn % 2 * (stride // 2),
            )
    return images


def rearrange(
    images: Tensor,
    keys: Tensor,
    values: Tensor,
    *,
    patch: int,
    stride: int,
    window: int,
    offset: int = 0,
) -> Tensor:
    """Return ``images`` (b, S, S) with all patches replaced by training patches, then averaged.

    A patch is replaced by the patch of ``values`` (n, S, S) at which ``keys`` (n, S, S) are nearest
    to it, by squared distance, at most ``window`` pixels from its place. There is a place every
    ``stride`` pixels, and ``offset`` moves them all. Patches are ``patch`` pixels wide, at most 18.
    """
    size, device = images.shape[1], images.device
    patch = min(patch, size)
    highest = size - patch
    asked, known, shown = (
        each.unfold(1, patch, 1).unfold(2, patch, 1)
        for each in (images - MIDDLE, keys - MIDDLE, values)
    )
    squares = (keys - MIDDLE).square()
    halves = squares.unfold(1, patch, 1).sum(-1).unfold(2, patch, 1).sum(-1) / 2
    weights = patch_weights(patch).to(device)
    total, weight = torch.zeros_like(images), torch.zeros(size, size, device=device)
    grid = places(highest, stride, offset)
    for top in grid:
        rows = slice(max(0, top - window), min(highest, top + window) + 1)
        for left in grid:
            columns = slice(max(0, left - window), min(highest, left + window) + 1)
            image, row, column = nearest(
                asked[:, top, left], known[:, rows, columns], halves[:, rows, columns]
            )
            found = shown[image, rows.start + row, columns.start + column]
            total[:, top : top + patch, left : left + patch] += weights * found
            weight[top : top + patch, left : left + patch] += weights
    return (total / weight).round()


def nearest(asked: Tensor, known: Tensor, halves: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the image, row and column of the patch that is nearest to each of ``asked``.

    ``asked`` is (b, P, P), ``known`` (n, R, C, P, P), and ``halves`` (n, R, C) holds half the
    squared norms of ``known``. Half the squared distance, up to the norm of ``asked``, is
    ``halves`` minus a product.
    Of patches at the same distance, the first image, row and column is returned.
    """
    n, rows, columns = halves.shape
    flat = asked.flatten(1)
    lowest = halves.new_full((len(flat),), torch.inf)
    best = torch.zeros(len(flat), dtype=torch.long, device=halves.device)
    step = max(1, CANDIDATES // (rows * columns))
    for start in range(0, n, step):
        part = known[start : start + step].flatten(3).flatten(0, 2)
        norms = halves[start : start + step].reshape(1, -1)
        value, index = torch.addmm(norms, flat, part.T, alpha=-1).min(1)
        better = value < lowest
        lowest = torch.where(better, value, lowest)
        best = torch.where(better, index + start * rows * columns, best)
    image, place = best // (rows * columns), best % (rows * columns)
    return image, place // columns, place % columns


def places(highest: int, stride: int, offset: int) -> list[int]:
    """Return the upper or left ends of patches: every ``stride`` pixels, and both borders."""
    inner = range(offset, highest, stride)
    return sorted({0, *inner, highest})


def patch_weights(patch: int) -> Tensor:
    """Return the weights (P, P) of a patch's pixels: a Gaussian, rounded to whole numbers."""
    steps = torch.arange(patch) - (patch - 1) / 2
    one = torch.exp(-0.5 * (steps / (SPREAD * patch)).square())
    return (64 * one[:, None] * one).round().clamp(min=1)


def details(images: Tensor) -> list[Tensor]:
    """Return ``images`` (n, S, S) as parts that add up to them: details by scale, then the rest.

    The stationary wavelet transform with a cubic spline (algorithm a trous; Starck et al. 1998):
    details of about 1, 2, 4 and 8 pixels. The edge is repeated.
    """
    parts = []
    for scale in (1, 2, 4, 8):
        smooth = images
        for axis in (1, 2):
            smooth = _smoothed(smooth, axis, scale)
        parts.append(images - smooth)
        images = smooth
    return [*parts, images]


def _smoothed(images: Tensor, axis: int, scale: int) -> Tensor:
    index = torch.arange(images.shape[axis], device=images.device)
    total = 6 * images
    for step, weight in ((-2, 1), (-1, 4), (1, 4), (2, 1)):
        moved = (index + step * scale).clamp(0, len(index) - 1)
        total = total + weight * images.index_select(axis, moved)
    return total / 16


def detail_gains(real: Tensor, made: Tensor) -> Tensor:
    """Return float (4, S, S): by how much averaging lowered the SD of details, by scale and place.

    The energies of ``real`` (n, S, S) and ``made`` (m, S, S) are means over the images and smoothed
    over about 9 pixels. Gains lie between 1 / ``LARGEST_GAIN`` and ``LARGEST_GAIN``.
    """
    expected, found = (
        torch.stack([_energy(part) for part in details(images.cpu().double())[:-1]])
        for images in (real, made)
    )
    gains = torch.where(found > 0, expected / found, torch.ones_like(found)).sqrt()
    return gains.clamp(1 / LARGEST_GAIN, LARGEST_GAIN).float().to(made.device)


def _energy(part: Tensor) -> Tensor:
    return details(part.square().mean(0, keepdim=True))[-1][0]


def amplify(images: Tensor, gains: Tensor) -> Tensor:
    """Return ``images`` (n, S, S) with their details multiplied by ``gains`` (4, S, S)."""
    *parts, rest = details(images)
    for gain, part in zip(gains, parts, strict=True):
        rest = rest + gain * part
    return rest.round().clamp(0, 255)
