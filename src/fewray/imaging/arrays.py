"""Images as arrays: loading many files, the two number formats, grids and PNGs.

Every boundary carries ``uint8 (n, 1, H, W)`` in 0 to 255; networks see ``float32 (n, 1, H, W)`` in
-1 to 1.
"""

from __future__ import annotations

import functools
import hashlib
import io
import warnings
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec
import numpy as np
import PIL
from PIL import Image

from fewray.compute.process import cores
from fewray.errors import InputError
from fewray.imaging.decode import DEEP_MODES, Unreadable, read_file, read_image
from fewray.imaging.depth import GreyRange, PixelScale, choose_scale
from fewray.imaging.dicom.header import read_header
from fewray.imaging.dicom.reading import has_marker
from fewray.imaging.nifti import is_nifti
from fewray.imaging.preprocess import check_size, resize
from fewray.storage.cache import cache_folder, keep, recall
from fewray.storage.files import write_bytes

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")
R = TypeVar("R")
NAMED = 10
"""How many bad files an error lists before it counts the rest."""
BLOCK = 1024
"""Files handed to the decoding threads at a time, to bound memory."""
WORTH_KEEPING = 1 << 16
"""Smaller files (in bytes) decode as fast as a cached copy is found."""
DECODER = f"2-{PIL.__version__}"
"""Part of every cache key; raise the number when decoding or resizing gives other pixels."""
DICOM_DECODER = "3"
"""The same for the grey values of DICOM files."""


def load_images(
    paths: Iterable[Path],
    size: int,
    fit: str = "pad",
    *,
    scale: PixelScale | None = None,
    cache: bool = True,
    names: Sequence[Path] = (),
) -> np.ndarray:
    """Return the images as uint8 (n, 1, size, size), decoded in parallel.

    ``scale`` is the grey scale of the data set; images of more than 8 bits that it does not cover
    are scaled together. With ``cache``, resized copies of large files are kept
    (:mod:`fewray.storage.cache`, folder ``images``) under the hash of the file, the size and the
    fit. Raises InputError that lists the unreadable files, at most ten, by their ``names`` if these
    are given.
    """
    check_size(size, fit)
    store = cache_folder("images") if cache else None
    paths, scale = list(paths), scale or PixelScale()
    made = np.zeros((len(paths), 1, size, size), np.uint8)
    failed: list[Unreadable] = []

    def load(rows: Sequence[int], scale: PixelScale) -> list[int]:
        """Fill the rows of ``made``; return those that ``scale`` does not cover."""

        def one(row: int) -> bool:
            try:
                square = _load(Path(paths[row]), size, fit, scale, store)
            except Unreadable as error:
                shown = names[row] if names else error.path
                failed.append(Unreadable(shown, error.reason, error.code))
                return True
            if square is not None:
                made[row, 0] = square
            return square is not None

        return [row for row, done in zip(rows, in_threads(one, rows), strict=True) if not done]

    if unscaled := load(range(len(paths)), scale):
        ranges = scan_ranges([Path(paths[row]) for row in unscaled], cache=cache)
        load(unscaled, scale.merged(choose_scale(filter(None, ranges))))
    if len(failed) == 1:
        raise failed[0]
    if failed:
        listed = ", ".join(sorted(f"{error.path} ({error.reason})" for error in failed)[:NAMED])
        more = f" and {len(failed) - NAMED} more" if len(failed) > NAMED else ""
        raise InputError(
            "unreadable_images",
            f"{len(failed)} of {len(made)} images: {listed}{more}. Repair or "
            "remove these files, or leave them out with --skip-unreadable.",
            paths=[str(error.path) for error in failed],
        )
    return made


def scan_ranges(paths: Sequence[Path], *, cache: bool = True) -> list[GreyRange | None]:
    """Return the grey range of each DICOM image and image of more than 8 bits, None for others.

    Only the header of a DICOM file and of an 8-bit file is read. Ranges of large files are kept in
    the cache (folder ``ranges``).
    """
    store = cache_folder("ranges") if cache else None

    def one(path: Path) -> GreyRange | None:
        try:
            if (header := read_header(path)) is not None:
                return header.grey_range()
            if is_nifti(path):
                return _scan(path, store)
            with Image.open(path) as image:
                deep = image.mode in DEEP_MODES
            return _scan(path, store) if deep else None
        except Exception:  # of a damaged file: whoever loads it gets the error
            return None

    return in_threads(one, paths)


def _scan(path: Path, store: Path | None) -> GreyRange | None:
    content = read_file(path)
    place = _place(store, content, "range")
    if place is not None and (kept := recall(place)) is not None:
        return msgspec.json.decode(kept, type=GreyRange)
    image = read_image(content, path)
    if not image.is_deep:
        return None
    found = image.grey_range()
    if place is not None:
        keep(place, msgspec.json.encode(found))
    return found


def _load(
    path: Path, size: int, fit: str, scale: PixelScale, store: Path | None
) -> np.ndarray | None:
    """Return one image as uint8 (size, size), or None if ``scale`` does not cover it."""
    content = read_file(path)
    place = _place(store, content, f"{size}-{fit}{scale.key()}")
    if place is not None and (kept := recall(place)) is not None and len(kept) == size * size:
        return np.frombuffer(kept, np.uint8).reshape(size, size)
    grey = read_image(content, path).scaled(scale)
    if grey is None:
        return None
    square = resize(grey, size, fit)
    if place is not None:
        keep(place, square.tobytes())
    return square


def _place(store: Path | None, content: bytes, what: str) -> Path | None:
    """Return where a result for this file is cached; None for a small file, or without a cache."""
    if store is None or len(content) < WORTH_KEEPING:
        return None
    decoder = _dicom_decoder() if has_marker(content) else DECODER
    return store / f"{hashlib.sha256(content).hexdigest()}-{what}-{decoder}"


@functools.cache
def _dicom_decoder() -> str:
    """Return the versions of the packages that decode DICOM, as a part of cache keys."""
    parts = "-".join(version(name) for name in ("pydicom", "python-gdcm", "pylibjpeg-openjpeg"))
    return f"{DICOM_DECODER}-{DECODER}-{parts}"


def in_threads(function: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Return ``function`` of each item, computed in one thread per available core (at most 8)."""
    results: list[R] = []
    with ThreadPoolExecutor(min(8, cores())) as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on unusual metadata
        for start in range(0, len(items), BLOCK):
            results.extend(pool.map(function, items[start : start + BLOCK]))
    return results


def check_images(images: object, name: str = "images") -> np.ndarray:
    """Return ``images`` if they are uint8 (n, 1, H, W), else raise InputError."""
    if (
        isinstance(images, np.ndarray)
        and images.dtype == np.uint8
        and images.ndim == 4
        and images.shape[1] == 1
    ):
        return images
    found = f"{getattr(images, 'dtype', type(images).__name__)} {getattr(images, 'shape', '')}"
    raise InputError(
        "image_array", f"{name}: expected uint8 (n, 1, H, W) in 0 to 255, got {found}", found=found
    )


def to_float(images: np.ndarray) -> Tensor:
    """Map uint8 (n, 1, H, W) to a float32 tensor in -1 to 1."""
    import torch

    return torch.from_numpy(np.array(check_images(images))).float() / 127.5 - 1


def to_uint8(images: Tensor) -> np.ndarray:
    """Map a float tensor (n, 1, H, W) in -1 to 1 to uint8; InputError if values lie outside."""
    if images.numel() and not float(images.detach().abs().max()) <= 1.001:  # NaN too
        largest = float(images.abs().max())
        raise InputError(
            "image_values",
            f"images: expected -1 to 1, got values up to {largest:.3g}",
            found=largest,
        )
    return ((images.detach().float() + 1) * 127.5).round().clamp(0, 255).byte().cpu().numpy()


def grid(images: np.ndarray, columns: int, pad: int = 2) -> np.ndarray:
    """Arrange uint8 (n, 1, H, W) row by row on a black image with gaps of ``pad`` pixels."""
    n, _, height, width = check_images(images).shape
    columns = max(1, min(columns, n))
    rows = -(-n // columns)
    sheet = np.zeros((rows * (height + pad) + pad, columns * (width + pad) + pad), np.uint8)
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        top, left = pad + row * (height + pad), pad + column * (width + pad)
        sheet[top : top + height, left : left + width] = image[0]
    return sheet


def png_bytes(pixels: np.ndarray) -> bytes:
    """Return uint8 (H, W), grey, or (H, W, 3), colour, as a PNG."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG")
    return stream.getvalue()


def save_png(pixels: np.ndarray, path: Path) -> None:
    """Write uint8 (H, W) or (H, W, 3) as a PNG; an existing file is replaced as a whole."""
    write_bytes(path, png_bytes(pixels))
