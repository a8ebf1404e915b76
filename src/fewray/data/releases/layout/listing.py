"""What a release is, and what its tables say about its images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from fewray.data.manifest import DataWarning
from fewray.data.releases.layout.files import FolderIndex


class ListedImage(NamedTuple):
    """One image that a release lists, whether or not its file is there."""

    file: str
    """The end of its path, as :class:`FolderIndex` finds it."""
    positive: tuple[str, ...]
    """Its findings. The first one is its label where each image has one label."""
    uncertain: tuple[str, ...] = ()
    patient: str = ""
    split: str = ""
    """``train``, ``test`` or empty: not split by the release."""
    view: str = ""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """All images that a release lists, and the files of its folder."""

    images: Sequence[ListedImage]
    files: FolderIndex
    tables: str
    """What lists the images, as messages call it."""
    several: bool = False
    """Whether an image may have several findings, so that labels must be chosen."""
    has_views: bool = False
    """Whether the tables name the view of each image."""
    warnings: tuple[DataWarning, ...] = ()
    prepare: Callable[[Sequence[ListedImage]], None] | None = None
    """Called with the chosen images before their files are read."""


@dataclass(frozen=True, kw_only=True)
class Release:
    """A public data set as released: how it is named in ``--data``, what it is, how it is read."""

    name: str
    what: str
    """The images and their number, in a few words."""
    licence: str
    address: str
    """Where the release comes from."""
    unpack: str
    """What must be in the folder, for messages."""
    read: Callable[[Path], Listing]
    """Return what the release in a folder lists. Raises InputError."""
    is_dicom: bool = False
    argument: str = "DIR"
