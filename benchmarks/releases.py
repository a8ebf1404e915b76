"""Time to read a public release from its tables, at full length, with few of its files there.

``python -m benchmarks.releases`` prints processor seconds; the tables are drawn, not real.
"""

from __future__ import annotations

import csv
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from fewray.config import ReadOptions
from fewray.data.loading import load_dataset
from fewray.data.releases.chexpert import FINDINGS

NIH_ROWS, CHEXPERT_ROWS = 112_120, 223_414
PRESENT = 500
LABELS = ("Pneumonia", "No Finding")
HEAD = ("Image Index", "Finding Labels", "Follow-up #", "Patient ID", "View Position")


def main() -> None:
    """Print the time for both tables, with the images kept."""
    with tempfile.TemporaryDirectory() as folder:
        for source, rows in (
            (_nih(Path(folder) / "nih"), NIH_ROWS),
            (_chexpert(Path(folder) / "chexpert"), CHEXPERT_ROWS + 2),
        ):
            wall, used = time.perf_counter(), time.process_time()
            data = load_dataset(source, read=ReadOptions(labels=LABELS))
            wall, used = time.perf_counter() - wall, time.process_time() - used
            name = source.partition(":")[0]
            print(f"{name}: {rows:,} rows, {PRESENT} files, {len(data)} images kept: ", end="")
            print(f"{used:.1f} processor seconds ({wall:.1f} s on the clock)")


def _nih(root: Path) -> str:
    """Write the table of ChestX-ray14, with one to three findings in almost half of the rows."""
    rng = np.random.default_rng(0)
    counts = rng.choice(4, NIH_ROWS, p=(0.54, 0.28, 0.13, 0.05))
    names = [f"{i // 4 + 1:08d}_{i % 4:03d}.png" for i in range(NIH_ROWS)]
    drawn = rng.integers(1, len(FINDINGS), (NIH_ROWS, 3))
    rows = (
        (name, "|".join(FINDINGS[k] for k in drawn[i, : counts[i]]) or FINDINGS[0], 0, i // 4, "PA")
        for i, name in enumerate(names)
    )
    _table(root / "Data_Entry_2017.csv", HEAD, rows)
    (root / "train_val_list.txt").write_text("\n".join(names[:86_524]))
    (root / "test_list.txt").write_text("\n".join(names[86_524:]))
    _images(root / "images" / name for name in names[:PRESENT])
    return f"nih:{root}"


def _chexpert(root: Path) -> str:
    """Write the tables of CheXpert. Findings are independent, so that nearly all rows differ."""
    rng = np.random.default_rng(1)
    head = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *FINDINGS)
    cells = np.array(["", "1.0", "0.0", "-1.0"])
    for split, n in (("train", CHEXPERT_ROWS), ("valid", 2)):
        found = cells[rng.choice(4, (n, len(FINDINGS)), p=(0.72, 0.16, 0.06, 0.06))].tolist()
        ends = [f"{split}/patient{i // 3:05d}/study{i % 3}/view1_{split}.jpg" for i in range(n)]
        rows = (
            (f"CheXpert-v1.0/{end}", "Female", 60, "Frontal", "AP", *found[i])
            for i, end in enumerate(ends)
        )
        _table(root / f"{split}.csv", head, rows)
        _images(root / end for end in ends[:PRESENT])
    return f"chexpert:{root}"


def _table(path: Path, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([head, *rows])


def _images(paths: Iterable[Path]) -> None:
    """Write small images, no two alike."""
    for number, path in enumerate(paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(number).integers(0, 256, (16, 16), np.uint8)
        Image.fromarray(noise).save(path)


if __name__ == "__main__":
    main()
