"""SIIM-ACR Pneumothorax Segmentation 2019: DICOM images of ChestX-ray14, with masks.

Filice et al. (2020), Journal of Digital Imaging 33:490.
"""

from __future__ import annotations

from pathlib import Path

from fewray.data.manifest import DataWarning
from fewray.data.releases.layout.files import FolderIndex
from fewray.data.releases.layout.listing import ListedImage, Listing, Release
from fewray.data.releases.layout.tables import find_root, read_table

ADDRESS = "https://www.kaggle.com/c/siim-acr-pneumothorax-segmentation"
TABLES = ("stage_2_train.csv", "train-rle.csv")
NO_MASK = "-1"
WARNING = DataWarning(
    "release_patients_by_image",
    "these are images of ChestX-ray14, but the release does not name its patients: images of a "
    "person may be in training and test images",
)


def read(folder: Path) -> Listing:
    """Return the images of the table: with a mask or, where the mask is -1, without pneumothorax.

    An image with several masks has several rows. ImageId is the name of the file.
    """
    root, path = find_root(folder, TABLES, ADDRESS)
    table = read_table(path)
    name, mask = table.index("ImageId"), table.index("EncodedPixels")
    found: dict[str, bool] = {}
    for row in table.rows():
        found[row[name]] = found.get(row[name], False) or row[mask].strip() != NO_MASK
    images = [
        ListedImage(
            file=f"{name}.dcm", positive=("Pneumothorax" if positive else "No Pneumothorax",)
        )
        for name, positive in found.items()
    ]
    return Listing(images=images, files=FolderIndex(root), tables=path.name, warnings=(WARNING,))


RELEASE = Release(
    name="siim",
    what="SIIM-ACR Pneumothorax: about 12,000 DICOM radiographs of ChestX-ray14",
    licence="rules of the Kaggle competition",
    address=ADDRESS,
    unpack="the DICOM files of dicom-images-train and dicom-images-test",
    read=read,
    is_dicom=True,
)
