"""Refuse a DICOM export whose folders are patients, where folders of classes are expected."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from fewray.data.dicom.joins import TITLES
from fewray.data.layout.not_classes import not_classes
from fewray.data.manifest import Manifest

FEWEST = 3
"""Folders from which on it is no accident that each holds one patient."""


def check_classes(found: Manifest, root: Path) -> Manifest:
    """Return ``found``, the images of the folders in ``root``.

    Raises InputError ``not_classes`` if each folder holds the DICOM images of one patient only,
    as exports do. Names of folders are not shown: they may be those of the patients.
    """
    patients = defaultdict[str, set[str]](set)
    for row in found.rows:
        patients[row.label].add(row.group)
    every = [group for groups in patients.values() for group in groups]
    known = found.dicom is not None and not found.dicom.without_patient
    if not known or len(patients) < FEWEST or not len(patients) == len(every) == len({*every}):
        return found
    what = (
        f"each of the {len(patients)} folders holds the DICOM images of one patient, so they are "
        f"no classes. Give a table with columns label and {TITLES} instead of the folder: "
        f"--data {root / 'TABLE.csv'}, or dicom:{root},labels=TABLE.csv if it is elsewhere"
    )
    raise not_classes(root, what, "patients", sorted(root.iterdir()))
