"""What a measurement leaves in its folder: quality.json, copies.csv, and the closest pairs of each class as pictures."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np

from fewray.errors import InputError
from fewray.imaging.arrays import grid, save_png
from fewray.imaging.preprocess import resize
from fewray.quality.copies.detect import Copy
from fewray.quality.image_set import ImageSet
from fewray.quality.result import Quality
from fewray.storage.files import read_json, write_bytes, write_json

PAIRS = 16
SIZE = 64


def write_quality(
    folder: Path, quality: Quality, real: Mapping[str, ImageSet], fake: Mapping[str, ImageSet]
) -> list[Path]:
    """Write the result into ``folder`` and return its files.

    ``copies.csv`` has a row for every synthetic image. ``closest-pairs-<class>.png`` shows copies, then the images
    nearest by pixels, each left of the training image it was judged by; ``closest-synthetic-<class>.png`` the same
    without the real films, to be shown where those may not be. Pictures of an earlier measurement there are removed.
    """
    _remove_earlier(folder)
    write_json(folder / "quality.json", quality.to_json())
    write_bytes(folder / "copies.csv", copies_csv(quality.nearest).encode())
    written = [folder / "quality.json", folder / "copies.csv"]
    for label, rows in quality.nearest.items():
        nearest = sorted(rows, key=lambda row: row.order)[:PAIRS]
        # The kind stands before the class: whatever a class is called, no two names are the same.
        for kind, sides in (("pairs", (fake, real)), ("synthetic", (fake,))):
            path = folder / f"closest-{kind}-{label}.png"
            save_png(_sheet(nearest, label, sides), path)
            written.append(path)
    return written


def _remove_earlier(folder: Path) -> None:
    """Remove the pictures of the classes that ``quality.json`` in ``folder`` names, under their older names too."""
    try:
        labels = [str(label) for label in read_json(folder / "quality.json")["classes"]]
    except (InputError, KeyError, TypeError):  # none, or not ours
        return
    for label in labels:
        for name in (f"pairs-{label}", f"synthetic-{label}", label, f"{label}-synthetic"):
            if Path(name).name == name:
                (folder / f"closest-{name}.png").unlink(missing_ok=True)


def copies_csv(nearest: Mapping[str, Sequence[Copy]]) -> str:
    """Return a row for every synthetic image: what is nearest to it, at what distance, and whether it is a copy.

    The columns are ``class`` and the names of :class:`Copy`; ``copy_of`` and ``copy_distance`` are empty for no copy.
    """
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(["class", *(each.name for each in fields(Copy)), "copy_of", "copy_distance"])
    for label, rows in nearest.items():
        for row in rows:
            table.writerow(
                [
                    label,
                    *(f"{v:.6g}" if isinstance(v, float) else v for v in row.to_json().values()),
                ]
            )
    return stream.getvalue()


def _sheet(rows: Sequence[Copy], label: str, sides: Sequence[Mapping[str, ImageSet]]) -> np.ndarray:
    pictures = []
    for row in rows:
        for side, name in zip(sides, (row.synthetic, row.judged[0]), strict=False):
            images = side[label]
            if name:
                picture = resize(images.images[images.names.index(name), 0], SIZE, "squash")
            else:
                picture = np.zeros((SIZE, SIZE), np.uint8)
            pictures.append(picture)
    return grid(np.stack(pictures)[:, None], 4 * len(sides))
