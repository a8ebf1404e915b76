"""The real data set covid4: fetched at its pinned version, or copied, and verified file by file."""

from __future__ import annotations

import csv
import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from fewray.data.manifest import Manifest, Row, sha256_of
from fewray.errors import InputError, RunFailed

COMMIT = "14ddbe22787f6bcf890ceb916574178fd8b9b885"
URL = f"https://github.com/mdshopon/COVID19_Classification/archive/{COMMIT}.zip"
FOLDER = "data_four_class"
OTHER_BLOBS = {"train/covid/covid-19-pneumonia-14-PA.png": "4f594f4fa9377c4ac9710b465b99687f084528bb"}
"""git blobs accepted beside the manifest's: the same picture in another PNG encoding."""
NAMED = 5
WARNINGS = (
    "covid4: class is confounded with source and age (covid: adults, from publications; the rest: children, from one "
    "hospital); a classifier can tell covid without looking at the lungs",
)


def known() -> list[dict[str, str]]:
    """Return the rows of covid4 as published: path, split, label, group, width, height, mode, sha256, git_blob."""
    with (files("fewray.data") / "covid4.csv").open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def data_folder(name: str) -> Path:
    """Return where the set called ``name`` is kept: below ``FEWRAY_DATA`` or the user's data folder."""
    from platformdirs import user_data_path

    base = os.environ.get("FEWRAY_DATA")
    return (Path(base) if base else user_data_path("fewray")) / name


def load_covid4() -> Manifest:
    """Return covid4's 306 rows from ``FEWRAY_COVID4`` or the user's data folder; InputError when it is not there."""
    named = os.environ.get("FEWRAY_COVID4")
    folder = Path(named) if named else data_folder("covid4")
    if not (folder / "train").is_dir():
        where = f"FEWRAY_COVID4={folder}" if named else str(folder)
        raise InputError(f"covid4: not found in {where}; run `fewray data fetch covid4` (or with --from DIR)")
    return _manifest(folder)


def fetch_dataset(name: str, source: Path | None = None) -> Manifest:
    """Bring the set ``name`` to the user's data folder, from the network or from ``source``, verifying every file.

    A set that is there and whole is left alone. InputError names missing and differing files; nothing half-written
    stays behind.
    """
    if name != "covid4":
        raise InputError(f"data fetch {name}: no such data set; covid4 can be fetched, phantom is drawn when used")
    target = data_folder(name)
    if target.is_dir() and not _faults(target):
        return _manifest(target)
    if source is not None:
        if not source.is_dir():
            raise InputError(f"--from {source}: no such folder; one with train/ and test/ is wanted")
        return _install(source, target, f"--from {source}")
    with tempfile.TemporaryDirectory() as scratch:
        return _install(_download(Path(scratch)), target, "the download")


def _download(scratch: Path) -> Path:
    import pooch

    try:
        archive = pooch.retrieve(URL, known_hash=None, path=scratch, fname="covid4.zip", progressbar=False)
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(scratch)
    except (
        OSError,
        ValueError,
        zipfile.BadZipFile,
    ) as error:  # every file is verified below, so the archive need not be
        raise RunFailed(f"{URL}: cannot be downloaded ({error}); get a copy and use --from DIR") from error
    found = next(scratch.glob(f"*/{FOLDER}"), None)
    if found is None:
        raise RunFailed(f"{URL}: holds no folder {FOLDER}; get a copy and use --from DIR")
    return found


def _install(source: Path, target: Path, called: str) -> Manifest:
    faults = _faults(source)
    if faults:
        more = f"; and {len(faults) - NAMED} more" if len(faults) > NAMED else ""
        raise InputError(
            f"{called}: {len(faults)} of {len(known())} files are not those of covid4: {'; '.join(faults[:NAMED])}{more}"
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as scratch:
            staged = Path(scratch) / target.name
            for row in known():
                copy = staged / row["path"]
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source / row["path"], copy)
            if target.exists():
                target.rename(Path(scratch) / "before")
            staged.rename(target)
    except OSError as error:
        raise RunFailed(f"{target}: cannot be written ({error.strerror}); free the disk or set FEWRAY_DATA") from error
    return _manifest(target)


def _faults(folder: Path) -> list[str]:
    return list(_each_fault(folder))


def _each_fault(folder: Path) -> Iterator[str]:
    for row in known():
        path = folder / row["path"]
        if not path.is_file():
            yield f"{row['path']} is missing"
        elif sha256_of(path) != row["sha256"] and _blob(path) not in (row["git_blob"], OTHER_BLOBS.get(row["path"])):
            yield f"{row['path']} differs (wanted sha256 {row['sha256'][:12]}...)"


def _blob(path: Path) -> str:
    """Return git's blob hash of a file."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _manifest(folder: Path) -> Manifest:
    rows = tuple(
        Row(path=folder / r["path"], label=r["label"], split=r["split"], group=r["group"], sha256=r["sha256"])
        for r in sorted(known(), key=lambda r: (r["split"] != "train", r["path"]))
    )
    classes = tuple(sorted({row.label for row in rows}))
    return Manifest(name="covid4", classes=classes, rows=rows, notes={"warnings": list(WARNINGS)})
