"""Read and write JSON and JSONL files, replace files atomically, lock folders."""

from __future__ import annotations

import hashlib
import json
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fewray.errors import InputError, RunFailed

LOCK_SECONDS = 5.0
"""How long to wait for a locked folder. The workers of a killed run need a moment to end."""


def replace_file(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write ``content`` to ``path`` so that readers see either the old file or the whole new one.

    The file mode follows the process's umask. ``durable`` waits until the bytes are on the disk.
    Raises OSError, and leaves the old file, when the new one cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}.part")
    try:
        with temporary.open("xb") as stream:
            stream.write(content)
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` atomically (see :func:`replace_file`); RunFailed on an error."""
    try:
        replace_file(path, content)
    except OSError as error:
        raise _cannot_write(path, error) from error


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hex digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as JSON, with keys in the order given. ValueError for NaN and infinity."""
    text = json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False)
    write_bytes(path, (text + "\n").encode())


def read_json(path: Path) -> Any:
    """Return the content of a JSON file; InputError names a missing or invalid file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            "file_not_found",
            f"{path}: not found; expected a folder written by fewray",
            path=str(path),
        ) from None
    except (OSError, ValueError) as error:
        raise InputError(
            "invalid_json",
            f"{path}: not valid JSON ({error}); repeat the run that wrote it",
            path=str(path),
        ) from None


def read_object(path: Path) -> dict[str, Any]:
    """Return the content of a JSON file that holds an object; InputError otherwise."""
    found = read_json(path)
    if not isinstance(found, dict):
        raise InputError(
            "not_a_json_object",
            f"{path}: expected a JSON object, got {found!r:.40}; repeat the run that wrote it",
            path=str(path),
        )
    return found


def append_jsonl(path: Path, row: Mapping[str, Any]) -> None:
    """Append one line of JSON to ``path``; RunFailed when it cannot be written."""
    try:
        with path.open("ab+") as stream:
            if stream.tell() and (stream.seek(-1, os.SEEK_END), stream.read(1))[1] != b"\n":
                stream.write(b"\n")  # a crash left an incomplete line
            stream.write(f"{json.dumps(row, allow_nan=False)}\n".encode())
    except OSError as error:
        raise _cannot_write(path, error) from error


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a JSONL file; a missing file has none.

    Drops an incomplete last line, which a crash may leave. InputError for any other invalid line.
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
                "invalid_log_line",
                f"{path}, line {number}: expected a JSON object; remove the line, "
                "or remove the folder and train again",
                path=str(path),
                line=number,
            )
    return rows


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock ``folder``, which is created if needed, for this process.

    InputError when another process holds the lock. A killed process releases its lock.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stream = (folder / ".lock").open("a+")
    except OSError as error:
        raise InputError(
            "folder_not_writable",
            f"{folder}: cannot create or write this folder ({error.strerror}); "
            "choose another --out",
            folder=str(folder),
        ) from None
    with stream:
        _lock(stream.fileno(), folder)
        yield


def _lock(descriptor: int, folder: Path) -> None:
    try:
        import fcntl
    except ImportError:  # Windows has no flock; atomic writes still keep each file whole
        return
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError:
            if time.monotonic() >= deadline:
                raise InputError(
                    "folder_in_use",
                    f"{folder}: in use by another fewray process; wait for it to finish "
                    "or choose another --out",
                    folder=str(folder),
                ) from None
        time.sleep(0.1)


def _cannot_write(path: Path, error: OSError) -> RunFailed:
    reason = error.strerror or str(error)
    return RunFailed(
        "cannot_write",
        f"{path}: cannot write ({reason}); free disk space or choose another --out",
        path=str(path),
    )
