"""PadChest: 160,868 radiographs with findings from Spanish reports, 27% of them read by physicians.

Bustos et al. (2020), Medical Image Analysis 66:101797, arXiv 1901.07441.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

from fewray.data.releases.layout.cells import patient_of
from fewray.data.releases.layout.files import FolderIndex
from fewray.data.releases.layout.listing import ListedImage, Listing, Release
from fewray.data.releases.layout.tables import find_root, read_table

ADDRESS = "https://bimcv.cipf.es/bimcv-projects/padchest/"
TABLE = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"
TABLES = (TABLE, f"{TABLE}.gz")
QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")


def read(folder: Path) -> Listing:
    """Return what the table lists. Images are found by name, in subfolders 0 to 54 or in one."""
    root, path = find_root(folder, TABLES, ADDRESS)
    table = read_table(path)
    name, findings = table.index("ImageID"), table.index("Labels")
    patient, view = table.index("PatientID"), table.index("Projection")
    images = [
        ListedImage(
            file=row[name],
            positive=labels(row[findings]),
            patient=patient_of("padchest", row[patient]),
            view=row[view],
        )
        for row in table.rows()
    ]
    return Listing(
        images=images, files=FolderIndex(root), tables=path.name, several=True, has_views=True
    )


@functools.lru_cache(maxsize=1 << 16)
def labels(cell: str) -> tuple[str, ...]:
    """Return the labels of a cell such as ``['pleural effusion', ' normal']``, each once."""
    found = ((a or b).strip() for a, b in QUOTED.findall(cell))
    return tuple(dict.fromkeys(filter(None, found)))


RELEASE = Release(
    name="padchest",
    what="160,868 radiographs of 67,625 patients in six views, 174 findings",
    licence="PADCHEST Dataset Research Use Agreement; registration",
    address=ADDRESS,
    unpack="the PNG files, in folders 0 to 54 or in one",
    read=read,
)
