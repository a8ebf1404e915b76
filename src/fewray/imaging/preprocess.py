"""Bring a decoded image to the square size that a network takes."""

from __future__ import annotations

import numpy as np
from PIL import Image

from fewray.errors import InputError

FITS = ("pad", "squash")


def resize(grey: np.ndarray, size: int, fit: str = "pad") -> np.ndarray:
    """Return uint8 (size, size), antialiased (bicubic over the whole footprint), from uint8 (H, W).

    ``pad`` keeps the aspect ratio and adds black on both sides. ``squash`` changes it, which hides
    the shape of the original: with ``pad``, the black margins may reveal a class whose images have
    their own format.
    """
    check_size(size, fit)
    if grey.dtype != np.uint8 or grey.ndim != 2 or not grey.size:
        raise InputError(
            "image_array",
            f"image: expected uint8 (H, W) in 0 to 255, got {grey.dtype} {grey.shape}",
            dtype=str(grey.dtype),
            shape=grey.shape,
        )
    image = Image.fromarray(grey)
    if fit == "squash":
        return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC))
    scale = size / max(image.size)
    inner = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    square = Image.new("L", (size, size))
    corner = (size - inner[0]) // 2, (size - inner[1]) // 2
    square.paste(image.resize(inner, Image.Resampling.BICUBIC), corner)
    return np.asarray(square)


def check_size(size: int, fit: str) -> None:
    """Raise InputError unless ``size`` is at least 1 and ``fit`` is known."""
    if size < 1:
        raise InputError("image_size", f"image size: expected at least 1, got {size}", size=size)
    if fit not in FITS:
        raise InputError("fit", f"fit: expected {' or '.join(FITS)}, got {fit}", fit=fit)
