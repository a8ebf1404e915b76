"""Write phantom data sets: patients, images and splits drawn from a seed, kept in the user's cache.

Nothing here was taken from a patient. Phantoms serve to try things out, and to test them where the
truth is known; a result measured on them says nothing about medicine.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fewray.data.covid4 import DISPLAY_NAMES
from fewray.data.manifest import MANIFEST, DataWarning, Manifest, Row
from fewray.data.phantom.drawing import draw
from fewray.data.phantom.options import CLASSES, PhantomOptions, parse_options
from fewray.errors import InputError, RunFailed
from fewray.imaging.arrays import png_bytes
from fewray.storage.cache import cache_folder
from fewray.storage.files import write_json


def load_phantom(pairs: dict[str, str]) -> Manifest:
    """Return the data set of the pairs after ``phantom:``, drawn once and cached.

    Raises InputError for a bad option, RunFailed if the cache cannot be written.
    """
    options = parse_options(pairs)
    digest = hashlib.sha256(json.dumps(_identity(options), sort_keys=True).encode()).hexdigest()
    cache = cache_folder("phantom")
    if cache is None:
        text = "phantom: no cache folder for this user; name one with FEWRAY_CACHE"
        raise RunFailed("no_cache_folder", text)
    folder = cache / digest[:16]
    try:
        if not folder.exists() or _is_complete(folder, options):
            return write_phantom(folder, options)
        return _repair(folder, options)
    except OSError as error:
        text = (
            f"phantom: images cannot be kept in {folder} ({error.strerror}); "
            "remove it, or name another cache with FEWRAY_CACHE"
        )
        raise RunFailed("cache_not_writable", text) from error


def write_phantom(folder: Path, options: PhantomOptions) -> Manifest:
    """Draw a data set into ``folder`` and return its manifest.

    A patient has one to three images, all of one class and in one split. The folder appears
    complete or not at all. A folder that already holds this data set is returned as it is. Raises
    InputError if it holds anything else.
    """
    folder = Path(folder)
    occupied = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    if _is_complete(folder, options):
        return _read(folder, options)
    if occupied:
        raise InputError(
            "folder_occupied",
            f"{folder}: holds other files; choose a new or empty folder",
            folder=str(folder),
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = folder.parent / f".{folder.name}.{uuid.uuid4().hex}"
    try:
        rows = tuple(_draw_all(staging, options))
        Manifest(name="phantom", classes=CLASSES, rows=rows).to_csv(staging / MANIFEST)
        write_json(staging / "options.json", _identity(options))
        try:
            staging.replace(folder)
        except OSError:
            if not _is_complete(
                folder, options
            ):  # another process may have written the same images
                raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return _read(folder, options)


def _repair(folder: Path, options: PhantomOptions) -> Manifest:
    """Restore every file of a damaged data set, the manifest last."""
    whole = folder.parent / f".{folder.name}.{uuid.uuid4().hex}"
    try:
        write_phantom(whole, options)
        for path in sorted(whole.rglob("*"), key=lambda path: path.suffix != ".png"):
            if path.is_file():
                place = folder / path.relative_to(whole)
                place.parent.mkdir(parents=True, exist_ok=True)
                path.replace(place)
    finally:
        shutil.rmtree(whole, ignore_errors=True)
    return _read(folder, options)


def plan(options: PhantomOptions) -> Iterator[tuple[Row, dict[str, Any]]]:
    """Yield each image's row (relative path, no hash) and the arguments of :func:`draw`."""
    patient = 0
    for split_number, split in enumerate(("train", "test")):
        counts = zip(CLASSES, getattr(options, split), strict=True)
        for class_number, (label, count) in enumerate(counts):
            rng = np.random.default_rng((options.seed, split_number, class_number))
            done = 0
            while done < count:
                patient += 1
                name = f"patient{patient:04d}"
                patient_seed = int(rng.integers(2**62))
                images = min(int(rng.choice((1, 2, 3), p=(0.7, 0.2, 0.1))), count - done)
                done += images
                for image in range(images):
                    strong = rng.random() < options.confound_strength
                    planted = strong and label == options.confound_class
                    path = Path(split, label, f"{name}-{image + 1}.png")
                    row = Row(
                        path=path, label=label, split=split, group=name, sha256="", origin="phantom"
                    )
                    yield (
                        row,
                        {
                            "patient_seed": patient_seed,
                            "image_seed": image,
                            "size": options.size,
                            "difficulty": options.difficulty,
                            "confound": options.confound if planted else "none",
                        },
                    )


def _draw_all(folder: Path, options: PhantomOptions) -> Iterator[Row]:
    for row, arguments in plan(options):
        path = folder / row.path
        path.parent.mkdir(parents=True, exist_ok=True)
        content = png_bytes(draw(row.label, **arguments))
        path.write_bytes(content)
        yield replace(row, path=path, sha256=hashlib.sha256(content).hexdigest())


def _identity(options: PhantomOptions) -> dict[str, object]:
    """Return what determines the images: the options and the source code that draws them."""
    code = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        code.update(source.read_bytes())
    return {"options": json.loads(json.dumps(options.to_json())), "code": code.hexdigest()[:16]}


def _is_complete(folder: Path, options: PhantomOptions) -> bool:
    try:
        kept = json.loads((folder / "options.json").read_text())
        paths = _read(folder, options).paths()
        return kept == _identity(options) and all(path.is_file() for path in paths)
    except (OSError, ValueError):
        return False


def _read(folder: Path, options: PhantomOptions) -> Manifest:
    text = "The images are computer-generated phantoms, not X-rays of patients."
    warnings = [DataWarning("phantom_data", text)]
    if options.confound != "none":
        share = f"{options.confound_strength:.0%}"
        text = f"A {options.confound} was planted in {share} of {options.confound_class}."
        warnings.append(DataWarning("planted_confound", text))
    found = Manifest.from_csv(folder / MANIFEST, name="phantom")
    return replace(found, classes=CLASSES, warnings=tuple(warnings), display_names=DISPLAY_NAMES)
