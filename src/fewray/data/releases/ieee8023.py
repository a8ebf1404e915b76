"""covid-chestxray-dataset: radiographs and CT slices from publications, with the patient of each.

Cohen et al. (2020), arXiv 2006.11988; the fields are described in SCHEMA.md of the repository.
"""

from __future__ import annotations

from pathlib import Path

from fewray.data.manifest import CONFOUNDED, DataWarning
from fewray.data.releases.layout.cells import patient_of
from fewray.data.releases.layout.files import FolderIndex
from fewray.data.releases.layout.listing import ListedImage, Listing, Release
from fewray.data.releases.layout.tables import find_root, read_table

ADDRESS = "https://github.com/ieee8023/covid-chestxray-dataset"
TABLES = ("metadata.csv",)
FOLDER = "images"
RADIOGRAPH = "X-ray"
WARNING = DataWarning(
    CONFOUNDED, "The images come from many publications, which differ between the classes."
)


def read(folder: Path) -> Listing:
    """Return the radiographs of ``metadata.csv``; CT is counted and left out.

    A finding such as ``Pneumonia/Viral/COVID-19`` counts as each of its parts.
    """
    root, path = find_root(folder, TABLES, ADDRESS)
    table = read_table(path)
    patient, finding = table.index("patientid", "Patientid"), table.index("finding")
    view, modality, name = (table.index(column) for column in ("view", "modality", "filename"))
    images, others = [], set[str]()
    for row in table.rows():
        if row[modality].strip() == RADIOGRAPH:
            images.append(
                ListedImage(
                    file=row[name].strip(),
                    positive=tuple(part.strip() for part in row[finding].split("/")),
                    patient=patient_of("ieee8023", row[patient]),
                    view=row[view],
                )
            )
        else:
            others.add(row[name].strip())
    warnings = [WARNING]
    if others:
        text = f"left out {len(others):,} images that {path.name} does not call {RADIOGRAPH}"
        warnings.append(DataWarning("release_not_radiographs", text, (str(len(others)),)))
    files = FolderIndex(root, within=[FOLDER])
    for file in others.difference(image.file for image in images):
        files.places.pop(file, None)
    return Listing(
        images=images,
        files=files,
        tables=path.name,
        several=True,
        has_views=True,
        warnings=tuple(warnings),
    )


RELEASE = Release(
    name="ieee8023",
    what="covid-chestxray-dataset: about 900 images of COVID-19 and other pneumonias",
    licence="per image (column license), such as CC BY 4.0; tables CC BY-NC-SA 4.0",
    address=ADDRESS,
    unpack="the folder images of the repository",
    read=read,
)
