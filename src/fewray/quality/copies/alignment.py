"""Similarity of two images after small shifts, scalings, rotations and flips.

This search finds copies that were moved, which a plain distance of pixels misses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from fewray.imaging.arrays import check_images

SIZE = 64
"""Images are compared at this size."""
CANDIDATES = 8
"""Training images that the coarse search hands to the fine one."""
BLUR = 7
"""A blur over this part of the width leaves what all radiographs of the chest share."""
FLAT = 0.05
"""Length in grey levels below which the detail of an image is rounding."""
BLOCK = 2**25
"""Numbers held at a time."""


@dataclass(frozen=True, kw_only=True)
class Search:
    """A search at ``size`` pixels: each placement, its mirror image, shifts up to ``margin``."""

    size: int
    margin: int
    placements: tuple[tuple[float, float], ...]
    """Scale and rotation in degrees. To save time, rotated images are not scaled as well."""


ROTATED = tuple((1.0, degrees) for degrees in (-10.0, -5.0, 5.0, 10.0))
COARSE = Search(size=SIZE // 2, margin=2, placements=((0.9, 0.0), (1.0, 0.0), (1.1, 0.0), *ROTATED))
FINE = Search(
    size=SIZE,
    margin=5,
    placements=((0.9, 0.0), (0.95, 0.0), (1.0, 0.0), (1.05, 0.0), (1.1, 0.0), *ROTATED),
)


@dataclass(frozen=True, kw_only=True)
class Nearest:
    """Per query: index of the nearest reference and distance, 0 to 2; -1 and inf if none."""

    index: np.ndarray
    distance: np.ndarray


def nearest_aligned(
    queries: np.ndarray,
    references: np.ndarray,
    allowed: np.ndarray | None = None,
    *,
    device: torch.device | str = "cpu",
) -> Nearest:
    """Return the most similar of ``references`` (r, 1, H, W) for each of ``queries`` (q, 1, H, W).

    Both are uint8. The distance is 1 - the largest correlation of the query's centre with any
    window of the moved, scaled, rotated or mirrored reference; brightness and contrast do not
    matter. A copy of the image blurred over a seventh of its width is subtracted first. ``allowed``
    bool (q, r) excludes pairs, such as images of one patient. A coarse search at 32 pixels selects
    eight references for the fine one at 64.
    """
    distances = aligned_distances(queries, references, allowed, device=device)
    if 0 in distances.shape:
        return Nearest(index=np.full(len(queries), -1), distance=np.full(len(queries), np.inf))
    index = distances.argmin(1)
    found = distances[np.arange(len(index)), index]
    return Nearest(index=np.where(np.isfinite(found), index, -1), distance=np.maximum(0.0, found))


def aligned_distances(
    queries: np.ndarray,
    references: np.ndarray,
    allowed: np.ndarray | None = None,
    *,
    device: torch.device | str = "cpu",
) -> np.ndarray:
    """Return the distances (q, r) of :func:`nearest_aligned`.

    They are known for the eight references per query that the coarse search selects; the others are
    inf.
    """
    q, r = len(check_images(queries)), len(check_images(references))
    if q == 0 or r == 0:
        return np.full((q, r), np.inf)
    selected = np.ones((q, r), bool) if allowed is None else allowed
    query, reference = (
        torch.from_numpy(np.array(images)).to(device) for images in (queries, references)
    )
    alike = np.where(selected, _similarities(query, reference, COARSE, None), -np.inf)
    best = np.argsort(-alike, axis=1, kind="stable")[:, :CANDIDATES]
    chosen = np.zeros((q, r), bool)
    np.put_along_axis(chosen, best, True, axis=1)
    chosen &= selected
    return np.where(chosen, 1 - _similarities(query, reference, FINE, chosen), np.inf)


@torch.inference_mode()
def _similarities(
    queries: Tensor, references: Tensor, search: Search, selected: np.ndarray | None
) -> np.ndarray:
    """Return (q, r) the largest correlation over all placements, of ``selected`` pairs if given.

    The map from image to detail is self-adjoint: <detail t, detail w> = <detail detail t, w>. It is
    applied twice to each query; of the many windows only the length of the detail is needed.
    """
    margin, inner = search.margin, search.size - 2 * search.margin
    templates = _standardised(
        _detail(resized(queries, search.size)[:, margin:-margin, margin:-margin])
    )
    sought = _detail(templates).flatten(1)
    # Every placement of every reference and its mirror image: (r, 2 x placements, size, size).
    pictures = torch.stack(
        [_placed(resized(references, search.size), *place) for place in search.placements], 1
    )
    pictures = torch.cat([pictures, pictures.flip(-1)], 1)
    found = np.full((len(queries), len(references)), -np.inf)
    for column, picture in enumerate(pictures):
        rows = np.arange(len(queries)) if selected is None else np.flatnonzero(selected[:, column])
        if not len(rows):
            continue
        windows = picture.unfold(1, inner, 1).unfold(2, inner, 1).reshape(-1, inner * inner)
        scale = _one_over(_lengths(picture, inner).flatten()).float()
        for part in np.array_split(rows, max(1, -(-len(rows) * len(windows) // BLOCK))):
            found[part, column] = ((sought[part] @ windows.T) * scale).amax(1).cpu().numpy()
    return found


def resized(images: Tensor, size: int) -> Tensor:
    """Return float (n, size, size)."""
    x = images.float()
    if x.shape[2:] != (size, size):
        x = functional.interpolate(x, (size, size), mode="bilinear", antialias=True)
    return x[:, 0]


def _placed(images: Tensor, scale: float, degrees: float) -> Tensor:
    """Return images (n, S, S) scaled and rotated about their centres; edges are replicated."""
    if (scale, degrees) == (1.0, 0.0):
        return images
    along, across = math.cos(math.radians(degrees)) / scale, math.sin(math.radians(degrees)) / scale
    turn = torch.tensor([[along, -across, 0.0], [across, along, 0.0]], device=images.device).expand(
        len(images), 2, 3
    )
    places = functional.affine_grid(turn, [len(images), 1, *images.shape[1:]], align_corners=False)
    return functional.grid_sample(
        images[:, None], places, padding_mode="border", align_corners=False
    )[:, 0]


@cache
def _cosines(size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the lowest cosines (k, size), orthonormal, and the share of each that the blur keeps.

    A Gaussian blur of deviation size / 7 with mirrored borders keeps exp(-(pi j / 7)^2 / 2) of
    cosine j of the DCT-II and mixes none (Strang 1999); fifteen of them are all that it leaves.
    """
    order = torch.arange(size, dtype=torch.float64, device=device)
    kept = torch.exp(-((math.pi * order / BLUR) ** 2) / 2)
    kept = kept[kept > 1e-9]
    cosines = torch.cos(math.pi * order[: len(kept), None] * (order + 0.5) / size) * math.sqrt(
        2 / size
    )
    cosines[0] /= math.sqrt(2)
    return cosines, kept


def _detail(pictures: Tensor) -> Tensor:
    """Return images (n, S, S) minus their blur, which uses nothing outside the image."""
    cosines, kept = _cosines(pictures.shape[-1], pictures.device)
    blur = (cosines.T * kept @ cosines).float()
    pictures = pictures - pictures.mean((1, 2), keepdim=True)
    return pictures - blur @ pictures @ blur


def _lengths(pictures: Tensor, inner: int) -> Tensor:
    """Return float64 (n, m, m): the length of the detail of every window ``inner`` wide.

    It is the window's length minus the blurred share of its lowest cosines; two matrix products
    give those of all shifts.
    """
    cosines, kept = _cosines(inner, pictures.device)
    shifts, size = pictures.shape[-1] - inner + 1, pictures.shape[-1]
    moved, ones = cosines.new_zeros(shifts, len(cosines), size), cosines.new_zeros(shifts, size)
    for shift in range(shifts):
        moved[shift, :, shift : shift + inner] = cosines
        ones[shift, shift : shift + inner] = 1
    x = pictures.double()
    x = x - x.mean((1, 2), keepdim=True)
    flat = moved.flatten(0, 1)
    lowest = (
        (flat @ x @ flat.T).unflatten(2, (shifts, -1)).unflatten(1, (shifts, -1))
    )  # (n, m, k, m, k)
    taken = 1 - (1 - kept[:, None] * kept) ** 2
    squares = ones @ x**2 @ ones.T - torch.einsum("nakbl,kl->nab", lowest**2, taken)
    return squares.clamp(min=0).sqrt()


def _standardised(pictures: Tensor) -> Tensor:
    """Return images (n, S, S) with mean 0 and length 1; flat ones become 0."""
    pictures = pictures - pictures.mean((1, 2), keepdim=True)
    return pictures * _one_over(pictures.flatten(1).norm(dim=1))[:, None, None]


def _one_over(lengths: Tensor) -> Tensor:
    """Return 1 / length, 0 for a negligible length."""
    return torch.where(lengths > FLAT, 1 / lengths, 0)
