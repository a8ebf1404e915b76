"""NIH ChestX-ray14: 112,120 frontal radiographs with findings read from reports by a program.

Wang et al. (2017), ChestX-ray8, CVPR, arXiv 1705.02315.
"""

from __future__ import annotations

import re
from pathlib import Path

from fewray.data.manifest import DataWarning
from fewray.data.patients import patient_in_cell
from fewray.data.releases.layout.files import FolderIndex
from fewray.data.releases.layout.listing import ListedImage, Listing, Release
from fewray.data.releases.layout.tables import find_root, first_file, read_table

ADDRESS = "https://nihcc.app.box.com/v/ChestXray-NIHCC"
TABLES = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
TRAIN = ("train_val_list.txt", "train_val_list_NIH.txt")
TEST = ("test_list.txt", "test_list_NIH.txt")


def nih_patient(number: str) -> str:
    """Return the patient of a ``Patient ID``, or of the start of an image's name; empty if none.

    The name is the same in the releases of the NIH and of the RSNA. COVIDx has patients of its own.
    """
    known = re.sub(r"\.0+$", "", patient_in_cell(number))  # as pandas writes a column with gaps
    return f"nih-{known.lstrip('0'):0>8}" if known else ""


def read(folder: Path) -> Listing:
    """Return what ``Data_Entry_2017.csv`` lists. Images are found by name in any subfolder."""
    root, path = find_root(folder, TABLES, ADDRESS)
    table = read_table(path)
    name, findings = table.index("Image Index"), table.index("Finding Labels")
    patient, view = table.index("Patient ID"), table.index("View Position")
    splits, warnings = _splits(root)
    images = [
        ListedImage(
            file=row[name],
            positive=tuple(row[findings].split("|")),
            patient=nih_patient(row[patient]),
            split=splits.get(row[name], ""),
            view=row[view],
        )
        for row in table.rows()
    ]
    return Listing(
        images=images,
        files=FolderIndex(root),
        tables=path.name,
        several=True,
        has_views=True,
        warnings=warnings,
    )


def _splits(root: Path) -> tuple[dict[str, str], tuple[DataWarning, ...]]:
    """Return the split of each image by the two lists of the release."""
    lists = {"train": first_file(root, TRAIN), "test": first_file(root, TEST)}
    splits: dict[str, str] = {}
    for split, path in lists.items():
        if path is None:
            text = f"{TRAIN[0]} and {TEST[0]} are not both there: the images have no split"
            return {}, (DataWarning("release_no_split", text),)
        splits |= dict.fromkeys(path.read_text(encoding="utf-8", errors="replace").split(), split)
    return splits, ()


RELEASE = Release(
    name="nih",
    what="ChestX-ray14: 112,120 frontal radiographs of 30,805 patients, 14 findings",
    licence="no restriction on use; cite the paper, link the address, name the NIH Clinical Center",
    address=ADDRESS,
    unpack="the PNG files of images_001.tar.gz to images_012.tar.gz, in any subfolders",
    read=read,
)
