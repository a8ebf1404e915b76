"""Tasks as bytes for another machine: where their paths lie there, and the files that travel with them.

A task's paths are made absolute and, where machines share no folder, moved below a folder of the worker's: ``/data/a.png``
becomes ``<folder>/data/a.png``. What it reads is laid there first; what it changed there is brought back.
"""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from fewray.storage.files import sha256_of, write_bytes

Task = dict[str, Any]
Stamps = dict[str, tuple[int, int, int]]
"""Of each file below a folder: inode, modification time in ns, size in bytes."""


@dataclass(frozen=True)
class Travel:
    """What a function needs beyond its arguments when it runs on another machine."""

    reads: Callable[[Task], Iterable[Path]]
    """The files it reads; those that are not there are passed over."""
    again: Callable[[Task], Task]
    """Its task when an earlier try was lost with its worker, which may have left files."""


def travels(
    reads: Callable[[Task], Iterable[Path]], again: Callable[[Task], Task] = lambda task: task
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Mark a function of :func:`fewray.compute.workers.run_parallel` with its :class:`Travel`. What it writes need not be said."""

    def mark(function: Callable[..., Any]) -> Callable[..., Any]:
        function.__dict__["travel"] = Travel(reads, again)
        return function

    return mark


def files_read(function: Callable[..., Any], task: Task) -> list[Path]:
    """Return the files that are there of those the task reads, as absolute paths, each once."""
    travel = getattr(function, "travel", None)
    named = dict.fromkeys(Path(_absolute(path)) for path in (travel.reads(task) if travel else ()))
    return [path for path in named if path.is_file()]


def second_try(function: Callable[..., Any], task: Task) -> Task:
    """Return the task as it is tried again after its worker was lost."""
    travel = getattr(function, "travel", None)
    return travel.again(task) if travel else task


def pack(value: Any, folder: Path | None = None) -> bytes:
    """Pickle ``value`` with its paths absolute, and freed of ``folder`` where they lie below it."""
    stream = io.BytesIO()
    _Packer(stream, folder).dump(value)
    return stream.getvalue()


def unpack(content: bytes, folder: Path | None = None) -> Any:
    """Return what was packed, its paths moved below ``folder`` where there is one."""
    return _Unpacker(io.BytesIO(content), folder).load()


class _Packer(pickle.Pickler):
    def __init__(self, stream: io.BytesIO, folder: Path | None) -> None:
        super().__init__(stream, protocol=5)
        self.folder = folder

    def persistent_id(self, obj: Any) -> str | None:
        if not isinstance(obj, PurePath):
            return None
        return at_home(_absolute(obj), self.folder) if self.folder else _absolute(obj)


class _Unpacker(pickle.Unpickler):
    def __init__(self, stream: io.BytesIO, folder: Path | None) -> None:
        super().__init__(stream)
        self.folder = folder

    def persistent_load(self, pid: str) -> Path:
        return moved(pid, self.folder) if self.folder else Path(pid)


def _absolute(path: PurePath) -> str:
    return os.path.abspath(path)  # noqa: PTH100 (links keep their names, but no .. is left)


def moved(path: str | Path, folder: Path) -> Path:
    """Return where an absolute path lies below ``folder``."""
    return folder.joinpath(*Path(path).parts[1:])


def at_home(text: str, folder: Path) -> str:
    """Return ``text`` (a path, or a sentence with paths in it) freed of ``folder``: the paths are then the sender's."""
    return text.replace(f"{folder}{os.sep}", os.sep)


def lay_out(folder: Path, names: Iterable[str], contents: Iterable[bytes]) -> Stamps:
    """Write the files a task reads below ``folder`` and return their stamps."""
    for name, content in zip(names, contents, strict=True):
        path = moved(name, folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return _stamps(folder)


def changed_files(folder: Path, before: Stamps) -> list[tuple[str, bytes]]:
    """Return the files that are new or changed since, by their sender's path, in the order they were written.

    The order counts: a result that is there says that the files it names are. Of two written within one tick of the
    file system's clock, JSON comes last. Hidden files (locks, halves of a killed write) stay.
    """
    now = {name: stamp for name, stamp in _stamps(folder).items() if before.get(name) != stamp}
    order = sorted(now, key=lambda name: (now[name][1], name.endswith(".json"), name))
    return [(name, moved(name, folder).read_bytes()) for name in order]


def bring_home(files: Iterable[tuple[str, bytes]]) -> None:
    """Write files that came back from a worker, each whole or not at all; RunFailed when the disk is full."""
    for name, content in files:
        write_bytes(Path(name), content)


def _stamps(folder: Path) -> Stamps:
    found: Stamps = {}
    for path in folder.rglob("*"):
        if path.is_file() and not path.name.startswith("."):
            state = path.stat()
            found[at_home(str(path), folder)] = (state.st_ino, state.st_mtime_ns, state.st_size)
    return found


def sees(tokens: Mapping[str, str], files: Mapping[str, str]) -> bool:
    """Whether this machine reads the tokens' texts in their files, and files of these SHA-256 under these paths."""
    try:
        return all(
            Path(path).read_text(encoding="ascii") == text for path, text in tokens.items()
        ) and all(sha256_of(Path(path)) == digest for path, digest in files.items())
    except (OSError, UnicodeDecodeError):
        return False
