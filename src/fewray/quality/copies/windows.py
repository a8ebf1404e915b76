"""The nearest training window of every window of an image.

The search over whole images misses a mosaic of training patches; each of its windows is a copy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from fewray.imaging.arrays import check_images
from fewray.quality.copies.alignment import BLOCK, resized

SIZE = 64
"""Images are compared at this size."""
WINDOW = 24
"""Width of a window: three eighths of the image."""
SHIFT = 3
"""A window of the reference may lie this many pixels from the place of the query's window."""
OFFSETS = tuple(round(i * (SIZE - WINDOW) / 13) for i in range(14))
"""Top or left edges of the windows: a grid of 3 px, stretched to reach the image's last pixel."""
DETAIL = 1.0
"""Standard deviation, in pixels, of the blur that is subtracted."""
LEAST = 0.3
"""Least standard deviation of a window, as a share of the median of its image's windows."""
FLAT = 0.5
"""Standard deviation in grey levels below which the detail of a window is rounding."""


@dataclass(frozen=True, kw_only=True)
class NearestWindows:
    """Per query and place, (q, 14, 14): index of the nearest reference, and distance to it.

    The distance is float32, 0 to 2. Without a reference, the index is -1 and the distance inf.
    """

    index: np.ndarray
    distance: np.ndarray


@torch.inference_mode()
def nearest_windows(
    queries: np.ndarray,
    references: np.ndarray,
    allowed: np.ndarray | None = None,
    *,
    device: torch.device | str = "cpu",
) -> NearestWindows:
    """Return the nearest of ``references`` (r, 1, H, W) for every window of ``queries``.

    Both are uint8; sizes other than 64 px are resampled. Windows are 24 px wide, on a grid of 3 px.
    The reference and its mirror image are searched within 3 px of the same place. ``allowed`` bool
    (q, r) excludes pairs, such as images of one patient.

    The distance is 1 - correlation of the detail x - G(x), with G a Gaussian blur of 1 px:

        1 - cov(u, v) / (max(sd(u), f) max(sd(v), f))

    where f is 0.3 of the median sd of the image's windows that are not flat. Brightness and
    contrast do not matter. The blur is subtracted because windows at one place share the shading of
    the anatomy. With plain grey levels, the nearest of forty other patients' windows correlates
    with 0.8 to 0.96 (covid4), and an unseen image that is blurred seems to copy many. The bound f
    is there because a flat window, such as black border, has only rounding and noise left, which
    correlate by chance: it is near to nothing, not even to another flat window.
    """
    q, r = len(check_images(queries)), len(check_images(references))
    shape = (q, len(OFFSETS), len(OFFSETS))
    index, nearest = np.full(shape, -1), np.full(shape, np.inf, np.float32)
    if q == 0 or r == 0:
        return NearestWindows(index=index, distance=nearest)
    query, reference = (
        _detail(torch.from_numpy(np.array(images)).to(device)) for images in (queries, references)
    )
    excluded = None if allowed is None else ~torch.from_numpy(np.array(allowed)).to(query.device)
    reach = (2 * SHIFT + 1) ** 2
    for part in range(0, r, max(1, BLOCK // (2 * reach * WINDOW**2))):
        known = reference[part : part + max(1, BLOCK // (2 * reach * WINDOW**2))]
        sides = torch.cat([known, known.flip(-1)])
        scale = 1 / _deviations(sides).clamp(min=LEAST)
        for first in range(0, q, max(1, BLOCK // (reach * len(sides)))):
            block = slice(first, first + max(1, BLOCK // (reach * len(sides))))
            banned = None if excluded is None else excluded[block, part : part + len(known)]
            for a, top in enumerate(OFFSETS):
                for b, left in enumerate(OFFSETS):
                    found = _similarity(query[block], sides, scale, top, left)
                    if banned is not None:
                        found = found.masked_fill(banned, -torch.inf)
                    value, place = found.max(1)
                    distance = 1 - value.cpu().numpy()
                    better = distance < nearest[block, a, b]
                    nearest[block, a, b][better] = distance[better]
                    index[block, a, b][better] = part + place.cpu().numpy()[better]
    return NearestWindows(index=index, distance=np.maximum(0, nearest))


def _similarity(query: Tensor, sides: Tensor, scale: Tensor, top: int, left: int) -> Tensor:
    """Return (q, r): the best correlation at one place; ``sides`` holds r images, then mirrored."""
    windows = query[:, top : top + WINDOW, left : left + WINDOW].flatten(1)
    windows = windows - windows.mean(1, keepdim=True)  # so that references need no mean subtracted
    windows = windows / (windows.square().mean(1, keepdim=True).sqrt().clamp(min=LEAST))
    last = SIZE - WINDOW
    rows, columns = (
        slice(max(0, edge - SHIFT), min(last, edge + SHIFT) + 1) for edge in (top, left)
    )
    region = sides[
        :, rows.start : rows.stop + WINDOW - 1, columns.start : columns.stop + WINDOW - 1
    ]
    unfolded = region.unfold(1, WINDOW, 1).unfold(2, WINDOW, 1).reshape(-1, WINDOW**2)
    found = (windows / WINDOW**2) @ unfolded.T * scale[:, rows, columns].reshape(-1)
    return found.reshape(len(query), 2, len(sides) // 2, -1).amax((1, 3))


def _detail(images: Tensor) -> Tensor:
    """Return float (n, 64, 64): images minus their blur; the median sd of windows is 1.

    Flat windows do not count in the median. Images without other windows become 0.
    """
    x = resized(images, SIZE)[:, None]
    reach = round(4 * DETAIL)
    steps = torch.arange(-reach, reach + 1, dtype=torch.float32, device=x.device)
    kernel = torch.exp(-((steps / DETAIL) ** 2) / 2)
    kernel = kernel / kernel.sum()
    padded = functional.pad(x, (reach, reach, reach, reach), mode="reflect")
    blurred = functional.conv2d(padded, kernel[None, None, None])
    x = (x - functional.conv2d(blurred, kernel[None, None, :, None]))[:, 0]
    deviation = _deviations(x).flatten(1)
    usual = deviation.where(deviation > FLAT, torch.nan).nanmedian(1).values[:, None, None]
    return torch.where(usual.isnan(), 0.0, x / usual)


def _deviations(details: Tensor) -> Tensor:
    """Return (n, 41, 41): the standard deviation of every window."""
    mean, square = (
        functional.avg_pool2d(functional.avg_pool2d(x[:, None], (1, WINDOW), 1), (WINDOW, 1), 1)[
            :, 0
        ]
        for x in (details, details.square())
    )
    return (square - mean.square()).clamp(min=0).sqrt()
