"""The files of the area search: a table of all images, and maps of those that owe most."""

from __future__ import annotations

import csv
import io

import msgspec
import numpy as np

from fewray.imaging.arrays import grid
from fewray.imaging.preprocess import resize
from fewray.quality.copies.areas import AreaSearch
from fewray.quality.copies.windows import SIZE
from fewray.quality.image_set import ImageSet
from fewray.results.areas import OwedArea

COLOUR = (255, 60, 0)
OPACITY = 0.6
"""Of the colour where the windows are identical."""


def areas_csv(areas: AreaSearch) -> str:
    """Return CSV with a row per image searched, largest owed area of its class first."""
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(["class", *OwedArea.__struct_fields__])
    for label, images in areas.images.items():
        for image in images:
            values = msgspec.structs.astuple(image)
            cells = (f"{v:.6g}" if isinstance(v, float) else v for v in values)
            table.writerow([label, *cells])
    return stream.getvalue()


def area_sheet(areas: AreaSearch, label: str, real: ImageSet, fake: ImageSet) -> np.ndarray:
    """Return uint8 (H, W, 3): a row for each of the images of class ``label`` that owe most.

    From left to right: the synthetic image, its copied windows in colour, and the training image
    that they come from, black if there is none. The colour is the stronger the nearer the window.
    """
    pictures = []
    for image, owed in zip(areas.images[label], areas.maps[label], strict=False):
        synthetic = _picture(fake, image.synthetic)
        strength = OPACITY * owed[..., None]
        painted = (1 - strength) * synthetic[..., None] + strength * np.array(COLOUR)
        pictures += [
            np.repeat(synthetic[..., None], 3, axis=2),
            np.round(painted).astype(np.uint8),
            np.repeat(_picture(real, image.nearest)[..., None], 3, axis=2),
        ]
    channels = np.stack(pictures).transpose(3, 0, 1, 2)[:, :, None]
    return np.dstack([grid(channel, 3) for channel in channels])


def _picture(images: ImageSet, name: str) -> np.ndarray:
    """Return uint8 (64, 64); black without a name."""
    if not name:
        return np.zeros((SIZE, SIZE), np.uint8)
    return resize(images.images[images.names.index(name), 0], SIZE, "squash")
