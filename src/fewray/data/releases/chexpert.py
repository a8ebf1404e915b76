"""CheXpert: 224,316 radiographs with findings, negations and uncertainty read from reports.

Irvin et al. (2019), CheXpert, AAAI, arXiv 1901.07031.
"""

from __future__ import annotations

import functools
from operator import itemgetter
from pathlib import Path

from fewray.data.releases.layout.cells import (
    UNCERTAIN,
    YES,
    StrangeCells,
    finding_value,
    patient_of,
)
from fewray.data.releases.layout.files import FolderIndex
from fewray.data.releases.layout.listing import ListedImage, Listing, Release
from fewray.data.releases.layout.tables import find_root, first_file, missing_table, read_table

ADDRESS = "https://stanfordmlgroup.github.io/competitions/chexpert/"
TABLES = {"train": "train.csv", "test": "valid.csv"}
"""The table of each split. The radiologists' labels of ``valid`` are the test set here: that of the
competition was not released with these tables."""
FINDINGS = (
    "No Finding",
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
)
END = 3
"""A file is found by patient, study and view: the folders above differ between the releases."""


def read(folder: Path) -> Listing:
    """Return what both tables list. 1 is a finding, -1 an uncertain one; 0 and empty are none.

    Raises InputError ``finding_value`` for other cells.
    """
    root, _ = find_root(folder, [TABLES["train"]], ADDRESS)
    images: list[ListedImage] = []
    for split, name in TABLES.items():
        if (path := first_file(root, [name])) is None:
            raise missing_table(root, [name], ADDRESS)
        images += _listed(path, split)
    return Listing(
        images=images,
        files=FolderIndex(root, depth=END),
        tables=" and ".join(TABLES.values()),
        several=True,
        has_views=True,
    )


def _listed(path: Path, split: str) -> list[ListedImage]:
    table = read_table(path)
    place, side, view = (table.index(name) for name in ("Path", "Frontal/Lateral", "AP/PA"))
    cells = itemgetter(*(table.index(name) for name in FINDINGS))
    others = StrangeCells(table, "1 (yes), 0 (no), -1 (uncertain) or nothing")
    images = []
    for line, row in table.lines():
        parts = row[place].rsplit("/", END)[-END:]
        positive, uncertain, unknown = _findings(cells(row))
        others.add(unknown, line)
        images.append(
            ListedImage(
                file="/".join(parts),
                positive=positive,
                uncertain=uncertain,
                patient=patient_of("chexpert", parts[0]),
                split=split,
                view=row[view] if row[side] == "Frontal" else row[side],
            )
        )
    others.check()
    return images


@functools.lru_cache(maxsize=1 << 16)
def _findings(cells: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """Return the findings that are there, those that are uncertain, and those of other cells."""
    pairs = [(name, finding_value(cell)) for name, cell in zip(FINDINGS, cells, strict=True)]
    return tuple(
        tuple(n for n, found in pairs if found == value) for value in (YES, UNCERTAIN, None)
    )


RELEASE = Release(
    name="chexpert",
    what="224,316 frontal and lateral radiographs of 65,240 patients, 14 findings",
    licence="Stanford research use agreement, to be agreed to before the download",
    address=ADDRESS,
    unpack="the folders train and valid with patient*/study*/view*.jpg",
    read=read,
)
