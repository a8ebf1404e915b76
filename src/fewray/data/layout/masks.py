"""Find masks and other annotation pictures that lie beside images."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from fewray.data.layout.tree import Tree
from fewray.imaging.decode import SUFFIXES

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


def is_annotation_folder(name: str) -> bool:
    """Whether a folder of this name, below a class, holds masks or the like."""
    return ANNOTATIONS.fullmatch(_letters(name)) is not None


def is_image_folder(name: str) -> bool:
    """Whether a folder of this name says no more than that it holds images."""
    letters = _letters(name)
    return bool(letters) and IMAGES.fullmatch(letters) is not None


def masks_in(tree: Tree) -> list[Path]:
    """Return the masks among the files of ``tree``.

    They are files below a folder of such a name that lies beside a folder of images, beside images,
    or beside folders with images of the same names; and files that are named after an image in the
    same folder (``1.png`` and ``1_mask.png``).
    """
    found: set[Path] = set()
    waiting = [tree.root]
    while waiting:
        folder = waiting.pop()
        stems = {path.stem.lower() for path in tree.files[folder] if _is_picture(path)}
        found.update(path for path in tree.files[folder] if _is_mask_file(path, stems))
        for inside in tree.folders[folder]:
            if is_annotation_folder(inside.name) and _has_images_beside(tree, folder, inside):
                found.update(path for path in tree.below(inside))
            else:
                waiting.append(inside)
    return sorted(found)


def _has_images_beside(tree: Tree, folder: Path, masks: Path) -> bool:
    others = [path for path in tree.folders[folder] if path != masks]
    if any(is_image_folder(path.name) for path in others):
        return True
    if any(WORN.fullmatch(_letters(path.name)) for path in others):
        return False
    if folder != tree.root and any(_is_picture(path) for path in tree.files[folder]):
        return True
    named = {path.stem.lower() for other in others for path in _pictures(tree, other)}
    own = [_without_word(path.stem.lower()) for path in _pictures(tree, masks)]
    return bool(own) and sum(stem in named for stem in own) >= SHARE * len(own)


def _pictures(tree: Tree, folder: Path) -> Iterator[Path]:
    return (path for path in tree.below(folder) if _is_picture(path))


def _is_mask_file(path: Path, stems: set[str]) -> bool:
    stem = path.stem.lower()
    return _is_picture(path) and _without_word(stem) != stem and _without_word(stem) in stems


def _without_word(stem: str) -> str:
    found = OF_A_FILE.fullmatch(stem)
    return found["image"] if found else stem


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def _letters(name: str) -> str:
    return re.sub("[^a-z]", "", name.lower())
