"""Grey images: decoding, squaring, the two states of an array, grids.

Every boundary carries ``uint8 (n, 1, H, W)`` in 0 to 255; networks see ``float32 (n, 1, H, W)`` in -1 to 1.
"""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from collections import deque
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import PIL
from PIL import Image, ImageOps

from fewray.errors import InputError
from fewray.storage.cache import cache_folder, keep, recall
from fewray.storage.files import write_bytes

if TYPE_CHECKING:
    from torch import Tensor

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
NAMED = 10
"""How many bad files an error names before it counts the rest."""
MOST_PIXELS = 80_000_000
"""Larger pictures are refused: a few bytes of a damaged or hostile file can claim to be terabytes of pixels."""
WAITING = 1024
"""Files handed to the decoding threads at a time: a list of a hundred thousand would be memory of its own."""
WORTH_KEEPING = 1 << 16
"""Files of fewer bytes decode as fast as a cached copy is found."""
DECODER = f"1-{PIL.__version__}"
"""Part of every cache key; the number goes up when decoding or resizing changes what comes out."""
PHOTOMETRIC, WHITE_IS_ZERO = 262, 0


class Unreadable(InputError):
    """An image file that cannot be used: ``path`` and, in a few words, ``reason``."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}; mend or remove the file")
        self.path, self.reason = path, reason

    def __reduce__(self) -> tuple[type[Unreadable], tuple[Path, str]]:
        """Let it travel between processes."""
        return Unreadable, (self.path, self.reason)


def decode(path: Path) -> np.ndarray:
    """Return the picture as grey uint8 (H, W), turned as its EXIF orientation says; of several pages the first.

    Colours become ITU-R 601 luma; transparency is laid on black. Grey pictures of more than 8 bits are scaled linearly
    so that the full range of their bit depth (the smallest of 8, 10, 12, 14, 16 that holds their largest value) becomes
    0 to 255: a 12-bit film stored in 16 bits does not come out black. Negative values are lifted to start at 0, floats
    up to 1 are taken as 0 to 1, and TIFFs whose zero is white are inverted. Raises :class:`Unreadable`, an InputError,
    naming a file that is missing, empty, damaged, truncated, or of more than 80 megapixels.
    """
    return _decode(_read(path), path)


def _read(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Unreadable(
            path, "not found" if isinstance(error, FileNotFoundError) else str(error.strerror)
        ) from None
    if not content:
        raise Unreadable(path, "empty file")
    return content


def _decode(content: bytes, path: Path) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.width * image.height > MOST_PIXELS:
                raise Unreadable(
                    path,
                    f"{image.width}x{image.height} pixels, more than {MOST_PIXELS // 10**6} million",
                )
            halved = any(
                ";16" in str(tile.args) for tile in image.tile
            )  # whole range if grey, upper byte if colour
            inverted = getattr(image, "tag_v2", {}).get(PHOTOMETRIC) == WHITE_IS_ZERO
            image.load()
            grey = _grey(ImageOps.exif_transpose(image), inverted=inverted)
    except Unreadable:
        raise
    except Exception as error:  # Pillow's parsers raise whatever a damaged file leads them to
        unknown = (
            "DICOM, which is not read: convert it to 16-bit PNG"
            if content[128:132] == b"DICM"
            else "not an image"
        )
        reason = (
            unknown
            if isinstance(error, PIL.UnidentifiedImageError)
            else " ".join(str(error).split())
        )
        raise Unreadable(
            path, f"cannot be read as an image ({reason or type(error).__name__})"
        ) from None
    if (
        halved
        and image.mode not in ("I;16", "I;16B", "I;16L", "I", "F")
        and grey.max(initial=0) < 64
    ):
        raise Unreadable(
            path, "a colour image of 16 bits that uses few of them; save it as 16-bit grey"
        )
    return grey


def _grey(image: Image.Image, *, inverted: bool) -> np.ndarray:
    if image.mode in ("I;16", "I;16B", "I;16L", "I", "F"):
        values = np.asarray(image).astype(np.float64)
        if not np.isfinite(values).all():
            raise ValueError("pixels that are no numbers")
        values -= min(0, values.min(initial=0))
        largest = values.max(initial=0)
        if image.mode == "F" and largest <= 1:
            top = 1
        else:
            top = next((2**bits - 1 for bits in (8, 10, 12, 14, 16) if largest < 2**bits), largest)
        if inverted:  # Pillow does this for 8 bits only
            values = top - values
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
    if fit not in ("pad", "squash"):
        raise InputError(f"fit: {fit}; pad or squash is wanted")
    if grey.dtype != np.uint8 or grey.ndim != 2 or not grey.size:
        raise InputError(f"image: {grey.dtype} {grey.shape}; uint8 (H, W) in 0 to 255 is wanted")
    image = Image.fromarray(grey)
    if fit == "squash":
        return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC))
    scale = size / max(image.size)
    inner = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    square = Image.new("L", (size, size))
    square.paste(
        image.resize(inner, Image.Resampling.BICUBIC),
        ((size - inner[0]) // 2, (size - inner[1]) // 2),
    )
    return np.asarray(square)


def load_images(
    paths: Iterable[Path], size: int, fit: str = "pad", *, cache: bool = True
) -> np.ndarray:
    """Return the pictures as uint8 (n, 1, size, size), decoded side by side on the cores.

    With ``cache``, squared copies of large files are kept (:mod:`fewray.storage.cache`, folder ``images``) under the hash of the
    file's bytes, the size and the fit.
    InputError names the files that cannot be read, all of them up to ten.
    """
    resize(np.zeros((1, 1), np.uint8), size, fit)  # size and fit are refused once, not once a file
    store = cache_folder("images") if cache else None
    paths, failed = list(paths), list[Unreadable]()
    made = np.zeros((len(paths), 1, size, size), np.uint8)

    def one(index: int) -> None:
        try:
            made[index, 0] = _squared(Path(paths[index]), size, fit, store)
        except Unreadable as error:
            failed.append(error)

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on odd metadata
        for start in range(0, len(paths), WAITING):
            deque(pool.map(one, range(len(paths))[start : start + WAITING]), maxlen=0)
    if len(failed) == 1:
        raise failed[0]
    if failed:
        named = ", ".join(sorted(f"{error.path} ({error.reason})" for error in failed)[:NAMED])
        more = f" and {len(failed) - NAMED} more" if len(failed) > NAMED else ""
        raise InputError(
            f"{len(failed)} of {len(made)} images: {named}{more}; mend or remove these files"
        )
    return made


def _squared(path: Path, size: int, fit: str, store: Path | None) -> np.ndarray:
    content = _read(path)
    if store is None or len(content) < WORTH_KEEPING:
        return resize(_decode(content, path), size, fit)
    place = store / f"{hashlib.sha256(content).hexdigest()}-{size}-{fit}-{DECODER}"
    kept = recall(place)
    if kept is not None and len(kept) == size * size:
        return np.frombuffer(kept, np.uint8).reshape(size, size)
    square = resize(_decode(content, path), size, fit)
    keep(place, square.tobytes())
    return square


def check_images(images: Any, name: str = "images") -> np.ndarray:
    """Return ``images`` if they are uint8 (n, 1, H, W), else raise InputError."""
    if not (
        isinstance(images, np.ndarray)
        and images.dtype == np.uint8
        and images.ndim == 4
        and images.shape[1] == 1
    ):
        found = f"{getattr(images, 'dtype', type(images).__name__)} {getattr(images, 'shape', '')}"
        raise InputError(f"{name}: {found}; uint8 (n, 1, H, W) in 0 to 255 is wanted")
    return images


def to_float(images: np.ndarray) -> Tensor:
    """Map uint8 (n, 1, H, W) to a float32 tensor in -1 to 1."""
    import torch

    return torch.from_numpy(np.array(check_images(images))).float() / 127.5 - 1


def to_uint8(images: Tensor) -> np.ndarray:
    """Map a float tensor (n, 1, H, W) in -1 to 1 to uint8; InputError when values lie outside."""
    if images.numel() and not float(images.detach().abs().max()) <= 1.001:  # NaN too
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
