"""Pieces of a study addressed by what went into them: a result is looked up by the hash of its inputs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fewray.errors import InputError
from fewray.storage.files import read_json, sha256_of, write_bytes, write_json

RESULT_VERSION = 4
"""Raised whenever a change to the code changes a result: earlier results are then made anew."""


def key_of(**inputs: Any) -> str:
    """Return the address of a piece of work: 16 hex digits of the hash of its inputs and the code's result version."""
    text = json.dumps({"result_version": RESULT_VERSION, **inputs}, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class JobStore:
    """Results in ``folder``: ``<kind>-<key>.json`` and ``<kind>-<key>.npy`` with its ``.npy.sha256``; each whole or absent."""

    folder: Path

    def check_folder(self) -> None:
        """Raise InputError where a file stands in the folder's place."""
        if self.folder.exists() and not self.folder.is_dir():
            raise InputError(
                f"{self.folder}: a file where the folder of the jobs is wanted; remove it, or choose another --out"
            )

    def result_path(self, kind: str, key: str) -> Path:
        """Return where a result of plain numbers lies."""
        return self.folder / f"{kind}-{key}.json"

    def load(
        self,
        kind: str,
        key: str,
        *,
        fields: Sequence[str] = (),
        whole: Callable[[dict[str, Any]], bool] = lambda found: True,
    ) -> dict[str, Any] | None:
        """Return a finished result, or None; one that cannot be read counts as not done.

        So does one that lacks one of ``fields``, or of which ``whole`` is not true or cannot be told.
        """
        path = self.result_path(kind, key)
        try:
            found = read_json(path) if path.exists() else None
            if (
                not isinstance(found, dict)
                or not found
                or not all(name in found for name in fields)
            ):
                return None
            return found if whole(found) else None
        except (ValueError, TypeError, LookupError, AttributeError, OverflowError):
            return None

    def save(self, kind: str, key: str, result: dict[str, Any]) -> None:
        """Keep a result."""
        write_json(self.result_path(kind, key), result)

    def array_path(self, kind: str, key: str) -> Path:
        """Return where an array lies."""
        return self.folder / f"{kind}-{key}.npy"

    def load_array(self, kind: str, key: str, *, check: bool = True) -> np.ndarray | None:
        """Open a finished array, or return None where there is none or it is damaged.

        With ``check`` it is read once: its bytes must have the checksum beside it, which must be there and be this array's.
        """
        path = self.array_path(kind, key)
        try:
            if check:
                noted = _checksum_path(path).read_text(encoding="ascii").split()
                if noted[0] != sha256_of(path) or noted[1:] not in (
                    [],
                    [path.name],
                ):  # older ones name no array
                    return None
            return np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError, IndexError):
            return None

    def save_array(self, kind: str, key: str, array: np.ndarray) -> Path:
        """Keep an array with its checksum and name, as ``sha256sum`` writes them, and return its path."""
        import io

        stream = io.BytesIO()
        np.save(stream, array, allow_pickle=False)
        path, content = self.array_path(kind, key), stream.getvalue()
        _checksum_path(path).unlink(missing_ok=True)  # never an old one beside a new array
        write_bytes(path, content)
        write_bytes(
            _checksum_path(path), f"{hashlib.sha256(content).hexdigest()}  {path.name}\n".encode()
        )
        return path


def are_probabilities(values: Any, rows: int, classes: int) -> bool:
    """Whether ``values`` are (rows, classes), each row at least 0 and summing to 1 but for rounding; NaN is not."""
    found = np.array(values)
    if found.shape != (rows, classes) or found.dtype.kind not in "fi":
        return False
    return bool((found >= 0).all() and (np.abs(found.sum(1) - 1) < 1e-3).all())


def _checksum_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")
