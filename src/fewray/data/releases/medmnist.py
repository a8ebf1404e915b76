"""MedMNIST: small images of several collections in one file, without patients.

Yang et al. (2023), MedMNIST v2, Scientific Data 10:41. Names of classes: ``medmnist/info.py``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fewray.data.manifest import DataWarning
from fewray.data.releases.layout.arrays import DAMAGED, array_header, image_places, write_images
from fewray.data.releases.layout.listing import ListedImage, Listing, Release
from fewray.errors import InputError

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
    ``medmnist_colour`` for images that are not grey and flat, and ``medmnist_pixels`` for other
    numbers than uint8.
    """
    try:
        with np.load(file) as arrays:
            labels = {split: arrays[f"{split}_labels"] for split in SPLITS}
            found = {split: array_header(file, f"{split}_images") for split in SPLITS}
    except DAMAGED as error:
        text = f"{file}: expected a file of MedMNIST, with train_images, train_labels and so on"
        raise InputError("medmnist_file", f"{text} ({error})", file=str(file)) from None
    shapes = {split: shape for split, (shape, _) in found.items()}
    if kinds := {str(kind) for _, kind in found.values()} - {"uint8"}:
        text = f"{file}: images of {', '.join(sorted(kinds))}; MedMNIST has uint8, 0 to 255"
        remedy = (
            "give changed images as arrays images and labels, without medmnist: before the file"
        )
        raise InputError("medmnist_pixels", f"{text}; {remedy}", file=str(file))
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
            file=f"{split}_images/{number:06d}.png",
            positive=_findings(row, names, several=several),
            split=SPLITS[split],
        )
        for split in SPLITS
        for number, row in enumerate(labels[split].reshape(len(labels[split]), -1).tolist())
    ]
    files = image_places(file, images, "medmnist")
    return Listing(
        images=images,
        files=files,
        tables=file.name,
        several=several,
        warnings=(WARNING,),
        prepare=lambda chosen: write_images(file, files.root, chosen),
    )


def _findings(row: Sequence[int], names: Sequence[str], *, several: bool) -> tuple[str, ...]:
    """Return the names of the labels of an image: one number, or a 0 or 1 per finding."""
    numbers = [i for i, value in enumerate(row) if value] if several else [int(row[0])]
    found = tuple(names[i] if i < len(names) and names[i] else f"class {i}" for i in numbers)
    return found or (NO_FINDING,)


RELEASE = Release(
    name="medmnist",
    what="MedMNIST and MedMNIST+: one file, grey images of 28 to 224 pixels, no patients",
    licence="CC BY 4.0 (DermaMNIST: CC BY-NC 4.0)",
    address=ADDRESS,
    unpack="a file such as pneumoniamnist_64.npz",
    read=read,
    argument="FILE.npz",
)
