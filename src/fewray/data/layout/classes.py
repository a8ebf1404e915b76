"""Decide which folders are the classes, and refuse folders that cannot be classes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fewray.data.layout.masks import is_image_folder
from fewray.data.layout.not_classes import SHOWN, TABLES, not_classes
from fewray.data.layout.tree import Tree
from fewray.errors import InputError
from fewray.imaging.decode import has_image_name

LAYOUT = "expected <class>/* or <split>/<class>/* with splits train and test"
VALIDATION = ("val", "valid", "validation", "dev")
DOCUMENTS = (
    *TABLES,
    ".json",
    ".md",
    ".pdf",
    ".html",
    ".xml",
    ".yaml",
    ".yml",
    ".docx",
    ".rtf",
    ".sh",
    ".py",
)
"""Suffixes of files that cannot be images."""
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
PATIENT = re.compile(
    r"(patients?|pat|pt|p|subjects?|subj?|s|cases?|person|participant|study|studies|series|exam|"
    r"visit|accession|scan|mrn)[ _.-]*\d+|\d{4,}|\d+([._-]\d+){2,}",
    re.IGNORECASE,
)
"""Names of folders of one patient or examination, such as ``patient00001``, or of one year."""
PART = re.compile(
    r"(images?|imgs?|parts?|archive|batch|chunk|shard|disk|disc|cd|dvd|vol|volume|fold|set|folder|"
    r"dir)[ _.-]*\d+(\D\d+)?",
    re.IGNORECASE,
)
"""Names of the parts of an archive, such as ``images_001``."""


Shown = Callable[[Path], Path]


@dataclass(frozen=True)
class ClassFolders:
    """The folder of a data set and of each class, with its split."""

    root: Path
    """The folder that was given, or the only folder in it that holds the classes."""
    places: tuple[tuple[str, Path], ...]


def class_folders(
    tree: Tree, splits: Mapping[str, str], shown: Shown = lambda path: path
) -> ClassFolders:
    """Return the class folders of ``tree``.

    ``splits`` are the names of split folders, in lower case, and the split that each stands for.
    ``shown`` is how errors show a path: folders may be named after patients.
    A folder that holds one folder with several classes, or with splits, is stepped through. Raises
    InputError ``folder_layout`` for another layout, and ``not_classes`` if the folders are named as
    patients, as parts of an archive or as folders of images are.
    """
    root = tree.root
    while (inner := _wrapped(tree, root, splits)) is not None:
        root = inner
    top = tree.folders[root]
    others = [path for path in top if path.name.lower() not in splits]
    if top and not others:
        places = [
            (splits[split.name.lower()], each) for split in top for each in tree.folders[split]
        ]
    elif len(others) < len(top):
        raise _mixed(tree, root, others, splits, shown)
    else:
        places = [("", folder) for folder in top]
        for folder in top:
            if inside := [p for p in tree.folders[folder] if p.name.lower() in splits]:
                raise _fault(shown(inside[0]), f"a split inside a class; {LAYOUT}")
    if not places:
        raise _no_classes(tree, root, shown)
    _check_names(tree, [folder for _, folder in places], shown)
    return ClassFolders(root, tuple(places))


def _wrapped(tree: Tree, root: Path, splits: Mapping[str, str]) -> Path | None:
    """Return the folder of classes or splits below ``root``, if it has no other folder beside it.

    Each folder on the way holds one folder and no images.
    """
    while len(tree.folders[root]) == 1:
        (only,) = tree.folders[root]
        if only.name.lower() in splits or _may_be_images(tree, only):
            return None
        inside = [path for path in tree.folders[only] if any(tree.below(path))]
        names = [path.name for path in inside]
        if any(name.lower() in (*splits, *VALIDATION) for name in names):
            return only
        if len(inside) != 1:
            many = len(names) > 10 and all(name.isdigit() for name in names)
            return None if not inside or _kind_of(names) or many else only
        root = only
    return None


def _mixed(
    tree: Tree, root: Path, others: Sequence[Path], splits: Mapping[str, str], shown: Shown
) -> InputError:
    """Return the error for folders beside train or test."""
    listed = ", ".join(shown(path).name for path in others)
    message = f"folders {listed} beside train or test; {LAYOUT}"
    for path in others:
        if any(inside.name.lower() in splits for inside in tree.folders[path]):
            place = shown(path)
            message += f". {place.name} holds splits too: give --data {place}, or remove it"
        elif path.name.lower() in VALIDATION:
            message += (
                f". A study makes validation sets of its own: move the images in {path.name} to "
                "train, or move the folder away"
            )
    return _fault(shown(root), message)


def _no_classes(tree: Tree, root: Path, shown: Shown) -> InputError:
    files = [path for path in tree.files[root] if not has_image_name(path)]
    if packed := [shown(path).name for path in files if path.suffix.lower() in ARCHIVES]:
        what = f"no class folders. Unpack {', '.join(packed[:SHOWN])}; {LAYOUT}"
        return _fault(shown(root), what)
    if _may_be_images(tree, root):
        parent = root.resolve().parent
        what = (
            f"no class folders, {len(tree.files[root])} files directly in it. Put the images of "
            f"each class in a folder of its own. If {root.resolve().name} is one of the classes, "
            f"give the folder that holds all classes, {parent}"
        )
        return _fault(shown(root), what)
    return _fault(shown(root), f"no class folders; {LAYOUT}")


def _check_names(tree: Tree, folders: Sequence[Path], shown: Shown) -> None:
    """Raise InputError ``not_classes`` if the names say that the folders are no classes."""
    kind = _kind_of([folder.name for folder in folders])
    if not kind:
        return
    place = folders[0].parent
    names = {_example(folder.name) if kind == "patients" else folder.name for folder in folders}
    listed = ", ".join(sorted(names)[:SHOWN]) + (" ..." if len(names) > SHOWN else "")
    what = {
        "patients": "named as patients, examinations or years are, not as classes",
        "parts": "named as the parts of an archive are, not as classes",
        "images": "of images, and nothing says of which class",
    }[kind]
    count = f"{len(folders)} folders" if len(folders) > 1 else "a folder"
    advice = (
        "Make one folder per class, or give a table with columns path, label and group; "
        "for DICOM, AccessionNumber or another identifier may stand for the path, and "
        f"--data dicom:{tree.root},labels=TABLE names a table that is elsewhere. "
        "Public releases are read by name: see `fewray data list`"
    )
    above = dict.fromkeys((tree.root, place, place.parent))
    files = [shown(file) for folder in above for file in tree.files.get(folder, ())]
    raise not_classes(shown(place), f"{count} {what}: {listed}. {advice}", kind, files)


def _kind_of(names: Sequence[str]) -> str:
    """Return ``patients``, ``parts`` or ``images`` if all names are of that kind, else nothing."""
    if not names:
        return ""
    if all(PART.fullmatch(name) for name in names):
        return "parts"
    if all(PATIENT.fullmatch(name) for name in names):
        return "patients"
    if all(is_image_folder(name) for name in names):
        return "images"
    return ""


def _example(name: str) -> str:
    """Return a patient's folder name without the digits that identify the patient."""
    return re.sub(r"\d", "#", name)


def _may_be_images(tree: Tree, folder: Path) -> bool:
    return any(path.suffix.lower() not in DOCUMENTS for path in tree.files[folder])


def _fault(place: Path, what: str) -> InputError:
    return InputError("folder_layout", f"{place}: {what}", folder=str(place))
