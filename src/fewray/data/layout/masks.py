"""Find masks and other annotation pictures that lie beside images."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fewray.data.layout.tree import Tree
from fewray.data.manifest import DataWarning
from fewray.data.skipped_files import listed, plural
from fewray.errors import InputError
from fewray.imaging.decode import SUFFIXES, decode, has_image_name
from fewray.imaging.levels import has_few_levels
from fewray.imaging.unreadable import Unreadable

ANNOTATIONS = re.compile(
    r"(?!(no|non|un|without|with)(a|any)?masks?$).*masks?|.*segmentations?|segs?|annotations?|contours?|"
    r"groundtruths?|gt|rois?|overlays?|heatmaps?|bbox(es)?|boundingbox(es)?|labelmaps?"
)
"""Names of folders (letters alone, in lower case) that hold pictures made about images."""
IMAGES = re.compile(r"images?|imgs?|pictures?|originals?|dicoms?|dcm|(cxr|xrays?)?(png|jpe?g)?")
"""Names of folders that hold the images themselves, and so are no classes either."""
OF_A_FILE = re.compile(
    r"(?P<image>.+?)[ ._-]*(?<![a-z])"
    r"(lung|left|right)?[ ._-]*(mask|seg|segmentation|annotation|contour|roi|overlay|gt)"
    r"([ ._-]*\d+)?",
    re.IGNORECASE,
)
"""Names of mask files, without suffix: that of the image with a word at its end."""
WORN = re.compile("(no|non|un|without|with)(a|any)?masks?")
"""Beside a class of such a name, ``mask`` is a class: of people who wear one."""
SHARE = 0.5
"""A folder beside the classes holds masks if this share of its files are named as images there."""
SEEN = 16
"""How many pictures of a folder are decoded to see whether they are masks."""


def is_annotation_folder(name: str) -> bool:
    """Whether a folder of this name, below a class, holds masks or the like."""
    return ANNOTATIONS.fullmatch(_letters(name)) is not None


def is_image_folder(name: str) -> bool:
    """Whether a folder of this name says no more than that it holds images."""
    letters = _letters(name)
    return bool(letters) and IMAGES.fullmatch(letters) is not None


@dataclass(frozen=True, kw_only=True)
class Masks:
    """The masks and annotation pictures of a data set."""

    files: tuple[Path, ...] = ()
    folders: tuple[Path, ...] = ()
    """The folders that are left out as a whole."""
    classes: tuple[Path, ...] = ()
    """Folders that are named as masks are, and are classes by their images."""


def masks_in(tree: Tree, splits: Collection[str] = ()) -> Masks:
    """Return the masks among the files of ``tree``; ``splits`` are names of split folders.

    They are files below a folder of such a name that lies beside a folder of images, beside images,
    or beside folders with images of the same names; and files that are named after an image in the
    same folder (``1.png`` and ``1_mask.png``). Beside classes, a folder that holds as many images
    as one of them is a class too, unless its images have few grey levels.
    """
    found: set[Path] = set()
    folders: list[Path] = []
    classes: list[Path] = []
    waiting = [(tree.root, True)]
    while waiting:
        folder, holds_classes = waiting.pop()
        stems = {_stem(path) for path in tree.files[folder] if has_image_name(path)}
        found.update(path for path in tree.files[folder] if _is_mask_file(path, stems))
        inside = tree.folders[folder]
        for path in inside:
            if is_annotation_folder(path.name) and _has_images_beside(tree, folder, path):
                if holds_classes and _is_class(tree, inside, path, splits):
                    classes.append(path)
                else:
                    folders.append(path)
                    found.update(tree.below(path))
            else:
                above = len(inside) == 1 or path.name.lower() in splits
                waiting.append((path, holds_classes and above))
    return Masks(
        files=tuple(sorted(found)), folders=tuple(sorted(folders)), classes=tuple(sorted(classes))
    )


def mask_warnings(masks: Masks, shown: Callable[[Iterable[Path]], list[str]]) -> list[DataWarning]:
    """Return what was left out, and which classes only sound like masks; ``shown`` names paths."""
    found = []
    if names := shown(masks.files):
        text = f"skipped {plural(names, 'file')} that are masks or annotations: {listed(names)}"
        if masks.folders:
            whole = listed(shown(masks.folders))
            text += f"; nothing in {whole} is read. If that is a class, rename the folder"
        found.append(DataWarning("masks_skipped", text, tuple(names)))
    if names := shown(masks.classes):
        text = (
            f"{listed(names)}: named as masks are, but read as a class, because of the number and "
            "the grey levels of the images. If these are masks or annotations, move them away"
        )
        found.append(DataWarning("mask_named_class", text, tuple(names)))
    return found


def _has_images_beside(tree: Tree, folder: Path, masks: Path) -> bool:
    others = [path for path in tree.folders[folder] if path != masks]
    if any(is_image_folder(path.name) for path in others):
        return True
    if any(WORN.fullmatch(_letters(path.name)) for path in others):
        return False
    if folder != tree.root and any(has_image_name(path) for path in tree.files[folder]):
        return True
    named = {_stem(path) for other in others for path in _pictures(tree, other)}
    own = [_without_word(_stem(path)) for path in _pictures(tree, masks)]
    return bool(own) and sum(stem in named for stem in own) >= SHARE * len(own)


def _is_class(tree: Tree, inside: Sequence[Path], masks: Path, splits: Collection[str]) -> bool:
    """Whether one of the folders ``inside``, named as masks are, is a class like the others."""
    others = [path for path in inside if not is_annotation_folder(path.name)]
    if any(is_image_folder(path.name) or path.name.lower() in splits for path in others):
        return False
    own = list(_pictures(tree, masks))
    sizes = [size for path in others if (size := sum(1 for _ in _pictures(tree, path)))]
    if not sizes or len(own) < min(sizes):
        return False
    seen = own[:: -(-len(own) // SEEN)]
    few = [found for path in seen if (found := _has_few_levels(path)) is not None]
    return bool(few) and 2 * sum(few) < len(few)


def _has_few_levels(path: Path) -> bool | None:
    """Whether a picture looks like a mask; None if it cannot be decoded."""
    try:
        return has_few_levels(decode(path))
    except (Unreadable, InputError):
        return None


def _pictures(tree: Tree, folder: Path) -> Iterator[Path]:
    return (path for path in tree.below(folder) if has_image_name(path))


def _is_mask_file(path: Path, stems: set[str]) -> bool:
    stem = _stem(path)
    return has_image_name(path) and _without_word(stem) != stem and _without_word(stem) in stems


def _without_word(stem: str) -> str:
    found = OF_A_FILE.fullmatch(stem)
    return found["image"] if found else stem


def _stem(path: Path) -> str:
    """Return the name of a picture without its suffix, in lower case; NIfTI's has two parts."""
    name = path.name.lower()
    return next((name.removesuffix(end) for end in SUFFIXES if name.endswith(end)), name)


def _letters(name: str) -> str:
    return re.sub("[^a-z]", "", name.lower())
