"""VinDr-CXR: 18,000 DICOM radiographs, each read by three radiologists or by a consensus of five.

Nguyen et al. (2022), Scientific Data 9:429, arXiv 2012.15029.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from fewray.data.releases.layout.cells import NO, YES, StrangeCells, finding_value
from fewray.data.releases.layout.files import FolderIndex
from fewray.data.releases.layout.listing import ListedImage, Listing, Release
from fewray.data.releases.layout.tables import find_root, first_file, missing_table, read_table

ADDRESS = "https://physionet.org/content/vindr-cxr/1.0.0/"
TABLES = {
    "train": "annotations/image_labels_train.csv",
    "test": "annotations/image_labels_test.csv",
}
NOT_FINDINGS = {"image_id", "rad_id", "rad_ID"}
SAME = {"Other disease": "Other diseases"}
"""A finding that the two tables spell differently."""


def read(folder: Path) -> Listing:
    """Return the findings of each image.

    A finding that all readers of an image report is positive. One that only some of them report is
    uncertain. Raises InputError ``finding_value`` for cells other than 1, 0 and empty ones.
    """
    root, _ = find_root(folder, [TABLES["train"]], ADDRESS)
    images: list[ListedImage] = []
    for split, name in TABLES.items():
        if (path := first_file(root, [name])) is None:
            raise missing_table(root, [name], ADDRESS)
        images += _listed(path, split)
    return Listing(
        images=images,
        files=FolderIndex(root, depth=2, within=list(TABLES)),
        tables=" and ".join(Path(name).name for name in TABLES.values()),
        several=True,
    )


def _listed(path: Path, split: str) -> list[ListedImage]:
    table = read_table(path)
    image = table.index("image_id")
    named = {name: i for name, i in table.columns.items() if name and name not in NOT_FINDINGS}
    columns = [(SAME.get(name, name), i) for name, i in named.items()]
    others = StrangeCells(table, "1 (yes), 0 (no) or nothing")
    readers = Counter[str]()
    reports: dict[str, Counter[str]] = {}
    for line, row in table.lines():
        readers[row[image]] += 1
        found = reports.setdefault(row[image], Counter())
        cells = [(name, finding_value(row[i])) for name, i in columns]
        found.update(name for name, value in cells if value == YES)
        others.add((name for name, value in cells if value not in (YES, NO)), line)
    others.check()
    return [
        ListedImage(
            file=f"{split}/{name}.dicom",
            positive=tuple(f for f, count in found.items() if count == readers[name]),
            uncertain=tuple(f for f, count in found.items() if count < readers[name]),
            split=split,
        )
        for name, found in reports.items()
    ]


RELEASE = Release(
    name="vindr-cxr",
    what="18,000 frontal DICOM radiographs, 28 findings, several readers per image",
    licence="PhysioNet Credentialed Health Data License 1.5.0: training and agreement required",
    address=ADDRESS,
    unpack="the folders train and test with DICOM files",
    read=read,
    is_dicom=True,
)
