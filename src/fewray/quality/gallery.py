"""What a measurement leaves in its folder: quality.json, copies.csv, and the closest pairs of each class as pictures."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np

from fewray.images import grid, resize, save_png
from fewray.quality.copying import Copy
from fewray.quality.image_set import ImageSet
from fewray.quality.result import Quality
from fewray.runs import write_bytes, write_json

PAIRS = 16
SIZE = 64


def write_quality(
    folder: Path, quality: Quality, real: Mapping[str, ImageSet], fake: Mapping[str, ImageSet]
) -> list[Path]:
    """Write the result into ``folder`` and return its files.

    ``copies.csv`` has a row for every synthetic image. ``closest-<class>.png`` shows the pairs nearest by pixels, a
    synthetic image left of its training image; ``closest-<class>-synthetic.png`` the same without the real films, to
    be shown where those may not be.
    """
    write_json(folder / "quality.json", quality.to_json())
    write_bytes(folder / "copies.csv", copies_csv(quality.nearest).encode())
    written = [folder / "quality.json", folder / "copies.csv"]
    for label, rows in quality.nearest.items():
        nearest = sorted(rows, key=lambda row: row.distance)[:PAIRS]
        for name, sides in ((f"closest-{label}", (fake, real)), (f"closest-{label}-synthetic", (fake,))):
            save_png(_sheet(nearest, label, sides), folder / f"{name}.png")
            written.append(folder / f"{name}.png")
    return written


def copies_csv(nearest: Mapping[str, Sequence[Copy]]) -> str:
    """Return a row for every synthetic image: what is nearest to it, at what distance, and whether it is a copy."""
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(["class", *(each.name for each in fields(Copy))])
    for label, rows in nearest.items():
        for row in rows:
            table.writerow([label, *(f"{v:.6g}" if isinstance(v, float) else v for v in row.to_json().values())])
    return stream.getvalue()


def _sheet(rows: Sequence[Copy], label: str, sides: Sequence[Mapping[str, ImageSet]]) -> np.ndarray:
    pictures = []
    for row in rows:
        for side, name in zip(sides, (row.synthetic, row.nearest), strict=False):
            images = side[label]
            if name:
                picture = resize(images.images[images.names.index(name), 0], SIZE, "squash")
            else:
                picture = np.zeros((SIZE, SIZE), np.uint8)
            pictures.append(picture)
    return grid(np.stack(pictures)[:, None], 4 * len(sides))
