"""The user's cache: copies of what can be made again, each found by its address, read whole or not at all.

A damaged copy is no copy; where nothing can be written, work goes on without. Removing the folder is always safe.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG

MOST_BYTES = 1 << 30
"""The copies of one kind unused for longest are removed when all together take more of the disk."""
LOOK_EVERY = MOST_BYTES >> 4
"""Bytes this process writes between two looks at how much there is."""
LEFT_SECONDS = 3600
"""An unfinished copy older than this was left by a process that was killed."""
CHECK = 16
"""Bytes of the check sum behind a copy's content."""

_written: dict[Path, int] = {}


def cache_folder(kind: str) -> Path | None:
    """Return the folder of copies of one kind: in that which ``FEWRAY_CACHE`` names, else in the platform's for caches.

    None where the platform has none for this user (no home): then only ``FEWRAY_CACHE`` gives one.
    """
    named = os.environ.get("FEWRAY_CACHE")
    if named:
        with suppress(OSError):  # of a relative path below a folder that is gone
            return Path(named).expanduser().absolute() / kind
        return None
    from platformdirs import user_cache_path

    folder = user_cache_path("fewray")
    return folder / kind if folder.is_absolute() else None


def recall(place: Path) -> bytes | None:
    """Return the content kept at ``place``, from now on the last to be removed; None if there is none or it is damaged."""
    try:
        kept = place.read_bytes()
    except OSError:
        return None
    content, check = kept[:-CHECK], kept[-CHECK:]
    if check != _check(content):
        return None
    with suppress(OSError):
        os.utime(place)
    return content


def keep(place: Path, content: bytes) -> None:
    """Keep ``content`` at ``place``, which other processes see whole or not at all; a full or read-only disk is no error."""
    temporary = None
    with suppress(OSError):
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=place.parent, suffix=".part")
            with os.fdopen(handle, "wb") as stream:
                stream.write(content + _check(content))
            Path(temporary).replace(place)
        finally:
            if temporary is not None:
                Path(temporary).unlink(missing_ok=True)
        written = _written.get(place.parent, LOOK_EVERY) + len(content)
        _written[place.parent] = 0 if written >= LOOK_EVERY else written
        if written >= LOOK_EVERY:  # at first, too
            _bound(place.parent)


def _check(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=CHECK).digest()


def _bound(folder: Path) -> None:
    """Remove what killed processes left, and the copies unused for longest until the rest takes at most ``MOST_BYTES``."""
    copies = []
    for file in folder.iterdir():
        with suppress(
            OSError
        ):  # others remove, too, and what is no file of this user's is not ours
            stat = file.lstat()
            if not S_ISREG(stat.st_mode):
                continue
            if file.suffix != ".part":
                copies.append((stat.st_mtime, _on_disk(stat), file))
            elif stat.st_mtime < time.time() - LEFT_SECONDS:
                file.unlink()
    total = sum(size for _, size, _ in copies)
    for _, size, file in sorted(copies):
        if total <= MOST_BYTES:
            return
        with suppress(OSError):
            file.unlink(missing_ok=True)
            total -= size


def _on_disk(stat: os.stat_result) -> int:
    """Return the bytes a file takes: whole blocks, twice its own for a small film."""
    return 512 * stat.st_blocks if hasattr(stat, "st_blocks") else stat.st_size
