"""List the files below a folder: links are followed, hidden and system files passed over."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

SYSTEM_FOLDERS = frozenset(
    ["__macosx", "__pycache__", "@eadir", "@recycle", "#recycle", "$recycle.bin", "lost+found"]
) | {"system volume information"}
"""Folders, in lower case, that operating systems and storage devices make. Some hold thumbnails."""
SYSTEM_FILES = frozenset(("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "cachedir.tag"))
LOCK = ".lock"
"""The file that fewray makes first in a folder of its own."""


@dataclass
class Tree:
    """The folders and files below ``root`` that anybody can see; paths are as the user wrote them.

    A link to a folder is followed unless it leads back: to a folder that it lies in, or to one that
    is read anyway.
    """

    root: Path
    files: dict[Path, list[Path]] = field(default_factory=dict)
    """By folder, in alphabetical order; every visible folder has an entry."""
    folders: dict[Path, list[Path]] = field(default_factory=dict)
    """The folders in each folder, likewise."""
    locked: set[Path] = field(default_factory=set)
    """Folders with a lock of fewray."""
    circular: list[Path] = field(default_factory=list)
    """Linked folders that lead back and are not followed."""
    unreadable: list[Path] = field(default_factory=list)
    """Folders without permission, or on a damaged disk."""
    unusable: list[Path] = field(default_factory=list)
    """Links without a target, pipes and devices."""

    @classmethod
    def of(cls, root: Path) -> Tree:
        """Return the tree of ``root``. Folders that cannot be read are listed, not raised."""
        tree = cls(root)
        top = os.path.realpath(root)
        waiting: list[tuple[Path, tuple[str, ...]]] = [(root, (top,))]
        while waiting:
            folder, chain = waiting.pop()
            inside = tree._list(folder)
            for path, linked in inside:
                real = os.path.realpath(path) if linked else os.path.join(chain[-1], path.name)  # noqa: PTH118
                if linked and _leads_back(real, chain, top):
                    tree.circular.append(path)
                    tree.folders[folder].remove(path)
                else:
                    waiting.append((path, (*chain, real)))
        for found in (tree.circular, tree.unreadable, tree.unusable):
            found.sort()
        return tree

    def _list(self, folder: Path) -> list[tuple[Path, bool]]:
        """Note what is in ``folder``; return its folders, and whether each is a link."""
        inside: list[tuple[Path, bool]] = []
        files: list[Path] = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name == LOCK:
                        self.locked.add(folder)
                    if _is_hidden(entry.name):
                        continue
                    path = folder / entry.name
                    match _kind(entry):
                        case "folder" if entry.name.lower() not in SYSTEM_FOLDERS:
                            inside.append((path, entry.is_symlink()))
                        case "file" if entry.name.lower() not in SYSTEM_FILES:
                            files.append(path)
                        case "other":
                            self.unusable.append(path)
                        case _:
                            pass
        except OSError:
            self.unreadable.append(folder)
        self.files[folder] = sorted(files)
        inside.sort()
        self.folders[folder] = [path for path, _ in inside]
        return inside

    def below(self, folder: Path) -> Iterator[Path]:
        """Yield the files below ``folder``, folder by folder."""
        yield from self.files.get(folder, ())
        for inside in self.folders.get(folder, ()):
            yield from self.below(inside)

    def without(self, unwanted: Collection[Path]) -> Tree:
        """Return the tree without the files in ``unwanted``.

        Folders that held nothing else, or only a lock of fewray, are left out too. Other empty
        folders stay.
        """
        kept = Tree(self.root, circular=self.circular, unreadable=self.unreadable)
        kept.unusable, kept.locked = self.unusable, self.locked
        holds: set[Path] = set()
        emptied: set[Path] = set()
        for folder in sorted(self.files, key=lambda path: len(path.parts), reverse=True):
            files, inside = self.files[folder], self.folders[folder]
            left = [path for path in files if path not in unwanted]
            if left or any(path in holds for path in inside):
                holds.add(folder)
            elif files or folder in self.locked or any(path in emptied for path in inside):
                emptied.add(folder)
            kept.files[folder] = left
            kept.folders[folder] = [path for path in inside if path not in emptied]
        return kept


def _is_hidden(name: str) -> bool:
    return name.startswith((".", "~$"))


def _kind(entry: os.DirEntry[str]) -> str:
    """Return ``folder``, ``file`` or ``other``; a broken link to an image counts as that file."""
    try:
        if entry.is_dir():
            return "folder"
        if entry.is_file():
            return "file"
    except OSError:  # a link to itself
        pass
    suffix = Path(entry.name).suffix
    return "file" if entry.is_symlink() and suffix and suffix[1:].isalnum() else "other"


def _leads_back(real: str, chain: tuple[str, ...], top: str) -> bool:
    """Whether the folder ``real`` holds one that is being read, or is visible below the root."""
    if any(_within(place, real) for place in chain):
        return True
    if not _within(real, top):
        return False
    parts = Path(real).relative_to(top).parts
    return not any(_is_hidden(part) or part.lower() in SYSTEM_FOLDERS for part in parts)


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
