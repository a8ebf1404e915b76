"""The lens: synthetic images, each with its nearest training image and the area owed to it.

Distances, windows and thresholds are those of :mod:`fewray.quality.copies`. They are computed here,
from the images of the first fold; ``study.json`` does not have them.
"""

from __future__ import annotations

import numpy as np

from fewray.compute.process import fixed_threads
from fewray.quality.area_gallery import COLOUR, OPACITY
from fewray.quality.copies.alignment import nearest_aligned
from fewray.quality.copies.owed import owed_areas, owed_map, window_threshold
from fewray.quality.copies.threshold import PERCENTILE
from fewray.quality.copies.windows import SIZE, nearest_windows
from fewray.report.blocks import Block, Lens, LensItem, Text
from fewray.report.pages.run_images import ClassImages, address
from fewray.report.text import percent
from fewray.report.traced import Name, as_name

SHOWN = 12
"""Synthetic images per class: the first ones, not chosen."""
REAL = 24
"""Training images, at most, that are compared with each other to say what is usual."""
REACH = 5
"""Pixels that an image is shifted before its difference to another is shown."""


def lens_blocks(found: dict[str, ClassImages]) -> tuple[Block, ...]:
    """Return the lens of each class with its explanation; nothing without images."""
    shown = {as_name(name): images for name, images in found.items() if len(images.real) > 1}
    with fixed_threads(1):  # small work: more threads would only wait for each other
        lenses = tuple(_lens(name, images) for name, images in shown.items())
    if not lenses:
        return ()
    how = (
        "The first synthetic images of the first fold, not chosen, each with the training image of "
        "its class that is nearest after small shifts, scalings, rotations and mirroring. "
        "Distance: 0 for the same image, about 1 for unrelated detail. Area owed, in colour: "
        f"windows nearer to a training image than {100 - PERCENTILE:g}% of windows of real images "
        "are to another real image. Click an image, or move with the arrow keys."
    )
    return (Text(how, "soft", html_only=True), *lenses)


def _lens(name: Name, images: ClassImages) -> Lens:
    made, real = (np.asarray(side) for side in (images.synthetic[:SHOWN], images.real))
    nearest = nearest_aligned(made, real)
    some = real[:REAL]
    others = ~np.eye(len(some), dtype=bool)
    usual = float(np.median(nearest_aligned(some[:SHOWN], some, others[:SHOWN]).distance))
    near = nearest_windows(some, some, others)
    threshold = window_threshold(near.distance, PERCENTILE)
    among_real = float(owed_areas(near, threshold).owed.max())
    near = nearest_windows(made, real)
    owed = owed_areas(near, threshold)
    items = []
    for index, image in enumerate(made):
        other = real[nearest.index[index]]
        facts = f"Distance {nearest.distance[index]:.2f} (usual between real images: {usual:.2f})."
        painted = ""
        if owed.index[index] >= 0:
            chosen = near.index[index] == owed.index[index]
            painted = _painted(image[0], owed_map(chosen, near.distance[index], threshold))
            same = owed.index[index] == nearest.index[index]
            whom = "this training image" if same else "another training image"
            facts += (
                f" {percent(float(owed.owed[index]), 1)} of its area is owed to {whom} (at most "
                f"{percent(among_real, 1)} between real images)."
            )
        else:
            facts += " No window is copied."
        items.append(
            LensItem(
                label=f"Synthetic image {index + 1}, {name}",
                synthetic=address(image[0]),
                nearest=address(other[0]),
                difference=address(difference(image[0], other[0])),
                owed=painted,
                facts=facts,
            )
        )
    return Lens(name, tuple(items))


def difference(image: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return uint8 (H, W): |image - other|, after the shift or mirroring that correlates best.

    Both are brought to the same mean and spread first; black is equal, white two SD or more.
    """
    x = _standard(image)
    inner = x[REACH:-REACH, REACH:-REACH]
    best, chosen = -np.inf, x
    for side in (_standard(other), _standard(other)[:, ::-1]):
        wide = np.pad(side, REACH, mode="edge")
        for down in range(2 * REACH + 1):
            for right in range(2 * REACH + 1):
                moved = wide[down : down + x.shape[0], right : right + x.shape[1]]
                alike = float((inner * moved[REACH:-REACH, REACH:-REACH]).mean())
                if alike > best:
                    best, chosen = alike, moved
    return np.clip(np.abs(x - chosen) * (255 / 2), 0, 255).astype(np.uint8)


def _standard(image: np.ndarray) -> np.ndarray:
    x = image.astype(float)
    return (x - x.mean()) / max(float(x.std()), 1e-9)


def _painted(image: np.ndarray, owed: np.ndarray) -> str:
    """Return the image with its copied windows in colour, at the size of the windows' map."""
    from fewray.imaging.preprocess import resize

    grey = resize(image, SIZE, "squash")[..., None]
    strength = OPACITY * owed[..., None]
    return address(np.round((1 - strength) * grey + strength * np.array(COLOUR)).astype(np.uint8))
