"""Pieces of a study addressed by what went into them: a result is looked up by the hash of its inputs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fewray.data.manifest import sha256_of
from fewray.runs import read_json, write_bytes, write_json

RESULT_VERSION = 3
"""Raised whenever a change to the code changes a result: earlier results are then made anew."""


def key_of(**inputs: Any) -> str:
    """Return the address of a piece of work: 16 hex digits of the hash of its inputs and the code's result version."""
    text = json.dumps({"result_version": RESULT_VERSION, **inputs}, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class JobStore:
    """Results in ``folder``: ``<kind>-<key>.json`` and ``<kind>-<key>.npy`` with its ``.npy.sha256``; each whole or absent."""

    folder: Path

    def result_path(self, kind: str, key: str) -> Path:
        """Return where a result of plain numbers lies."""
        return self.folder / f"{kind}-{key}.json"

    def load(self, kind: str, key: str, *, fields: Sequence[str] = ()) -> dict[str, Any] | None:
        """Return a finished result, or None; one that cannot be read, or lacks one of ``fields``, counts as not done."""
        path = self.result_path(kind, key)
        try:
            found = read_json(path) if path.exists() else None
        except ValueError:
            return None
        whole = isinstance(found, dict) and found and all(name in found for name in fields)
        return found if whole else None

    def save(self, kind: str, key: str, result: dict[str, Any]) -> None:
        """Keep a result."""
        write_json(self.result_path(kind, key), result)

    def array_path(self, kind: str, key: str) -> Path:
        """Return where an array lies."""
        return self.folder / f"{kind}-{key}.npy"

    def load_array(self, kind: str, key: str, *, check: bool = True) -> np.ndarray | None:
        """Open a finished array, or return None where there is none or it is damaged.

        With ``check`` it is read once, and its bytes must have the checksum beside it, where there is one.
        """
        path = self.array_path(kind, key)
        try:
            noted = _checksum_path(path)
            if check and noted.exists() and noted.read_text(encoding="ascii").strip() != sha256_of(path):
                return None
            return np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None

    def save_array(self, kind: str, key: str, array: np.ndarray) -> Path:
        """Keep an array with its checksum and return its path."""
        import io

        stream = io.BytesIO()
        np.save(stream, array, allow_pickle=False)
        path, content = self.array_path(kind, key), stream.getvalue()
        _checksum_path(path).unlink(missing_ok=True)  # never an old one beside a new array
        write_bytes(path, content)
        write_bytes(_checksum_path(path), f"{hashlib.sha256(content).hexdigest()}\n".encode())
        return path


def _checksum_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")
