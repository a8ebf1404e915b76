"""The synthetic images inside a study: those that the classifiers of one fold were trained on."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from fewray.app.images.image_set import COMPARED, ID_LENGTH, ImageSet
from fewray.data.manifest import Manifest, Row
from fewray.errors import InputError
from fewray.results.crossval import CrossvalStudy
from fewray.results.files import STUDY, read_study

FOLD = re.compile(r"repeat-(\d{1,4})-fold-(\d{1,4})")
"""The folder of the generators of a fold, in ``generators`` of its study."""


class FoldSet(ImageSet):
    """A set whose images are in memory. They have no seeds, so they cannot be marked."""

    arrays: np.ndarray
    """uint8 (n, 1, S, S) by row."""

    def compared(self, rows: Sequence[Row], fit: str) -> np.ndarray:
        """Return uint8 (n, 1, 64, 64) of ``rows``; they are square already."""
        return np.stack([self._resized(row, COMPARED)[None] for row in rows])

    def picture(self, image: str, size: int) -> np.ndarray:
        """Return uint8 (size, size) of one image."""
        return self._resized(self.row(image), size)

    def _resized(self, row: Row, size: int) -> np.ndarray:
        from fewray.imaging.preprocess import resize

        return resize(self.arrays[self.ids[row.sha256[:ID_LENGTH]]][0], size, "squash")


def is_fold(folder: Path) -> bool:
    """Return whether ``folder`` holds the generators of a fold of a finished study."""
    home = folder.parent
    return bool(FOLD.fullmatch(folder.name)) and (home.parent / STUDY).is_file()


def fold_set(name: str, folder: Path) -> ImageSet:
    """Return the synthetic images of a fold; InputError ``no_set`` if the study has none."""
    from fewray.generators.checkpoint import provenance
    from fewray.generators.generate import run_classes
    from fewray.report.pages.run_images import synthetic_images

    home = folder.parent.parent
    study, place = read_study(home), FOLD.fullmatch(folder.name)
    found: dict[str, np.ndarray] = {}
    if isinstance(study, CrossvalStudy) and place is not None:
        found = synthetic_images(study, home, int(place[1]), int(place[2]))
    if not found:
        raise InputError("no_set", f"{name}: this study holds no images of the fold.", key=name)
    rows = []
    for label, images in found.items():
        for i, image in enumerate(images):
            digest = hashlib.sha256(image.tobytes()).hexdigest()
            path = folder / label / f"image-{i}"
            rows.append(Row(path=path, label=label, group="", sha256=digest, origin="synthetic"))
    manifest = Manifest(name=name, classes=tuple(found), rows=tuple(rows))
    made = FoldSet(f"synthetic/{name}", name, "synthetic", manifest)
    made.arrays = np.concatenate(list(found.values()))
    with suppress(InputError):  # without checkpoints, what they were trained on is not known
        made.generators = {k: provenance(path) for k, path in run_classes(folder).items()}
    return made
