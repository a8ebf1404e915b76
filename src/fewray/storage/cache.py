"""The user's cache: files that can be made again, found by a key, returned whole or not at all.

A damaged entry counts as missing. If the cache cannot be written, work continues without it.
The folder may be removed at any time.
"""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG

from fewray.storage.files import replace_file

MOST_BYTES = 1 << 30
"""Disk space per kind of entry. Beyond it, the entries unused for longest are removed."""
LOOK_EVERY = MOST_BYTES >> 4
"""The process measures the cache again after writing this many bytes."""
LEFT_SECONDS = 3600
"""Age of an unfinished file, in seconds, after which its process must have been killed."""
CHECK = 16
"""Length in bytes of the checksum stored after each entry's content."""

_written: dict[Path, int] = {}


def cache_folder(kind: str) -> Path | None:
    """Return the folder for one kind of entry, below ``FEWRAY_CACHE`` or the user's cache folder.

    None when ``FEWRAY_CACHE`` is not set and the user has no home folder.
    """
    named = os.environ.get("FEWRAY_CACHE")
    if named:
        with suppress(OSError):  # a relative path when the working directory was removed
            return Path(named).expanduser().absolute() / kind
        return None
    from platformdirs import user_cache_path

    folder = user_cache_path("fewray")
    return folder / kind if folder.is_absolute() else None


def recall(place: Path) -> bytes | None:
    """Return the content stored at ``place`` and mark it as used; None if missing or damaged."""
    try:
        stored = place.read_bytes()
    except OSError:
        return None
    content, check = stored[:-CHECK], stored[-CHECK:]
    if check != _check(content):
        return None
    with suppress(OSError):
        os.utime(place)
    return content


def keep(place: Path, content: bytes) -> None:
    """Store ``content`` at ``place`` atomically; a full or read-only disk is not an error."""
    with suppress(OSError):
        replace_file(place, content + _check(content), durable=False)
        written = _written.get(place.parent, LOOK_EVERY) + len(content)
        _written[place.parent] = 0 if written >= LOOK_EVERY else written
        if written >= LOOK_EVERY:  # also at the first write of a process
            _remove_unused(place.parent)


def _check(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=CHECK).digest()


def _remove_unused(folder: Path) -> None:
    """Remove unfinished files of killed processes and the entries beyond ``MOST_BYTES``."""
    entries = []
    for file in folder.iterdir():
        with suppress(OSError):  # other processes remove files too
            stat = file.lstat()
            if not S_ISREG(stat.st_mode):
                continue
            if file.suffix != ".part":
                entries.append((stat.st_mtime, _on_disk(stat), file))
            elif stat.st_mtime < time.time() - LEFT_SECONDS:
                file.unlink()
    total = sum(size for _, size, _ in entries)
    for _, size, file in sorted(entries):
        if total <= MOST_BYTES:
            return
        with suppress(OSError):
            file.unlink(missing_ok=True)
            total -= size


def _on_disk(stat: os.stat_result) -> int:
    """Return the bytes that a file takes on disk: whole blocks."""
    return 512 * stat.st_blocks if hasattr(stat, "st_blocks") else stat.st_size
