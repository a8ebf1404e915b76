"""Write ``predictions.csv``: one line per test image and classifier run."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from fewray.data.layout.image_names import names_among
from fewray.data.manifest import Manifest
from fewray.storage.files import write_bytes

Run = tuple[Sequence[object], Sequence[int], Sequence[Sequence[float]]]
"""What names a run, the rows it predicted, and its probabilities (rows, classes)."""


def write_predictions(
    path: Path,
    rows: Manifest,
    columns: Sequence[str],
    runs: Iterable[Run],
    *,
    whole: Manifest | None = None,
) -> None:
    """Write the predictions of ``runs``; ``columns`` are the headers of what names a run.

    Then follow the image, its patient and label, the predicted class and the probabilities. Images
    are called as in `fewray data check`; ``whole`` is the data set that ``rows`` are of.
    """
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    classes = rows.classes
    header = [*columns, "image", "group", "label", "predicted"]
    table.writerow([*header, *(f"p_{label}" for label in classes)])
    names = names_among(whole or rows, rows)
    for name, indices, probabilities in runs:
        for index, found in zip(indices, probabilities, strict=True):
            row = rows.rows[index]
            predicted = classes[int(np.argmax(found))]
            table.writerow([*name, names[index], row.group, row.label, predicted, *found])
    write_bytes(path, stream.getvalue().encode())
