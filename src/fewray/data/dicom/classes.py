"""Refuse a DICOM export whose folders are patients, where folders of classes are expected."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from fewray.data.dicom.files import DicomFiles
from fewray.data.dicom.joins import TITLES
from fewray.data.dicom.names import identifies
from fewray.data.layout.not_classes import not_classes
from fewray.data.manifest import Manifest
from fewray.errors import InputError

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
    raise _patients(root, len(patients))


def check_folder_names(
    scan: DicomFiles, folders: Mapping[Path, Sequence[Path]], root: Path
) -> None:
    """Raise InputError ``not_classes`` if all class folders are named after patients.

    ``folders`` are the class folders with their files. Each holds DICOM files of one patient, whose
    headers say what the folder is called.
    """
    for folder, files in folders.items():
        found = [path for path in files if path in scan.headers]
        own = scan.mask.own
        named = all(identifies(folder.name, own[path], own[path]) for path in found)
        if not found or not named or len({scan.headers[path].patient for path in found}) > 1:
            return
    if len(folders) > 1:
        raise _patients(root, len(folders), scan.mask.shown)


def _patients(
    root: Path, count: int, shown: Callable[[Path], Path] = lambda path: path
) -> InputError:
    tables, root = [shown(path) for path in sorted(root.iterdir())], shown(root)
    what = (
        f"each of the {count} folders holds the DICOM images of one patient, so they are no "
        f"classes. Give a table with columns label and {TITLES} instead of the folder: "
        f"--data {root / 'TABLE.csv'}, or dicom:{root},labels=TABLE.csv if it is elsewhere"
    )
    return not_classes(root, what, "patients", tables)
