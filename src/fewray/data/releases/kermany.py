"""Kermany et al.: 5,856 radiographs of children at one hospital; on Kaggle as chest_xray.

Kermany et al. (2018), Cell 172:1122; Mendeley Data rscbjbr9sj, versions 2 and 3.
"""

from __future__ import annotations

import re
from pathlib import Path

from fewray.data.releases.layout.files import FolderIndex
from fewray.data.releases.layout.listing import ListedImage, Listing, Release
from fewray.errors import InputError

ADDRESS = "https://www.kaggle.com/datasets/paultimothymooney/chest-xray-pneumonia"
SPLITS = {"train": "train", "val": "train", "test": "test"}
CLASSES = ("NORMAL", "PNEUMONIA")
FOLDERS = ("chest_xray", "chest_xray/chest_xray", "CellData/chest_xray")
"""Where the archives of Kaggle and of Mendeley hold the splits."""
PATIENTS = (
    re.compile(r"(person\d+)_"),
    re.compile(r"((?:NORMAL2-)?IM-\d+)-"),
    re.compile(r"(?:BACTERIA|NORMAL|VIRUS)-(\d+)-"),
)
"""The patient in a file name: version 2 (also on Kaggle) and, in the last line, version 3."""
CAUSE = re.compile(r"(?:person\d+_)?(bacteria|virus)[_-]", re.IGNORECASE)


def read(folder: Path) -> Listing:
    """Return the files of ``train``, ``val`` and ``test``. Those of ``val`` (16) are training.

    Pneumonia also has the finding ``BACTERIA`` or ``VIRUS``, for ``--labels``. Patients
    ``person1_bacteria`` and ``person1_virus`` count as one: the release does not say whether they
    are.
    """
    root = _root(folder)
    files = FolderIndex(root, depth=3, within=[name for name in SPLITS if (root / name).is_dir()])
    images = []
    for end in files.places:
        split, label, name = end.split("/")
        if split in SPLITS and label in CLASSES:
            cause = CAUSE.match(name)
            images.append(
                ListedImage(
                    file=end,
                    positive=(label, *([cause.group(1).upper()] if cause else [])),
                    patient=patient(name),
                    split=SPLITS[split],
                )
            )
    return Listing(images=images, files=files, tables="the folder names")


def patient(name: str) -> str:
    """Return the patient in a file name, or an empty text."""
    found = filter(None, (pattern.match(name) for pattern in PATIENTS))
    return next((match.group(1) for match in found), "")


def _root(folder: Path) -> Path:
    """Return the folder that holds ``train/NORMAL``; archives add folders of their own."""
    for place in (folder, *(folder / name for name in FOLDERS)):
        if all((place / "train" / label).is_dir() for label in CLASSES):
            return place
    raise InputError(
        "release_layout",
        f"{folder}: expected the folders train/NORMAL and train/PNEUMONIA of {ADDRESS}",
        folder=str(folder),
        address=ADDRESS,
    )


RELEASE = Release(
    name="kermany",
    what="5,856 radiographs of children, normal or with bacterial or viral pneumonia",
    licence="CC BY 4.0",
    address=ADDRESS,
    unpack="the folders train, val and test with NORMAL and PNEUMONIA",
    read=read,
)
