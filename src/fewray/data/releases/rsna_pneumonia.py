"""RSNA Pneumonia Detection Challenge 2018: DICOM images of ChestX-ray14, read by radiologists.

Shih et al. (2019), Radiology: Artificial Intelligence 1:e180041.
"""

from __future__ import annotations

import json
from pathlib import Path

from fewray.data.manifest import DataWarning
from fewray.data.releases.layout.files import FolderIndex
from fewray.data.releases.layout.listing import ListedImage, Listing, Release
from fewray.data.releases.layout.tables import find_root, first_file, read_table
from fewray.data.releases.nih import nih_patient
from fewray.errors import InputError

ADDRESS = (
    "https://www.rsna.org/education/ai-resources-and-training/ai-image-challenge/"
    "rsna-pneumonia-detection-challenge-2018"
)
TABLES = ("stage_2_detailed_class_info.csv",)
MAPPING = ("pneumonia-challenge-dataset-mappings_2018.json",)
IMAGES = "stage_2_train_images"
WARNING = DataWarning(
    "release_patients_by_image",
    f"patientId of this release names an image, not a person. Put {MAPPING[0]} (from the RSNA's "
    "page of the challenge) beside the tables, so that all images of a person stay together.",
)


def read(folder: Path) -> Listing:
    """Return the class of each image. An image with several boxes has several rows, all alike.

    With the RSNA's mapping, the patient is that of ChestX-ray14.
    """
    root, path = find_root(folder, TABLES, ADDRESS)
    table = read_table(path)
    patient, label = table.index("patientId"), table.index("class")
    classes: dict[str, set[str]] = {}
    for row in table.rows():
        classes.setdefault(row[patient], set()).add(row[label].strip())
    mapping = first_file(root, MAPPING)
    patients = {} if mapping is None else _patients(mapping)
    images = [
        ListedImage(
            file=f"{name}.dcm", positive=tuple(sorted(found)), patient=patients.get(name, "")
        )
        for name, found in classes.items()
    ]
    return Listing(
        images=images,
        files=FolderIndex(root, within=[IMAGES]),
        tables=path.name,
        warnings=() if mapping else (WARNING,),
    )


def _patients(path: Path) -> dict[str, str]:
    """Return the patient of each image by the RSNA's mapping to ChestX-ray14."""
    try:
        return {
            row["subset_img_id"]: nih_patient(row["img_id"].partition("_")[0])
            for row in json.loads(path.read_text(encoding="utf-8"))
        }
    except (OSError, KeyError, TypeError, AttributeError, ValueError):
        message = f"{path}: expected a list of objects with subset_img_id and img_id"
        raise InputError("release_table", message, file=str(path)) from None


RELEASE = Release(
    name="rsna-pneumonia",
    what="26,684 DICOM radiographs of ChestX-ray14 in three classes, read by radiologists",
    licence="RSNA: research, education and other use, also commercial, with attribution",
    address=ADDRESS,
    unpack=f"the DICOM files of {IMAGES}",
    read=read,
    is_dicom=True,
)
