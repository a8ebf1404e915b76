"""MedMNIST: small images of several collections in one file, without patients.

Yang et al. (2023), MedMNIST v2, Scientific Data 10:41. Names of classes: ``medmnist/info.py``.
"""

from __future__ import annotations

import re
import zipfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fewray.data.manifest import DataWarning
from fewray.data.releases.layout.files import FolderIndex
from fewray.data.releases.layout.listing import ListedImage, Listing, Release
from fewray.errors import InputError, RunFailed
from fewray.imaging.arrays import png_bytes
from fewray.storage.cache import cache_folder
from fewray.storage.files import replace_file, sha256_of

ADDRESS = "https://doi.org/10.5281/zenodo.10519652"
SPLITS = {"train": "train", "val": "train", "test": "test"}
ORGANS = (
    "bladder|femur-left|femur-right|heart|kidney-left|kidney-right|liver|lung-left|lung-right|"
    "pancreas|spleen"
)
CLASSES = {
    "chestmnist": "atelectasis|cardiomegaly|effusion|infiltration|mass|nodule|pneumonia|"
    "pneumothorax|consolidation|edema|emphysema|fibrosis|pleural|hernia",
    "pneumoniamnist": "normal|pneumonia",
    "breastmnist": "malignant|normal, benign",
    "octmnist": "choroidal neovascularization|diabetic macular edema|drusen|normal",
    "organamnist": ORGANS,
    "organcmnist": ORGANS,
    "organsmnist": ORGANS,
}
"""Names of the labels 0, 1, ... of the grey sets, separated by bars."""
NO_FINDING = "no finding"
"""Label of the images of ChestMNIST without any of its findings."""
WARNING = DataWarning(
    "release_no_patients",
    "MedMNIST does not say which images are of the same patient: a patient may be in training "
    "and test images",
)


def read(file: Path) -> Listing:
    """Return the images of a file; those that are chosen are written to the cache as PNG.

    Images of ``val`` are training images. Raises InputError ``medmnist_file`` for another file, and
    ``medmnist_colour`` for images that are not grey and flat.
    """
    try:
        with np.load(file) as arrays:
            labels = {split: arrays[f"{split}_labels"] for split in SPLITS}
            shapes = {split: _shape(file, split) for split in SPLITS}
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        text = f"{file}: expected a file of MedMNIST, with train_images, train_labels and so on"
        raise InputError("medmnist_file", f"{text} ({error})", file=str(file)) from None
    if odd := {shape for shape in shapes.values() if len(shape) != 3}:
        raise InputError(
            "medmnist_colour",
            f"{file}: images of shape {odd.pop()[1:]}; only grey images in two dimensions are read",
            file=str(file),
        )
    if any(shapes[split][0] != len(labels[split]) for split in SPLITS):
        text = f"{file}: another number of images than of labels"
        raise InputError("medmnist_file", text, file=str(file))
    names = CLASSES.get(re.sub(r"_\d+$", "", file.stem.lower()), "").split("|")
    several = labels["train"].ndim == 2 and labels["train"].shape[1] > 1
    images = [
        ListedImage(
            file=f"{split}/{number:06d}.png",
            positive=_findings(row, names, several=several),
            split=SPLITS[split],
        )
        for split in SPLITS
        for number, row in enumerate(labels[split].reshape(len(labels[split]), -1).tolist())
    ]
    folder = _cache(file)
    files = FolderIndex(folder, depth=2)
    files.places = {image.file: str(folder / image.file) for image in images}
    return Listing(
        images=images,
        files=files,
        tables=file.name,
        several=several,
        warnings=(WARNING,),
        prepare=lambda chosen: _write(file, folder, chosen),
    )


def _findings(row: Sequence[int], names: Sequence[str], *, several: bool) -> tuple[str, ...]:
    """Return the names of the labels of an image: one number, or a 0 or 1 per finding."""
    numbers = [i for i, value in enumerate(row) if value] if several else [int(row[0])]
    found = tuple(names[i] if i < len(names) and names[i] else f"class {i}" for i in numbers)
    return found or (NO_FINDING,)


def _shape(file: Path, split: str) -> tuple[int, ...]:
    """Return the shape of the images of a split, without reading them."""
    with zipfile.ZipFile(file) as archive, archive.open(f"{split}_images.npy") as stream:
        version = np.lib.format.read_magic(stream)
        read_header = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        return read_header(stream)[0]


def _cache(file: Path) -> Path:
    place = cache_folder("medmnist")
    if place is None:
        text = f"{file}: no cache folder for its images; name one with FEWRAY_CACHE"
        raise RunFailed("no_cache_folder", text)
    return place / sha256_of(file)[:16]


def _write(file: Path, folder: Path, chosen: Sequence[ListedImage]) -> None:
    """Write the chosen images that are not in the cache yet. Raises RunFailed if it is full."""
    missing: dict[str, list[tuple[int, Path]]] = defaultdict(list)
    for image in chosen:
        split, _, name = image.file.partition("/")
        if not (path := folder / image.file).is_file():
            missing[split].append((int(Path(name).stem), path))
    try:
        for split, places in missing.items():
            (folder / split).mkdir(parents=True, exist_ok=True)
            with np.load(file) as arrays:
                pixels = arrays[f"{split}_images"]
            for number, path in places:
                replace_file(path, png_bytes(pixels[number]), durable=False)
    except OSError as error:
        text = f"{file}: images cannot be kept in {folder} ({error.strerror}); set FEWRAY_CACHE"
        raise RunFailed("cache_not_writable", text) from error


RELEASE = Release(
    name="medmnist",
    what="MedMNIST and MedMNIST+: one file, grey images of 28 to 224 pixels, no patients",
    licence="CC BY 4.0 (DermaMNIST: CC BY-NC 4.0)",
    address=ADDRESS,
    unpack="a file such as pneumoniamnist_64.npz",
    read=read,
    argument="FILE.npz",
)
