"""Images that come as arrays in one NPZ file: those that are chosen are kept as files."""

from __future__ import annotations

import io
import zipfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from fewray.data.releases.layout.files import FolderIndex
from fewray.data.releases.layout.listing import ListedImage
from fewray.errors import RunFailed
from fewray.imaging.arrays import png_bytes
from fewray.storage.cache import cache_folder
from fewray.storage.files import replace_file, sha256_of

DAMAGED = (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile)
"""What NumPy raises for a file that is no NPZ, is damaged, or lacks an array."""


def array_header(file: Path, name: str) -> tuple[tuple[int, ...], np.dtype]:
    """Return the shape and the type of an array, without reading it. Raises ``DAMAGED``."""
    with zipfile.ZipFile(file) as archive, archive.open(f"{name}.npy") as stream:
        version = np.lib.format.read_magic(stream)
        read_header = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, _, kind = read_header(stream)
        return shape, kind


def image_places(file: Path, images: Sequence[ListedImage], what: str) -> FolderIndex:
    """Return where the images of ``file`` will lie: in a folder of the cache of their own.

    Raises RunFailed ``no_cache_folder``.
    """
    if (place := cache_folder(what)) is None:
        text = f"{file}: no cache folder for its images; name one with FEWRAY_CACHE"
        raise RunFailed("no_cache_folder", text)
    folder = place / sha256_of(file)[:16]
    files = FolderIndex(folder, depth=2)
    files.places = {image.file: str(folder / image.file) for image in images}
    return files


def write_images(file: Path, folder: Path, chosen: Sequence[ListedImage]) -> None:
    """Write the chosen images ``ARRAY/NUMBER.SUFFIX`` that are not in ``folder`` yet.

    Raises RunFailed ``cache_not_writable``.
    """
    missing: dict[str, list[tuple[int, Path]]] = defaultdict(list)
    for image in chosen:
        array, _, name = image.file.partition("/")
        if not (path := folder / image.file).is_file():
            missing[array].append((int(Path(name).stem), path))
    try:
        for array, places in missing.items():
            (folder / array).mkdir(parents=True, exist_ok=True)
            with np.load(file) as arrays:
                pixels = arrays[array]
            for number, path in places:
                replace_file(path, _encoded(np.squeeze(pixels[number])), durable=False)
    except OSError as error:
        text = f"{file}: images cannot be kept in {folder} ({error.strerror}); set FEWRAY_CACHE"
        raise RunFailed("cache_not_writable", text) from error


def suffix_for(kind: np.dtype) -> str:
    """Return the suffix of the files that hold images of numbers of this type."""
    return ".png" if kind in (np.uint8, np.uint16) else ".tif"


def _encoded(pixels: np.ndarray) -> bytes:
    """Return an image (H, W) as PNG or TIFF that holds the same numbers."""
    if suffix_for(pixels.dtype) == ".png":
        return png_bytes(pixels)
    stream = io.BytesIO()
    kept = pixels.astype(np.float32 if pixels.dtype.kind == "f" else np.int32)
    Image.fromarray(kept).save(stream, format="TIFF")
    return stream.getvalue()
