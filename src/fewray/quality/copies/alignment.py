"""How like two films are after small shifts, scales, turns and flips: the search that finds copies which were moved."""

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
"""Images are compared at this size; others are resized to it first."""
CANDIDATES = 8
"""Training images that the coarse search hands to the fine one."""
BLUR = 7
"""What all films share is what a blur over this part of the width leaves."""
FLAT = 0.05
"""Length in grey levels below which the detail of a picture is rounding."""
BLOCK = 2**25
"""Numbers held at a time."""


@dataclass(frozen=True, kw_only=True)
class Search:
    """One stage: at ``size`` pixels, shifts up to ``margin`` pixels each way of each placement, each also mirrored."""

    size: int
    margin: int
    placements: tuple[tuple[float, float], ...]
    """Scale and turn in degrees. Turned films are looked for at their own scale only: all pairs would take too long."""


TURNS = tuple((1.0, degrees) for degrees in (-10.0, -5.0, 5.0, 10.0))
COARSE = Search(size=SIZE // 2, margin=2, placements=((0.9, 0.0), (1.0, 0.0), (1.1, 0.0), *TURNS))
FINE = Search(
    size=SIZE,
    margin=5,
    placements=((0.9, 0.0), (0.95, 0.0), (1.0, 0.0), (1.05, 0.0), (1.1, 0.0), *TURNS),
)


@dataclass(frozen=True, kw_only=True)
class Nearest:
    """For each query: the index of its nearest reference, -1 where it had none, and the distance 0 to 2 (infinite)."""

    index: np.ndarray
    distance: np.ndarray


def nearest_aligned(
    queries: np.ndarray,
    references: np.ndarray,
    allowed: np.ndarray | None = None,
    *,
    device: torch.device | str = "cpu",
) -> Nearest:
    """Return for each of ``queries`` uint8 (q, 1, H, W) the most alike of ``references`` uint8 (r, 1, H, W).

    The distance is 1 - the largest correlation of the query's centre with any window of the reference moved, scaled,
    turned or mirrored; brightness and contrast do not matter. What all films share is taken away first: a picture blurred
    over a seventh of its width. ``allowed`` bool (q, r) leaves pairs out, such as films of one patient. A coarse search at 32
    pixels chooses eight references for the fine one at 64.
    """
    q, r = len(check_images(queries)), len(check_images(references))
    if q == 0 or r == 0:
        return Nearest(index=np.full(q, -1), distance=np.full(q, np.inf))
    wanted = np.ones((q, r), bool) if allowed is None else allowed
    query, reference = (
        torch.from_numpy(np.array(images)).to(device) for images in (queries, references)
    )
    alike = np.where(wanted, _similarities(query, reference, COARSE, None), -np.inf)
    best = np.argsort(-alike, axis=1, kind="stable")[:, :CANDIDATES]
    chosen = np.zeros((q, r), bool)
    np.put_along_axis(chosen, best, True, axis=1)
    alike = np.where(
        chosen & wanted, _similarities(query, reference, FINE, chosen & wanted), -np.inf
    )
    index = alike.argmax(1)
    found = alike[np.arange(q), index]
    return Nearest(
        index=np.where(np.isfinite(found), index, -1), distance=np.maximum(0.0, 1 - found)
    )


@torch.inference_mode()
def _similarities(
    queries: Tensor, references: Tensor, search: Search, wanted: np.ndarray | None
) -> np.ndarray:
    """Return (q, r) the largest correlation over all placements; only the ``wanted`` pairs where that is given.

    Detail is what a map that is its own adjoint leaves of a picture: <detail t, detail w> = <detail detail t, w>. So it is
    taken twice of each query, and of the many windows only its length is needed.
    """
    margin, inner = search.margin, search.size - 2 * search.margin
    templates = _standardised(
        _detail(_resized(queries, search.size)[:, margin:-margin, margin:-margin])
    )
    sought = _detail(templates).flatten(1)
    # Every placement of every reference, and their mirrored pictures: (r, 2 x placements, size, size).
    pictures = torch.stack(
        [_placed(_resized(references, search.size), *place) for place in search.placements], 1
    )
    pictures = torch.cat([pictures, pictures.flip(-1)], 1)
    found = np.full((len(queries), len(references)), -np.inf)
    for column, picture in enumerate(pictures):
        rows = np.arange(len(queries)) if wanted is None else np.flatnonzero(wanted[:, column])
        if not len(rows):
            continue
        windows = picture.unfold(1, inner, 1).unfold(2, inner, 1).reshape(-1, inner * inner)
        scale = _one_over(_lengths(picture, inner).flatten()).float()
        for part in np.array_split(rows, max(1, -(-len(rows) * len(windows) // BLOCK))):
            found[part, column] = ((sought[part] @ windows.T) * scale).amax(1).cpu().numpy()
    return found


def _resized(images: Tensor, size: int) -> Tensor:
    """Return float (n, size, size)."""
    x = images.float()
    if x.shape[2:] != (size, size):
        x = functional.interpolate(x, (size, size), mode="bilinear", antialias=True)
    return x[:, 0]


def _placed(images: Tensor, scale: float, degrees: float) -> Tensor:
    """Return pictures (n, S, S) enlarged and turned about their centres; edges are carried outwards."""
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
    """Return the lowest cosines (k, size), orthonormal, and what share of each the blur keeps (k,), float64.

    A Gaussian blur of deviation size / 7 that sees the picture mirrored at its borders keeps exp(-(pi j / 7)^2 / 2) of
    cosine j of the DCT-II and mixes none (Strang 1999): fifteen of them are all that it leaves.
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
    """Return pictures (n, S, S) less their blur, which looks at nothing outside: a moved copy's new border is cut off."""
    cosines, kept = _cosines(pictures.shape[-1], pictures.device)
    blur = (cosines.T * kept @ cosines).float()
    pictures = pictures - pictures.mean((1, 2), keepdim=True)
    return pictures - blur @ pictures @ blur


def _lengths(pictures: Tensor, inner: int) -> Tensor:
    """Return float64 (n, m, m): the length of the detail of each window ``inner`` wide of pictures (n, S, S).

    It is that of the window less what the blur takes of its lowest cosines, which all shifts have from two products.
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
    """Return pictures (n, S, S) with mean 0 and length 1; one without structure becomes 0, which is like nothing."""
    pictures = pictures - pictures.mean((1, 2), keepdim=True)
    return pictures * _one_over(pictures.flatten(1).norm(dim=1))[:, None, None]


def _one_over(lengths: Tensor) -> Tensor:
    """Return 1 / length, 0 where there is none to speak of."""
    return torch.where(lengths > FLAT, 1 / lengths, 0)
