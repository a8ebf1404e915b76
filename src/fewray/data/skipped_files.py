"""What a folder holds beside the images that are read from it: other files, films outside the classes or the manifest."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from fewray.data.manifest import MANIFEST, SOURCES, Row
from fewray.imaging.decode import SUFFIXES

NAMED = 3
"""How many files a warning names before it counts the rest."""
DICOM = (".dcm", ".dicom")
NO_DICOM = "DICOM is not read yet: convert it to 16-bit PNG first"


def files_below(folder: Path) -> Iterator[Path]:
    """Yield the visible files below ``folder``; links to folders are not followed, so loops are harmless."""
    for place, folders, names in os.walk(folder, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield Path(place) / name


def is_image(path: Path) -> bool:
    """Whether the suffix is that of a picture that is read."""
    return path.suffix.lower() in SUFFIXES


def no_images_text(files: Sequence[Path]) -> str:
    """Return what a class folder wants that holds ``files`` and no image among them."""
    found = f"{NO_DICOM}; or " if any(path.suffix.lower() in DICOM for path in files) else ""
    return f"no images ({', '.join(SUFFIXES)}); {found}remove the folder or fill it"


def strangers_warning(names: Sequence[str]) -> list[str]:
    """Return a warning that names the first of the files that are no images; none where there are none."""
    if not names:
        return []
    dicom = f"; {NO_DICOM}" if any(name.lower().endswith(DICOM) for name in names) else ""
    one = len(names) == 1
    return [
        f"{'1 file is no image and is' if one else f'{len(names)} files are no images and are'} left out: {_some(names)}{dicom}"
    ]


def loose_warning(names: Sequence[str]) -> list[str]:
    """Return a warning that names the first of the images outside the class folders; none where there are none."""
    if not names:
        return []
    one = len(names) == 1
    return [
        f"{'1 image lies' if one else f'{len(names)} images lie'} outside the class folders and {'is' if one else 'are'} left out: {_some(names)}"
    ]


def unlisted_warning(root: Path, rows: Sequence[Row], splits: Collection[str]) -> list[str]:
    """Return a warning where class folders beside the manifest of ``root``, or in ``splits`` there, hold other images."""
    named = {os.path.abspath(row.path) for row in rows}  # noqa: PTH100 (links stay as they are)
    labels = {row.label for row in rows}
    left = [
        place.as_posix()
        for path in files_below(root)
        if is_image(path) and len((place := path.relative_to(root)).parts) > 1
        if place.parts[0] in labels or place.parts[0].lower() in splits
        if os.path.abspath(path) not in named  # noqa: PTH100
    ]
    if not left:
        return []
    images = "1 image" if len(left) == 1 else f"{len(left)} images"
    return [
        f"{MANIFEST} is read, not the folders: {images} that it does not name left out: {_some(left)}"
    ]


def generated_classes(root: Path) -> set[str]:
    """Return the classes whose images `fewray generate` wrote into ``root``; none where nothing says so."""
    try:
        said = json.loads((root / SOURCES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return set()
    return set(said) if isinstance(said, dict) else set()


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (
        f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    )
