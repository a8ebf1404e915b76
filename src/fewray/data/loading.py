"""Load the data set that an option names: a known set, a folder, or a CSV file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from fewray.config import AS_IT_IS, ReadOptions
from fewray.data.dicom.classes import check_classes
from fewray.data.dicom.files import ALL, DIRECTORY, DicomOptions
from fewray.data.findings import with_labels
from fewray.data.manifest import MANIFEST, DataWarning, Manifest
from fewray.data.patients import patient_pattern
from fewray.data.readable import readable_rows
from fewray.data.releases import npz
from fewray.data.releases.layout.collect import Request
from fewray.data.releases.registry import is_release, known_releases, load_release, place_of
from fewray.errors import InputError

EXPECTED = (
    "expected phantom, covid4, a folder with one subfolder per class, a table (.csv, .tsv, .txt, "
    ".xlsx), arrays (.npz), dicom:FOLDER,labels=TABLE, or a public release (`fewray data list`)"
)
LABELS = ",labels="


def load_dataset(
    source: str | Path,
    *,
    group_regex: str | None = None,
    strict: bool = True,
    option: str = "--data",
    dicom: DicomOptions = ALL,
    views: Sequence[str] = (),
    read: ReadOptions = AS_IT_IS,
) -> Manifest:
    """Return the rows of ``phantom[:key=value,...]``, ``covid4``, a folder, or a table.

    ``NAME:DIR`` is a public release (:mod:`fewray.data.releases`).

    A folder with a ``manifest.csv`` is read from that file. ``group_regex`` finds the patient in a
    file name (its first group in parentheses). ``strict=False`` accepts what only an audit may see:
    unreadable files, and files in two classes. ``option`` is named in errors. ``read`` names
    the labels to compare, the columns of a table and the images to use; ``views`` are short for
    its ``views``. Raises InputError.
    """
    text = str(source)
    if not text.strip():
        raise InputError("data_source", f"{option} is empty, as from an unset variable; {EXPECTED}")
    patient_pattern(group_regex)  # an invalid one is an error for every source
    if views:
        read = replace(read, views=views)
    dicom = replace(dicom, views=tuple(read.views)) if read.views else dicom
    if read.views and text.partition(":")[0] in ("phantom", "covid4") and not Path(text).exists():
        message = f"--view {','.join(read.views)}: {text} holds no DICOM images"
        raise InputError("view_unused", message, views=[*read.views])
    found = _load(
        source,
        group_regex=group_regex,
        strict=strict and not read.skip_unreadable,
        strict_labels=strict,
        option=option,
        dicom=dicom,
        read=read,
    )
    found = readable_rows(found) if read.skip_unreadable else found
    return replace(found, source=_recorded(text), read=read)


def _load(
    source: str | Path,
    *,
    group_regex: str | None,
    strict: bool,
    strict_labels: bool,
    option: str,
    dicom: DicomOptions,
    read: ReadOptions,
) -> Manifest:
    from fewray.data import tables
    from fewray.data.folders import load_folder

    load_csv = partial(
        tables.load_csv,
        group_regex=group_regex,
        strict=strict,
        strict_labels=strict_labels,
        dicom=dicom,
        read=read,
    )
    text = str(source)
    name, _, specification = text.partition(":")
    if name == "phantom" and not Path(text).exists():
        from fewray.data.phantom.cohort import load_phantom

        return with_labels(load_phantom(_pairs(specification)), read)
    if text == "covid4" and not Path(text).exists():
        from fewray.data.covid4 import load_covid4

        return with_labels(load_covid4(), read)
    request = Request(source=text, read=read, dicom=dicom, group_regex=group_regex, strict=strict)
    if is_release(text) and not Path(text).exists():
        return load_release(request, option)
    if Path(text).suffix.lower() == npz.SUFFIX and Path(text).is_file():
        return npz.load_npz(request)
    if name == "dicom" and LABELS in specification and not Path(text).exists():
        folder, table = _folder_and_table(specification, option)
        return load_csv(table, images=folder)
    path = Path(specification if name == "dicom" and not Path(text).exists() else source)
    path = path.parent if path.name.lower() == DIRECTORY and path.is_file() else path
    if path.is_dir():
        if (path / MANIFEST).is_file():
            return load_csv(path / MANIFEST)
        found = load_folder(path, group_regex=group_regex, strict=strict, dicom=dicom)
        found = check_classes(found, path)
        return with_labels(found, read)
    if path.is_file() and path.suffix.lower() in tables.SUFFIXES:
        return load_csv(path)
    found = "neither a folder nor a table" if path.is_file() else "not found"
    raise InputError("data_source", f"{option} {text}: {found}; {EXPECTED}", source=text)


def _recorded(source: str) -> str:
    """Return ``source`` with absolute paths, so that it is found from another folder too."""
    if Path(source).exists():
        return str(Path(source).resolve())
    if is_release(source):
        return f"{source.partition(':')[0].lower()}:{place_of(source).resolve()}"
    if source.startswith("dicom:"):
        folder, labels, table = source.removeprefix("dicom:").rpartition(LABELS)
        return f"dicom:{Path(folder).resolve()}{labels}{Path(table).resolve()}"
    return source


def without_paths(source: str) -> str:
    """Return a manifest's ``source`` with DIR, TABLE or FILE in place of paths.

    What outputs show: paths may name patients, and differ between computers.
    """
    if Path(source).is_absolute():
        return "TABLE" if Path(source).is_file() else "DIR"
    if is_release(source):
        return f"{source.partition(':')[0]}:{'FILE' if place_of(source).is_file() else 'DIR'}"
    if source.startswith("dicom:"):
        return f"dicom:DIR{LABELS}TABLE" if LABELS in source else "dicom:DIR"
    return source


def _folder_and_table(text: str, option: str) -> tuple[Path, Path]:
    """Return the folder of DICOM files, and the table that labels them, in ``FOLDER,labels=TABLE``.

    Raises InputError ``data_source`` if one is not there.
    """
    folder, _, table = (Path(each) for each in text.rpartition(LABELS))
    folder = folder.parent if folder.name.lower() == DIRECTORY and folder.is_file() else folder
    for found, kind in ((folder.is_dir(), folder), (table.is_file(), table)):
        if not found:
            message = f"{option} dicom:{text}: {kind} not found; {EXPECTED}"
            raise InputError("data_source", message, source=str(kind))
    return folder, table


def load_external(
    source: str | Path,
    *,
    group_regex: str | None = None,
    dicom: DicomOptions = ALL,
    like: Manifest | None = None,
    read: ReadOptions = AS_IT_IS,
) -> Manifest:
    """Return an external test set. ``group_regex`` is the one that finds the patients of the data.

    Patients of DICOM files are hashed with the key of ``like``, the data, so that a patient in both
    is found.
    If it matches no file name here, the patients stay unknown, and a warning says so.
    """
    if like is not None and like.dicom is not None:
        dicom = replace(dicom, key_file=Path(like.dicom.key_file))
    loaded = partial(load_dataset, option="--external", dicom=dicom, read=read)
    try:
        return loaded(source, group_regex=group_regex)
    except InputError as error:
        if error.code != "group_regex_no_match":
            raise
        warning = DataWarning(error.code, error.message)
    found = loaded(source)
    return replace(found, warnings=(*found.warnings, warning))


def known_datasets() -> list[dict[str, str]]:
    """Return the known data sets: ``name``, ``here`` (its place, or empty), ``what``, ``keys``.

    ``keys`` are the options that may follow the name, with their defaults. Public releases also
    have ``source`` (how to name them), ``licence`` and ``address``.
    """
    from fewray.data.covid4 import load_covid4
    from fewray.data.phantom.options import PhantomOptions

    try:
        here = str(load_covid4().rows[0].path.parents[2])
    except InputError:
        here = ""
    keys = ", ".join(
        f"{key}={'/'.join(map(str, value)) if isinstance(value, tuple) else value}"
        for key, value in vars(PhantomOptions()).items()
    )
    return [
        {
            "name": "phantom",
            "here": "drawn when used",
            "what": "computer-generated chest images in the four classes of covid4",
            "keys": keys,
        },
        {
            "name": "covid4",
            "here": here,
            "what": "306 chest X-rays in 4 classes (270 train, 36 test) from different sources",
            "keys": "",
        },
        *({**each, "here": "", "keys": ""} for each in known_releases()),
    ]


def _pairs(text: str) -> dict[str, str]:
    pairs = {}
    for part in filter(None, text.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            raise InputError("phantom_option", f"phantom option {part!r}: expected key=value")
        pairs[key.strip()] = value.strip()
    return pairs
