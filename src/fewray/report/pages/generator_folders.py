"""Where the generators of a study lie, and what their sample grids show over training."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fewray.errors import InputError
from fewray.generators.log import read_options
from fewray.imaging.arrays import grid
from fewray.report.blocks import Filmstrip
from fewray.report.files import Timing
from fewray.report.pages.run_images import address, tiles
from fewray.report.text import class_name
from fewray.report.traced import as_name
from fewray.results.crossval import CrossvalStudy
from fewray.results.training import ALL_CLASSES
from fewray.storage.files import read_json

FRAMES, SEEDS, COLUMNS = 8, 6, 3
"""Frames of a filmstrip, fixed seeds in each, and their columns."""


def generator_home(timing: Timing, folder: Path) -> Path:
    """Return the folder that holds a study's generators: the one it names, or its own."""
    home = Path(timing.generators) if timing.generators else folder / "generators"
    return next((found for found in (home, folder / "generators", folder) if found.is_dir()), home)


def class_folders(study: CrossvalStudy, home: Path) -> dict[str, Path]:
    """Return the first generator's folder of each class, by the display name of the class."""
    found = generator_folders(home, study.data.classes)
    return {class_name(study.data, label): paths[0] for label, paths in found.items()}


def generator_folders(home: Path, classes: Sequence[str]) -> dict[str, list[Path]]:
    """Return by class, or for pooled generators, the folders with a training log, sorted by path.

    They lie under ``home``. The class is the label in the folder's ``options.json``, or else the
    folder's own name.
    """
    found = defaultdict(list)
    for log in sorted(home.rglob("stats.jsonl")):
        found[_label(log.parent)].append(log.parent)
    return {label: found[label] for label in (*classes, ALL_CLASSES) if label in found}


def _label(folder: Path) -> str:
    try:
        options = read_json(folder / "options.json")
    except InputError:
        return folder.name
    label = options.get("label") if isinstance(options, dict) else None
    return label if isinstance(label, str) else folder.name


def filmstrip(name: str, folder: Path) -> Filmstrip | None:
    """Return the same seeds of one generator over training, or None without two epochs of it."""
    grids = sorted(folder.glob("fakes-*.png"))
    if len(grids) < 2:
        return None
    own = read_options(folder)
    size = own.options.image_size if own else 64
    chosen = sorted({round(i) for i in np.linspace(0, len(grids) - 1, FRAMES)})
    frames = []
    for path in (grids[index] for index in chosen):
        shown = tiles(path, size, SEEDS)
        if len(shown) < SEEDS:
            continue
        epoch = int(path.stem.removeprefix("fakes-"))
        frames.append((epoch, address(grid(np.stack(shown)[:, None], COLUMNS, pad=1))))
    return Filmstrip(as_name(name), tuple(frames)) if len(frames) > 1 else None
