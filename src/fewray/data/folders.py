"""Read a data set from folders: one folder per class, with or without a folder per split above."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fewray.data.dicom.files import ALL, DicomFiles, DicomOptions
from fewray.data.dicom.warnings import no_view_text, skipped_dicom
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


def load_folder(
    root: Path, *, group_regex: str | None = None, strict: bool = True, dicom: DicomOptions = ALL
) -> Manifest:
    """Return the images of ``root/<class>/**`` or ``root/<split>/<class>/**``.

    Each file is a patient of its own unless ``group_regex`` finds one in its name, or it is DICOM.
    DICOM files are recognised by their content (:mod:`fewray.data.dicom`). Hidden files are
    ignored. Files that are not images, and images outside the class folders, are skipped with a
    warning. Raises InputError for an empty class folder, another layout and, if ``strict``, for
    unreadable files and files in two classes.
    """
    places, generated = _class_folders(root), generated_classes(root)
    below = {folder: list(files_below(folder)) for _, folder in places}
    kept = {part for _, folder in places for part in folder.relative_to(root).parts}
    scan = DicomFiles.scan(root, (path for each in below.values() for path in each), dicom, kept)
    collector = RowCollector(group_regex, strict, dicom=scan)
    skipped: list[Path] = []
    others: list[Path] = []
    for split, folder in places:
        files = [path for path in below[folder] if path not in scan.directories]
        images = [path for path in files if is_image(path, scan)]
        chosen = [path for path in images if scan.has_view(path)]
        skipped += sorted({*files}.difference(images))
        others += [path for path in images if not scan.has_view(path)]
        if not chosen or scan.damaged.keys() >= set(chosen):
            text = no_view_text(scan) if images and not chosen else no_images_text(files, scan)
            raise InputError("empty_class", f"{folder}: {text}", folder=str(folder))
        for path in chosen:
            synthetic = folder.name in generated and path.match("seed*.png")
            origin: Origin = "synthetic" if synthetic else "real"
            name = path.relative_to(root).as_posix()
            collector.add(path, folder.name, split, name=name, origin=origin)
    outside = sorted(
        scan.mask.shown_name(path.relative_to(root).as_posix())
        for folder in {root, *(place.parent for _, place in places)}
        for path in folder.iterdir()
        if is_image(path) and not path.name.startswith(".") and path.is_file()
    )

    def shown(paths: Iterable[Path]) -> list[str]:
        return [scan.mask.shown_name(path.relative_to(root).as_posix()) for path in paths]

    reports = [path for path in skipped if scan.is_other(path)]
    strange = [path for path in skipped if not scan.is_other(path)]
    warnings = [
        *skipped_warning("not_images", "file", shown(strange), "in unsupported formats"),
        *skipped_dicom(shown(reports), shown(others), ",".join(dicom.views)),
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
