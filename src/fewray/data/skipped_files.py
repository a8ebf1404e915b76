"""Find and report the files of a folder that are not read."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from fewray.data.dicom.files import DicomFiles
from fewray.data.layout.outputs import Outputs
from fewray.data.layout.tree import Tree
from fewray.data.manifest import MANIFEST, DataWarning, Row
from fewray.imaging.decode import SUFFIXES, has_image_name

NAMED = 3
"""How many files a warning lists before it counts the rest."""


def files_below(folder: Path) -> Iterator[Path]:
    """Yield the visible files below ``folder``, as :class:`fewray.data.layout.tree.Tree` does."""
    yield from Tree.of(folder).below(folder)


def is_image(path: Path, dicom: DicomFiles | None = None) -> bool:
    """Whether the file name has the suffix of a supported format, or ``dicom`` says it is one."""
    if dicom is not None and (path in dicom.headers or path in dicom.damaged):
        return dicom.is_image(path)
    return has_image_name(path)


def no_images_text(files: Sequence[Path], dicom: DicomFiles) -> str:
    """Return what is wrong with a class folder that holds ``files`` and no image."""
    others = [path for path in files if dicom.is_other(path)]
    found = f"; {plural(others, 'DICOM file')} without an image" if others else ""
    if damaged := [path for path in files if path in dicom.damaged]:
        found += f"; {plural(damaged, 'DICOM file')} that cannot be read"
    return f"no images ({', '.join(SUFFIXES)}, DICOM){found}; add images or remove the folder"


def skipped_warning(code: str, noun: str, names: Sequence[str], why: str) -> list[DataWarning]:
    """Return a warning about skipped files, if there are any."""
    if not names:
        return []
    text = f"skipped {plural(names, noun)} {why}: {listed(names)}"
    return [DataWarning(code, text, tuple(names))]


def not_in_manifest(root: Path, rows: Sequence[Row], splits: Collection[str]) -> list[DataWarning]:
    """Return a warning about images in class or split folders that the manifest omits."""
    known = {os.path.abspath(row.path) for row in rows}  # noqa: PTH100 (keeps links)
    labels = {row.label for row in rows}
    files = list(files_below(root))
    outputs = Outputs().among(files, root)
    skipped = [
        place.as_posix()
        for path in files
        if is_image(path)
        and path not in outputs
        and len((place := path.relative_to(root)).parts) > 1
        if place.parts[0] in labels or place.parts[0].lower() in splits
        if os.path.abspath(path) not in known  # noqa: PTH100
    ]
    return skipped_warning("not_in_manifest", "image", skipped, f"that {MANIFEST} does not list")


def plural(names: Sequence[object], noun: str) -> str:
    """Return the count of ``names`` with the noun, as in "2 images"."""
    return f"1 {noun}" if len(names) == 1 else f"{len(names)} {noun}s"


def row_numbers(numbers: Sequence[str], most: int = NAMED) -> str:
    """Return the first numbers of rows, as in "row 9" and "rows 9, 12"."""
    return f"row{'s' if len(numbers) > 1 else ''} {listed(numbers, most)}"


def listed(names: Sequence[str], most: int = NAMED) -> str:
    """Return the first names, control characters escaped, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(printable, names[:most])) + more


def printable(name: str) -> str:
    """Return ``name`` with escapes for line ends and control characters."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)
