"""Pieces of a study addressed by what went into them: a result is looked up by the hash of its inputs."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fewray.runs import read_json, write_bytes, write_json

RESULT_VERSION = 3
"""Raised whenever a change to the code changes a result: earlier results are then made anew."""


def key_of(**inputs: Any) -> str:
    """Return the address of a piece of work: 16 hex digits of the hash of its inputs and the code's result version."""
    text = json.dumps({"result_version": RESULT_VERSION, **inputs}, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class JobStore:
    """Results in ``folder``: ``<kind>-<key>.json`` and ``<kind>-<key>.npy``; each is whole or absent."""

    folder: Path

    def result_path(self, kind: str, key: str) -> Path:
        """Return where a result of plain numbers lies."""
        return self.folder / f"{kind}-{key}.json"

    def load(self, kind: str, key: str) -> dict[str, Any] | None:
        """Return a finished result, or None; one that cannot be read counts as not done."""
        path = self.result_path(kind, key)
        try:
            return read_json(path) if path.exists() else None
        except ValueError:
            return None

    def save(self, kind: str, key: str, result: dict[str, Any]) -> None:
        """Keep a result."""
        write_json(self.result_path(kind, key), result)

    def array_path(self, kind: str, key: str) -> Path:
        """Return where an array lies."""
        return self.folder / f"{kind}-{key}.npy"

    def load_array(self, kind: str, key: str) -> np.ndarray | None:
        """Open a finished array without reading it, or return None where there is none or it is damaged."""
        try:
            return np.load(self.array_path(kind, key), mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None

    def save_array(self, kind: str, key: str, array: np.ndarray) -> Path:
        """Keep an array and return its path."""
        import io

        stream = io.BytesIO()
        np.save(stream, array, allow_pickle=False)
        write_bytes(self.array_path(kind, key), stream.getvalue())
        return self.array_path(kind, key)
