"""COVID-19 Radiography Database: 21,165 images of four classes from other public collections.

Chowdhury et al. (2020), IEEE Access 8:132665; Rahman et al. (2021), Computers in Biology and
Medicine 132:104319.
"""

from __future__ import annotations

from pathlib import Path

from fewray.data.manifest import CONFOUNDED, DataWarning
from fewray.data.releases.layout.files import FolderIndex
from fewray.data.releases.layout.listing import ListedImage, Listing, Release
from fewray.errors import InputError

ADDRESS = "https://www.kaggle.com/datasets/tawsifurrahman/covid19-radiography-database"
CLASSES = ("COVID", "Lung_Opacity", "Normal", "Viral Pneumonia")
FOLDER = "COVID-19_Radiography_Dataset"
WARNINGS = (
    DataWarning(
        CONFOUNDED,
        "The classes come from different sources: viral pneumonia from children at one hospital, "
        "lung opacity from the RSNA's challenge, COVID-19 from publications and hospitals.",
    ),
    DataWarning(
        "release_no_patients",
        "the release does not say which images are of the same patient: a patient may be in "
        "training and test images",
    ),
)


def read(folder: Path) -> Listing:
    """Return the images of the class folders; the masks beside them are passed over."""
    root = next((place for place in (folder, folder / FOLDER) if _has_classes(place)), None)
    if root is None:
        raise InputError(
            "release_layout",
            f"{folder}: expected the folders {', '.join(CLASSES)} with images of {ADDRESS}",
            folder=str(folder),
            address=ADDRESS,
        )
    files = FolderIndex(root, depth=3, within=CLASSES)
    images = [
        ListedImage(file=end, positive=(end.split("/")[0],))
        for end in files.places
        if end.split("/")[0] in CLASSES and end.split("/")[1] == "images"
    ]
    warnings = list(WARNINGS)
    if absent := [label for label in CLASSES if not (root / label).is_dir()]:
        text = f"class folders that are not there: {', '.join(absent)}"
        warnings.append(DataWarning("release_classes_missing", text, tuple(absent)))
    return Listing(images=images, files=files, tables="the folder names", warnings=tuple(warnings))


def _has_classes(place: Path) -> bool:
    return sum((place / label / "images").is_dir() for label in CLASSES) > 1


RELEASE = Release(
    name="covid-radiography",
    what="21,165 radiographs in four classes from several public collections",
    licence="those of the sources",
    address=ADDRESS,
    unpack="the folders COVID, Lung_Opacity, Normal and Viral Pneumonia with images",
    read=read,
)
