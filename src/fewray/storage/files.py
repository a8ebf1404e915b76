"""Files of a run: JSON written atomically, a JSONL log, and a lock so that two processes never share a folder."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fewray.errors import InputError, RunFailed

LOCK_SECONDS = 5.0
"""How long a folder is waited for: the workers of a killed run need a moment to notice and end."""


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` so that ``path`` holds either the old bytes or all the new ones.

    Raises RunFailed when the disk is full or the folder cannot be written; the old file stays.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.name}.", suffix=".part"
        )
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError as error:
        raise RunFailed(
            f"{path}: cannot be written ({error.strerror or error}); free the disk or choose --out"
        ) from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, 64 hex digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as JSON, keys in the order given; NaN and infinity are refused, since JSON has none."""
    text = json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False)
    write_bytes(path, (text + "\n").encode())


def read_json(path: Path) -> Any:
    """Read JSON; InputError names the file when it is missing or broken."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: not found; a folder written by fewray is wanted") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error}); make the run again") from None


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON object; InputError names the file when it is missing, broken or something else."""
    found = read_json(path)
    if not isinstance(found, dict):
        raise InputError(f"{path}: {found!r:.40}; a JSON object is wanted; make the run again")
    return found


def append_jsonl(path: Path, row: Mapping[str, Any]) -> None:
    """Append one line."""
    try:
        with path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row, allow_nan=False) + "\n")
    except OSError as error:
        raise RunFailed(
            f"{path}: cannot be written ({error.strerror}); free the disk or choose --out"
        ) from error


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Read the lines; a last line cut short by a crash is left out, an absent file has none.

    InputError names another line that is no JSON object.
    """
    if not path.exists():
        return []
    rows = []
    lines = path.read_bytes().splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if isinstance(row, dict):
            rows.append(row)
        elif number < len(lines):
            raise InputError(
                f"{path}, line {number}: not a row of a log; remove the line, or the folder and train again"
            )
    return rows


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold ``folder`` for this process; InputError when another one has it. A killed process frees its lock."""
    path = folder / ".lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stream = path.open("a+")
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be made or written ({error.strerror}); choose another --out"
        ) from None
    try:
        _take(stream.fileno(), folder)
        yield
    finally:
        stream.close()


def _take(descriptor: int, folder: Path) -> None:
    try:
        import fcntl
    except ImportError:  # Windows: no advisory lock; the atomic writes still keep files whole
        return
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError:
            if time.monotonic() >= deadline:
                raise InputError(
                    f"{folder}: in use by another fewray; wait for it or choose another --out"
                ) from None
        time.sleep(0.1)
