"""How like two films are after small shifts, scales, turns and flips: the search that finds copies which were moved."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from fewray.images import check_images

SIZE = 64
"""Images are compared at this size; others are resized to it first."""
CANDIDATES = 8
"""Training images that the coarse search hands to the fine one."""
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
FINE = Search(size=SIZE, margin=5, placements=((0.9, 0.0), (0.95, 0.0), (1.0, 0.0), (1.05, 0.0), (1.1, 0.0), *TURNS))


@dataclass(frozen=True, kw_only=True)
class Nearest:
    """For each query: the index of its nearest reference, -1 where it had none, and the distance 0 to 2 (infinite)."""

    index: np.ndarray
    distance: np.ndarray


def nearest_aligned(queries: np.ndarray, references: np.ndarray, allowed: np.ndarray | None = None) -> Nearest:
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
    alike = np.where(wanted, _similarities(queries, references, COARSE, None), -np.inf)
    best = np.argsort(-alike, axis=1, kind="stable")[:, :CANDIDATES]
    chosen = np.zeros((q, r), bool)
    np.put_along_axis(chosen, best, True, axis=1)
    alike = np.where(chosen & wanted, _similarities(queries, references, FINE, chosen & wanted), -np.inf)
    index = alike.argmax(1)
    found = alike[np.arange(q), index]
    return Nearest(index=np.where(np.isfinite(found), index, -1), distance=np.maximum(0.0, 1 - found))


@torch.inference_mode()
def _similarities(queries: np.ndarray, references: np.ndarray, search: Search, wanted: np.ndarray | None) -> np.ndarray:
    """Return (q, r) the largest correlation over all placements; only the ``wanted`` pairs where that is given."""
    margin, inner = search.margin, search.size - 2 * search.margin
    templates = _standardised(_detail(_resized(queries, search.size)[:, margin:-margin, margin:-margin]))
    # Every placement of every reference, and their mirrored pictures: (r, 2 x placements, size, size).
    pictures = torch.stack([_placed(_resized(references, search.size), *place) for place in search.placements], 1)
    pictures = torch.cat([pictures, pictures.flip(-1)], 1)
    found = np.full((len(queries), len(references)), -np.inf)
    for column, picture in enumerate(pictures):
        rows = np.arange(len(queries)) if wanted is None else np.flatnonzero(wanted[:, column])
        if not len(rows):
            continue
        windows = _standardised(_detail(picture.unfold(1, inner, 1).unfold(2, inner, 1).reshape(-1, inner, inner)))
        for part in np.array_split(rows, max(1, -(-len(rows) * len(windows) // BLOCK))):
            found[part, column] = (templates[part] @ windows.T).amax(1).numpy()
    return found


def _resized(images: np.ndarray, size: int) -> Tensor:
    """Return float (n, size, size)."""
    x = torch.from_numpy(np.array(images)).float()  # a copy: files opened without reading are not writable
    if x.shape[2:] != (size, size):
        x = functional.interpolate(x, (size, size), mode="bilinear", antialias=True)
    return x[:, 0]


def _placed(images: Tensor, scale: float, degrees: float) -> Tensor:
    """Return pictures (n, S, S) enlarged and turned about their centres; edges are carried outwards."""
    if (scale, degrees) == (1.0, 0.0):
        return images
    along, across = math.cos(math.radians(degrees)) / scale, math.sin(math.radians(degrees)) / scale
    turn = torch.tensor([[along, -across, 0.0], [across, along, 0.0]]).expand(len(images), 2, 3)
    places = functional.affine_grid(turn, [len(images), 1, *images.shape[1:]], align_corners=False)
    return functional.grid_sample(images[:, None], places, padding_mode="border", align_corners=False)[:, 0]


def _detail(windows: Tensor) -> Tensor:
    """Return pictures (n, S, S) less their blur, which looks at nothing outside: a moved copy's new border is cut off."""
    from scipy.ndimage import gaussian_filter1d

    size = windows.shape[-1]
    blur = torch.from_numpy(gaussian_filter1d(np.eye(size), size / 7, axis=0)).float()
    return windows - blur @ windows @ blur.T


def _standardised(pictures: Tensor) -> Tensor:
    """Return pictures (n, S, S) as rows of mean 0 and length 1; one without structure becomes 0, which is like nothing."""
    rows = pictures.flatten(1)
    rows = rows - rows.mean(1, keepdim=True)
    length = rows.norm(dim=1, keepdim=True)
    return torch.where(length > 1e-3, rows / length.clamp(min=1e-3), torch.zeros(()))
