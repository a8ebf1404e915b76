"""Read a data set from folders: one folder per class, with or without a folder per split above."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from pathlib import Path

from fewray.data.dicom.classes import check_folder_names
from fewray.data.dicom.files import ALL, DicomFiles, DicomOptions
from fewray.data.dicom.names import NameMask
from fewray.data.dicom.warnings import no_view_text, skipped_dicom
from fewray.data.layout.classes import class_folders
from fewray.data.layout.masks import mask_warnings, masks_in
from fewray.data.layout.outputs import Outputs
from fewray.data.layout.tree import Tree
from fewray.data.manifest import DataWarning, Manifest
from fewray.data.rows import SPLITS, RowCollector
from fewray.data.skipped_files import is_image, listed, no_images_text, plural, skipped_warning
from fewray.errors import InputError


def load_folder(
    root: Path, *, group_regex: str | None = None, strict: bool = True, dicom: DicomOptions = ALL
) -> Manifest:
    """Return the images of ``root/<class>/**`` or ``root/<split>/<class>/**``.

    Each file is a patient of its own unless ``group_regex`` finds one in its name or in its path
    below ``root``, or it is DICOM. DICOM files are recognised by their content
    (:mod:`fewray.data.dicom`). Links are followed. Hidden and system files are ignored. Outputs of
    fewray, masks beside images, files that are not images, and images outside the class folders are
    skipped with a warning. Raises InputError for an empty class folder, another layout, folders
    that cannot be classes and, if ``strict``, for unreadable files and folders and files in two
    classes.
    """
    whole = Tree.of(root)
    if root in whole.unreadable:
        message = f"{root}: this folder cannot be read; change its permissions"
        raise InputError("unreadable_folder", message, folder=str(root))
    outputs = Outputs().among(whole.below(root), root)
    masks = masks_in(own := whole.without(outputs), SPLITS)
    tree = own.without(masks.files)
    if outputs and not any(tree.below(root)):
        kinds = ", ".join(sorted({kind.name for kind in outputs.values()}))
        message = f"{root}: holds only what fewray wrote ({kinds}), and no data"
        raise InputError("only_outputs", message, folder=str(root))
    layout = class_folders(tree, SPLITS, _without_names(tree, dicom))
    given, root, places = root, layout.root, layout.places
    below = {folder: list(tree.below(folder)) for _, folder in places}
    kept = {part for _, folder in places for part in folder.relative_to(root).parts}
    inside = {path for each in below.values() for path in each}
    loose = [path for path in tree.below(given) if path not in inside]
    scan = DicomFiles.scan(root, sorted(inside) + loose, dicom, kept, given)
    check_folder_names(scan, below, root)
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
            text += _left_out(folder, whole, masks.files, scan)
            # A folder that gives no class may be named after a patient, as exports do.
            place = replace(scan.mask, keep=frozenset(SPLITS)).shown(folder)
            raise InputError("empty_class", f"{place}: {text}", folder=str(place))
        for path in chosen:
            name = path.relative_to(root).as_posix()
            collector.add(path, folder.name, split, name=name)
    outside = [path for path in loose if path not in scan.directories and is_image(path, scan)]

    def shown(paths: Iterable[Path]) -> list[str]:
        return sorted(scan.mask.shown_below(path, given) for path in paths)

    for name in shown(whole.unreadable):
        text = f"{name}: this folder cannot be read; change its permissions"
        collector.unreadable.append(("unreadable_folder", text))
    reports = [path for path in skipped if scan.is_other(path)]
    strange = [path for path in skipped if not scan.is_other(path)]
    warnings = [
        *_stepped(shown([root])[0] if root != given else ""),
        *skipped_warning("not_images", "file", shown(strange), "in unsupported formats"),
        *skipped_dicom(shown(reports), shown(others), ",".join(dicom.views)),
        *skipped_warning("outside_classes", "image", shown(outside), "outside the class folders"),
        *mask_warnings(masks, shown),
        *_outputs_warning(Counter(kind.name for kind in outputs.values()), shown(outputs)),
        *skipped_warning(
            "unreadable_folders", "folder", shown(whole.unreadable), "that cannot be read"
        ),
        *skipped_warning(
            "links_skipped", "linked folder", shown(whole.circular), "leading back to the data"
        ),
        *skipped_warning("unusable_files", "file", shown(whole.unusable), "that cannot be opened"),
    ]
    name = (root.resolve() if root == given else scan.mask.shown(root)).name
    return collector.manifest(name, str(given), warnings)


def _without_names(tree: Tree, dicom: DicomOptions) -> Callable[[Path], Path]:
    """Return how errors about folders show a path below ``tree``, before the classes are known.

    The headers, which say what names a patient, are read at the first call.
    """

    @functools.cache
    def mask() -> NameMask:
        return DicomFiles.scan(tree.root, tree.below(tree.root), dicom, SPLITS).mask

    return lambda path: path if dicom.show_names else mask().shown(path)


def _left_out(folder: Path, whole: Tree, masks: Collection[Path], scan: DicomFiles) -> str:
    """Return what was skipped below an empty class folder, as the end of its error."""
    parts = []
    for noun, why, paths in (
        ("linked folder", " leading back", whole.circular),
        ("folder", " that cannot be read", whole.unreadable),
        ("broken link or special file", "", whole.unusable),
        ("mask", "", masks),
    ):
        if here := [path for path in paths if folder in (path, *path.parents)]:
            names = [scan.mask.shown_below(path, folder) for path in here]
            parts.append(f"{plural(here, noun)}{why} ({listed(names)})")
    return f". Skipped: {'; '.join(parts)}" if parts else ""


def _stepped(name: str) -> list[DataWarning]:
    """Return a note that the classes lie in the only folder of the one that was given."""
    if not name:
        return []
    text = f"the classes are the folders in {name}, the only folder with images here"
    return [DataWarning("wrapper_folder", text, (name,))]


def _outputs_warning(kinds: Counter[str], names: list[str]) -> list[DataWarning]:
    if not names:
        return []
    what = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()))
    text = f"skipped {plural(names, 'file')} that fewray wrote ({what}): {listed(names)}"
    return [DataWarning("outputs_skipped", text, tuple(names))]
