"""Augmentation that does not leak into synthetic images: the network knows what was done.

Karras et al. 2020 and 2022 (arXiv 2006.06676, 2206.00364) condition a generator on the parameters
of each image's augmentation; zeros ask for an image as it was. Images are never mirrored: that
would move the heart. What enters from outside the image is its reflection.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

PARAMETERS = 6
"""Shift along x and y, rotation, scale, contrast, brightness; each from -1 to 1."""
SHIFT = 5 / 64
"""Largest shift, as a share of the width; whole pixels at 64."""
DEGREES, OCTAVES = 8.0, 0.12
"""Largest rotation, and largest change of scale as a power of 2."""
CONTRAST, BRIGHTNESS = 0.15, 0.1


def augment(
    images: Tensor, generator: torch.Generator, *, shifted: float = 0.5, changed: float = 0.25
) -> tuple[Tensor, Tensor]:
    """Return augmented ``images`` float32 (n, 1, S, S) in [-1, 1] and parameters (n, PARAMETERS).

    A share ``shifted`` is moved by whole pixels; rotation, scaling, contrast and brightness each
    change a share ``changed``. Only rotated and scaled images are interpolated (bicubic).
    """
    n, size, device = len(images), images.shape[-1], images.device
    drawn = torch.rand(n, PARAMETERS, generator=generator, device=device) * 2 - 1
    pixels = max(1, round(SHIFT * size))
    shift = (drawn[:, :2] * (pixels + 0.5)).round().clamp(-pixels, pixels) / pixels
    share = torch.rand(n, PARAMETERS - 1, generator=generator, device=device)
    limits = share.new_tensor([shifted, changed, changed, changed, changed])
    used = (share < limits).float()
    parameters = torch.cat([shift * used[:, :1], drawn[:, 2:] * used[:, 1:]], 1)
    moved_x, moved_y, turned, scaled, contrast, brightness = parameters.unbind(1)
    angle, scale = turned * math.radians(DEGREES), torch.exp2(-scaled * OCTAVES)
    along, across = scale * angle.cos(), scale * angle.sin()
    step = 2 * pixels / size
    maps = torch.stack(
        [
            torch.stack([along, -across, moved_x * step], 1),
            torch.stack([across, along, moved_y * step], 1),
        ],
        1,
    )
    places = functional.affine_grid(maps, [n, 1, size, size], align_corners=False)
    placed = functional.grid_sample(
        images, places, mode="bicubic", padding_mode="reflection", align_corners=False
    )
    gain, lift = 1 + CONTRAST * contrast, BRIGHTNESS * brightness
    return placed * gain[:, None, None, None] + lift[:, None, None, None], parameters
