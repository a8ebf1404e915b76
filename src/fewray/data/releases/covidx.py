"""COVIDx CXR: radiographs collected from other public data sets, with a list of files per split.

Wang, Lin & Wong (2020), COVID-Net, Scientific Reports 10:19549.
"""

from __future__ import annotations

from pathlib import Path

from fewray.data.manifest import CONFOUNDED, DataWarning
from fewray.data.releases.layout.cells import patient_of
from fewray.data.releases.layout.files import FolderIndex
from fewray.data.releases.layout.listing import ListedImage, Listing, Release
from fewray.data.releases.layout.tables import find_root, first_file, missing_table
from fewray.errors import InputError

ADDRESS = "https://www.kaggle.com/datasets/andyczhao/covidx-cxr2"
LISTS = {"train": "train.txt", "val": "val.txt", "test": "test.txt"}
NEEDED = ("train", "test")
CLASSES = {"normal", "pneumonia", "COVID-19", "positive", "negative"}
SOURCES = {"cohen": "ieee8023"}
"""Sources that other releases name differently."""
WARNING = DataWarning(
    CONFOUNDED,
    "The classes come from different sources: most COVID-19 images from other hospitals than the "
    "rest.",
)


def read(folder: Path) -> Listing:
    """Return the lines ``patient file class source`` of the lists. Images of ``val`` are training.

    A patient's number counts within its source. Early versions name no source.
    """
    root, _ = find_root(folder, [LISTS["train"]], ADDRESS)
    images: list[ListedImage] = []
    for split, name in LISTS.items():
        if (path := first_file(root, [name])) is not None:
            images += _listed(path, split)
        elif split in NEEDED:
            raise missing_table(root, [name], ADDRESS)
    return Listing(
        images=images,
        files=FolderIndex(root, depth=2, within=list(LISTS)),
        tables=" and ".join(LISTS[split] for split in NEEDED),
        warnings=(WARNING,),
    )


def _listed(path: Path, split: str) -> list[ListedImage]:
    images = []
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        patient, *words = line.split()
        source = words.pop() if words and words[-1] not in CLASSES else ""
        label = words.pop() if words else ""
        if label not in CLASSES or not words:
            raise InputError(
                "release_table",
                f"{path}, line {number}: expected `patient file class source`, got {line!r}",
                file=str(path),
                line=number,
            )
        origin = SOURCES.get(source, source or "covidx")
        images.append(
            ListedImage(
                file=f"{split}/{' '.join(words)}",
                positive=(label,),
                patient=patient_of(origin, patient),
                split="test" if split == "test" else "train",
            )
        )
    return images


RELEASE = Release(
    name="covidx",
    what="COVIDx CXR-2 to CXR-4: 30,000 to 84,818 radiographs from several public data sets",
    licence="those of the sources",
    address=ADDRESS,
    unpack="the folders train and test with images",
    read=read,
)
