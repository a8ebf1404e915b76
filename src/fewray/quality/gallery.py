"""The files of a quality report: quality.json, tables and pictures of copies and copied areas."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
import numpy as np

from fewray.imaging.arrays import grid, save_png
from fewray.imaging.preprocess import resize
from fewray.quality.area_gallery import area_sheet, areas_csv
from fewray.quality.copies.areas import AreaSearch
from fewray.quality.image_set import ImageSet
from fewray.results.copies import Copy
from fewray.results.quality import QualityReport
from fewray.results.quality_sets import QualityComparison
from fewray.storage.files import write_bytes

PAIRS = 16
SIZE = 64
AREAS = "copied-areas.csv"


class _Labels(msgspec.Struct):
    classes: dict[str, msgspec.Raw]


def write_quality(
    folder: Path,
    report: QualityReport,
    nearest: Mapping[str, Sequence[Copy]],
    real: Mapping[str, ImageSet],
    fake: Mapping[str, ImageSet],
    areas: AreaSearch | None = None,
) -> None:
    """Write the files of ``report`` into ``folder``.

    ``copies.csv`` has a row for every synthetic image. ``closest-pairs-<class>.png`` shows copies,
    then the images nearest by pixels, each to the left of its training image;
    ``closest-synthetic-<class>.png`` shows the same without the real images, in case those may not
    be published. With ``areas``, ``copied-areas.csv`` has a row for every image searched, and
    ``copied-areas-<class>.png`` shows the images that owe most. Files of an earlier report are
    removed.
    """
    _remove_earlier(folder)
    content = msgspec.json.format(msgspec.json.encode(report), indent=1)
    write_bytes(folder / "quality.json", content + b"\n")
    write_bytes(folder / "copies.csv", copies_csv(nearest).encode())
    for label, rows in nearest.items():
        closest = sorted(rows, key=lambda row: row.order)[:PAIRS]
        for kind, sides in (("pairs", (fake, real)), ("synthetic", (fake,))):
            save_png(_sheet(closest, label, sides), folder / f"closest-{kind}-{label}.png")
    if areas is not None:
        write_bytes(folder / AREAS, areas_csv(areas).encode())
        for label in areas.classes:
            sheet = area_sheet(areas, label, real[label], fake[label])
            save_png(sheet, folder / f"copied-areas-{label}.png")


def write_comparison(folder: Path, comparison: QualityComparison) -> None:
    """Write ``quality.json`` of several sets; files of an earlier report in it are removed."""
    _remove_earlier(folder)
    (folder / "copies.csv").unlink(missing_ok=True)
    content = msgspec.json.format(msgspec.json.encode(comparison), indent=1)
    write_bytes(folder / "quality.json", content + b"\n")


def _remove_earlier(folder: Path) -> None:
    """Remove the areas and the pictures of the classes in the ``quality.json`` of ``folder``."""
    (folder / AREAS).unlink(missing_ok=True)
    labels: list[str] = []
    with suppress(OSError, msgspec.DecodeError):
        content = (folder / "quality.json").read_bytes()
        labels = list(msgspec.json.decode(content, type=_Labels).classes)
    for label in labels:
        for kind in ("closest-pairs", "closest-synthetic", "copied-areas"):
            name = f"{kind}-{label}.png"
            if Path(name).name == name:
                (folder / name).unlink(missing_ok=True)


def copies_csv(nearest: Mapping[str, Sequence[Copy]]) -> str:
    """Return CSV with a row per synthetic image: its nearest training images and distances.

    ``copy_of`` and ``copy_distance`` are empty unless the image is a copy.
    """
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(["class", *Copy.__struct_fields__, "copy_of", "copy_distance"])
    for label, rows in nearest.items():
        for row in rows:
            pair = row.pair if row.detected_by else ("", "")
            cells = [*msgspec.structs.astuple(row), *pair]
            table.writerow([label, *(f"{v:.6g}" if isinstance(v, float) else v for v in cells)])
    return stream.getvalue()


def _sheet(rows: Sequence[Copy], label: str, sides: Sequence[Mapping[str, ImageSet]]) -> np.ndarray:
    pictures = []
    for row in rows:
        for side, name in zip(sides, (row.synthetic, row.pair[0]), strict=False):
            images = side[label]
            if name:
                picture = resize(images.images[images.names.index(name), 0], SIZE, "squash")
            else:
                picture = np.zeros((SIZE, SIZE), np.uint8)
            pictures.append(picture)
    return grid(np.stack(pictures)[:, None], 4 * len(sides))
