"""Grey images: decoding, squaring, the two states of an array, grids.

Every boundary carries ``uint8 (n, 1, H, W)`` in 0 to 255; networks see ``float32 (n, 1, H, W)`` in -1 to 1.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageOps

from fewray.errors import InputError
from fewray.runs import write_bytes

if TYPE_CHECKING:
    from torch import Tensor

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
NAMED = 10
"""How many bad files an error names before it counts the rest."""


def decode(path: Path) -> np.ndarray:
    """Return the picture as grey uint8 (H, W), turned as its EXIF orientation says.

    Colours become ITU-R 601 luma; transparency is laid on black. Pictures of more than 8 bits are scaled linearly so
    that the full range of their bit depth (the smallest of 8, 10, 12, 14, 16 that holds their largest value) becomes
    0 to 255: a 12-bit film stored in 16 bits does not come out black. InputError names a file that cannot be read.
    """
    try:
        with Image.open(path) as image:
            image.load()
            return _grey(ImageOps.exif_transpose(image))
    except FileNotFoundError:
        raise InputError(f"{path}: not found; an image file is wanted") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(f"{path}: cannot be read as an image ({error}); mend or remove the file") from None


def _grey(image: Image.Image) -> np.ndarray:
    if image.mode in ("I;16", "I;16B", "I;16L", "I", "F"):
        values = np.asarray(image).astype(np.float64)
        if image.mode == "F" and values.size and values.max() <= 1:
            values = values * 255
            top = 255
        else:
            largest = values.max(initial=0)
            top = next((2**bits - 1 for bits in (8, 10, 12, 14, 16) if largest < 2**bits), largest)
        return np.clip(np.round(values * (255 / top)), 0, 255).astype(np.uint8)
    if image.mode in ("LA", "PA", "RGBA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    return np.asarray(image.convert("L"))


def resize(grey: np.ndarray, size: int, fit: str = "pad") -> np.ndarray:
    """Return uint8 (size, size), antialiased (bicubic over the whole footprint).

    ``pad`` keeps the aspect ratio and fills with black on both sides; ``squash`` does not keep it, so that a class with
    its own film format can be told by it.
    """
    if size < 1:
        raise InputError(f"image size: {size}; at least 1 pixel is wanted")
    image = Image.fromarray(grey)
    if fit == "squash":
        return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC))
    if fit != "pad":
        raise InputError(f"fit: {fit}; pad or squash is wanted")
    scale = size / max(image.size)
    inner = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    square = Image.new("L", (size, size))
    square.paste(image.resize(inner, Image.Resampling.BICUBIC), ((size - inner[0]) // 2, (size - inner[1]) // 2))
    return np.asarray(square)


def load_images(paths: Sequence[Path], size: int, fit: str = "pad") -> np.ndarray:
    """Return the pictures as uint8 (n, 1, size, size), decoded side by side on the cores.

    InputError names every file that cannot be read.
    """
    failed: list[str] = []

    def one(path: Path) -> np.ndarray | None:
        try:
            return resize(decode(path), size, fit)
        except InputError as error:
            failed.append(str(error))
            return None

    with ThreadPoolExecutor() as pool:
        made = list(pool.map(one, paths))
    if failed:
        more = f"; and {len(failed) - NAMED} more" if len(failed) > NAMED else ""
        raise InputError("; ".join(sorted(failed)[:NAMED]) + more)
    return np.stack([m for m in made if m is not None])[:, None] if made else np.zeros((0, 1, size, size), np.uint8)


def check_images(images: Any, name: str = "images") -> np.ndarray:
    """Return ``images`` if they are uint8 (n, 1, H, W), else raise InputError."""
    if not (isinstance(images, np.ndarray) and images.dtype == np.uint8 and images.ndim == 4 and images.shape[1] == 1):
        found = f"{getattr(images, 'dtype', type(images).__name__)} {getattr(images, 'shape', '')}"
        raise InputError(f"{name}: {found}; uint8 (n, 1, H, W) in 0 to 255 is wanted")
    return images


def to_float(images: np.ndarray) -> Tensor:
    """Map uint8 (n, 1, H, W) to a float32 tensor in -1 to 1."""
    import torch

    return torch.from_numpy(np.array(check_images(images))).float() / 127.5 - 1


def to_uint8(images: Tensor) -> np.ndarray:
    """Map a float tensor (n, 1, H, W) in -1 to 1 to uint8; InputError when values lie outside."""
    if images.numel() and float(images.detach().abs().max()) > 1.001:
        raise InputError(f"images: values up to {float(images.abs().max()):.3g}; -1 to 1 is wanted")
    return ((images.detach().float() + 1) * 127.5).round().clamp(0, 255).byte().cpu().numpy()


def grid(images: np.ndarray, columns: int, pad: int = 2) -> np.ndarray:
    """Lay uint8 (n, 1, H, W) out row by row on a black sheet (rows x columns, ``pad`` pixels between)."""
    n, _, height, width = check_images(images).shape
    columns = max(1, min(columns, n))
    rows = -(-n // columns)
    sheet = np.zeros((rows * (height + pad) + pad, columns * (width + pad) + pad), np.uint8)
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        top, left = pad + row * (height + pad), pad + column * (width + pad)
        sheet[top : top + height, left : left + width] = image[0]
    return sheet


def png_bytes(grey: np.ndarray) -> bytes:
    """Return uint8 (H, W) as a PNG."""
    stream = io.BytesIO()
    Image.fromarray(grey).save(stream, format="PNG")
    return stream.getvalue()


def save_png(grey: np.ndarray, path: Path) -> None:
    """Write uint8 (H, W) as a PNG; an existing file is replaced whole."""
    write_bytes(path, png_bytes(grey))
