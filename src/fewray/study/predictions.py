"""Write ``predictions.csv``: one line per test image and classifier run."""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from fewray.data.manifest import Manifest
from fewray.storage.files import write_bytes

Run = tuple[Sequence[object], Sequence[int], Sequence[Sequence[float]]]
"""What names a run, the rows it predicted, and its probabilities (rows, classes)."""


def write_predictions(
    path: Path, rows: Manifest, columns: Sequence[str], runs: Iterable[Run]
) -> None:
    """Write the predictions of ``runs``; ``columns`` are the headers of what names a run.

    Then follow the image, its patient and label, the predicted class and the probabilities.
    """
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    classes = rows.classes
    header = [*columns, "image", "group", "label", "predicted"]
    table.writerow([*header, *(f"p_{label}" for label in classes)])
    names = image_names(rows)
    for name, indices, probabilities in runs:
        for index, found in zip(indices, probabilities, strict=True):
            row = rows.rows[index]
            predicted = classes[int(np.argmax(found))]
            table.writerow([*name, names[index], row.group, row.label, predicted, *found])
    write_bytes(path, stream.getvalue().encode())


def image_names(rows: Manifest) -> list[str]:
    """Return a unique name per row: class and file name, or the path below the common folder.

    The path is used where several rows share class and file name.
    """
    short = [f"{row.label}/{row.shown.name}" for row in rows.rows]
    times = Counter(short)
    if len(times) == len(short):
        return short
    root = os.path.commonpath([path.parent.absolute() for path in rows.shown_paths()])
    long = [path.absolute().relative_to(root).as_posix() for path in rows.shown_paths()]
    names = [path if times[name] > 1 else name for name, path in zip(short, long, strict=True)]
    return names if len(set(names)) == len(names) else long
