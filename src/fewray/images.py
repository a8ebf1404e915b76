"""Grey images: grids and PNG files."""

from pathlib import Path

import numpy as np
from PIL import Image


def grid(images: np.ndarray, columns: int, pad: int = 2) -> np.ndarray:
    """Lay uint8 (n,1,H,W) out on a (rows, columns) grid."""
    n, _, h, w = images.shape
    rows = -(-n // columns)
    sheet = np.zeros((rows * (h + pad) + pad, columns * (w + pad) + pad), np.uint8)
    for i, image in enumerate(images):
        r, c = divmod(i, columns)
        sheet[pad + r * (h + pad) : pad + r * (h + pad) + h, pad + c * (w + pad) : pad + c * (w + pad) + w] = image[0]
    return sheet


def save_png(array: np.ndarray, path: Path) -> None:
    """Write a PNG."""
    part = path.with_suffix(".part.png")
    Image.fromarray(array).save(part)
    part.replace(path)
