"""Find the image files of a release: one pass over the folder, then one look-up per row."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from fewray.imaging.decode import SUFFIXES
from fewray.imaging.dicom.reading import SUFFIXES as DICOM_SUFFIXES

IMAGES = (*SUFFIXES, *DICOM_SUFFIXES)
"""Suffixes of image files, in lower case."""
NOT_DATA = ("__macosx", "masks")
"""Folders without images: what archives of macOS add, and segmentations."""


class FolderIndex:
    """The image files below a folder, found by the end of their path.

    ``depth`` is the number of names that identify a file: 1 for its name alone, 2 with its folder.
    Releases come in several archives, which people unpack beside or into each other; the end of the
    path is the same in all of these layouts. If one of the folders ``within`` is there, only these
    are searched. Links to folders are followed, circles are not.
    """

    def __init__(self, root: Path, depth: int = 1, within: Sequence[str] = ()) -> None:
        self.root, self.depth = root, depth
        self.places: dict[str, str] = {}
        """The path of each file by its end; of files with the same end, the first one."""
        self.doubles: list[str] = []
        """Paths of the other files with the same end."""
        inside = [root / name for name in within if (root / name).is_dir()]
        for path in sorted(path for place in inside or [root] for path in _image_files(place)):
            end = "/".join(path.rsplit(os.sep, depth)[-depth:])
            if end in self.places:
                self.doubles.append(path)
            else:
                self.places[end] = path

    def __len__(self) -> int:
        return len(self.places)

    def find(self, file: str) -> str | None:
        """Return the path of a file, or None if it is not there."""
        return self.places.get(file)

    def shown(self, path: str) -> str:
        """Return a path relative to the folder, with forward slashes."""
        return Path(os.path.relpath(path, self.root)).as_posix()


def _image_files(folder: Path) -> Iterator[str]:
    """Yield the paths of the visible image files below ``folder``."""
    waiting: list[tuple[str, tuple[str, ...]]] = [(str(folder), (os.path.realpath(folder),))]
    while waiting:
        place, chain = waiting.pop()
        try:
            entries = list(os.scandir(place))
        except OSError:  # not readable: its images count as missing
            continue
        for entry in entries:
            low = entry.name.lower()
            if low.startswith(".") or low in NOT_DATA:
                continue
            kind = _kind(entry)
            if low.endswith(IMAGES) and kind == "file":
                yield entry.path
            elif kind == "folder":
                linked = entry.is_symlink()
                real = os.path.realpath(entry.path) if linked else f"{chain[-1]}/{entry.name}"
                if not linked:
                    waiting.append((entry.path, (*chain[:-1], real)))
                elif not any(f"{above}/".startswith(f"{real}/") for above in chain):
                    waiting.append((entry.path, (*chain, real)))


def _kind(entry: os.DirEntry[str]) -> str:
    """Return ``file`` or ``folder``, or nothing for a link to itself and the like."""
    try:
        return "file" if entry.is_file() else "folder" if entry.is_dir() else ""
    except OSError:
        return ""
