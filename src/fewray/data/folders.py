"""Read a data set from folders: one folder per class, with or without a folder per split above."""

from __future__ import annotations

from pathlib import Path

from fewray.data.manifest import Manifest, Origin
from fewray.data.rows import SPLITS, RowCollector
from fewray.data.skipped_files import (
    files_below,
    generated_classes,
    is_image,
    no_images_text,
    skipped_warning,
)
from fewray.errors import InputError

LAYOUT = "expected <class>/* or <split>/<class>/* with splits train and test"


def load_folder(root: Path, *, group_regex: str | None = None, strict: bool = True) -> Manifest:
    """Return the images of ``root/<class>/**`` or ``root/<split>/<class>/**``.

    Each file is a patient of its own unless ``group_regex`` finds one in its name. Hidden files are
    ignored. Files that are not images, and images outside the class folders, are skipped with a
    warning. Raises InputError for an empty class folder, another layout and, if ``strict``, for
    unreadable files and files in two classes.
    """
    collector = RowCollector(group_regex, strict)
    places, generated = _class_folders(root), generated_classes(root)
    skipped: list[str] = []
    for split, folder in places:
        files = list(files_below(folder))
        images = [path for path in files if is_image(path)]
        skipped += [path.relative_to(root).as_posix() for path in files if not is_image(path)]
        if not images:
            raise InputError(
                "empty_class", f"{folder}: {no_images_text(files)}", folder=str(folder)
            )
        for path in images:
            synthetic = folder.name in generated and path.match("seed*.png")
            origin: Origin = "synthetic" if synthetic else "real"
            name = path.relative_to(root).as_posix()
            collector.add(path, folder.name, split, name=name, origin=origin)
    outside = sorted(
        path.relative_to(root).as_posix()
        for folder in {root, *(place.parent for _, place in places)}
        for path in folder.iterdir()
        if is_image(path) and not path.name.startswith(".") and path.is_file()
    )
    warnings = [
        *skipped_warning("not_images", "file", skipped, "in unsupported formats"),
        *skipped_warning("outside_classes", "image", outside, "outside the class folders"),
    ]
    return collector.manifest(root.resolve().name, str(root), warnings)


def _class_folders(root: Path) -> list[tuple[str, Path]]:
    """Return the split and the folder of each class."""

    def fault(place: Path, what: str) -> InputError:
        return InputError("folder_layout", f"{place}: {what}; {LAYOUT}", folder=str(place))

    top = _folders(root)
    others = [path.name for path in top if path.name.lower() not in SPLITS]
    if top and not others:
        places = [(SPLITS[split.name.lower()], each) for split in top for each in _folders(split)]
    elif len(others) < len(top):
        raise fault(root, f"folders {', '.join(others)} beside train or test")
    else:
        places = [("", folder) for folder in top]
        for folder in top:
            if inside := [p for p in _folders(folder) if p.name.lower() in SPLITS]:
                raise fault(inside[0], "a split inside a class")
    if not places:
        raise fault(root, "no class folders")
    return places


def _folders(root: Path) -> list[Path]:
    """Return the visible folders in ``root``, without links to ``root`` or its parents."""
    here = root.resolve()
    found = (
        path for path in root.iterdir() if path.is_dir() and not path.name.startswith((".", "__"))
    )
    return sorted(path for path in found if not here.is_relative_to(path.resolve()))
