"""Results of jobs, stored under the hash of their inputs: this is where a study resumes.

Each job (an image set, a classifier) computes its key from everything that determines its result:
data, options, seed, device, precision, threads. A study that is started again looks every key up
and runs only the jobs whose results are missing. Generators resume from their own checkpoints
(:mod:`fewray.generators.checkpoint`).
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fewray.errors import InputError
from fewray.storage.files import read_json, sha256_of, write_bytes, write_json

RESULT_VERSION = 5
"""Raise this when a code change alters results or keys; stored results are then computed again."""


def key_of(**inputs: Any) -> str:
    """Return a job's key: 16 hex digits of the hash of its inputs and ``RESULT_VERSION``."""
    text = json.dumps({"result_version": RESULT_VERSION, **inputs}, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class JobStore:
    """Results in ``folder``: ``<kind>-<key>.json``, or ``<kind>-<key>.npy`` and ``.npy.sha256``."""

    folder: Path

    def check_folder(self) -> None:
        """Raise InputError if ``folder`` is a file."""
        if self.folder.exists() and not self.folder.is_dir():
            raise InputError(
                "not_a_folder",
                f"{self.folder}: expected a directory, found a file; remove it or choose "
                "another --out",
                path=str(self.folder),
            )

    def result_path(self, kind: str, key: str) -> Path:
        """Return the path of a JSON result."""
        return self.folder / f"{kind}-{key}.json"

    def load(
        self,
        kind: str,
        key: str,
        *,
        fields: Sequence[str] = (),
        whole: Callable[[dict[str, Any]], bool] = lambda found: True,
    ) -> dict[str, Any] | None:
        """Return a finished result, or None if it is missing or damaged.

        A result is damaged if it lacks one of ``fields``, or if ``whole`` is false or raises.
        """
        path = self.result_path(kind, key)
        try:
            found = read_json(path) if path.exists() else None
            if not isinstance(found, dict) or not found or not found.keys() >= set(fields):
                return None
            return found if whole(found) else None
        except (ValueError, TypeError, LookupError, AttributeError, OverflowError):
            return None

    def save(self, kind: str, key: str, result: dict[str, Any]) -> None:
        """Store a JSON result."""
        write_json(self.result_path(kind, key), result)

    def array_path(self, kind: str, key: str) -> Path:
        """Return the path of an array."""
        return self.folder / f"{kind}-{key}.npy"

    def load_array(self, kind: str, key: str, *, check: bool = True) -> np.ndarray | None:
        """Open a stored array without reading it; None if it is missing or damaged.

        ``check`` reads the file once and compares it with the checksum and name stored beside it.
        """
        path = self.array_path(kind, key)
        try:
            if check:
                stored = _checksum_path(path).read_text(encoding="ascii").split()
                if stored != [sha256_of(path), path.name]:
                    return None
            return np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None

    def save_array(self, kind: str, key: str, array: np.ndarray) -> Path:
        """Store an array and its checksum, in the format of ``sha256sum``; return its path."""
        stream = io.BytesIO()
        np.save(stream, array, allow_pickle=False)
        path, content = self.array_path(kind, key), stream.getvalue()
        checksum = _checksum_path(path)
        checksum.unlink(missing_ok=True)  # so that no old checksum stands beside a new array
        write_bytes(path, content)
        write_bytes(checksum, f"{hashlib.sha256(content).hexdigest()}  {path.name}\n".encode())
        return path


def are_probabilities(values: Any, rows: int, classes: int) -> bool:
    """Return whether ``values`` has shape (rows, classes), no negatives, and rows that sum to 1."""
    found = np.array(values)
    if found.shape != (rows, classes) or found.dtype.kind not in "fi":
        return False
    return bool((found >= 0).all() and (np.abs(found.sum(1) - 1) < 1e-3).all())


def _checksum_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")
