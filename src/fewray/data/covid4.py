"""The real data set covid4: downloaded at a pinned version, or copied, and verified."""

from __future__ import annotations

import csv
import hashlib
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from fewray.data.manifest import CONFOUNDED, DataWarning, Manifest, Row
from fewray.data.skipped_files import files_below, listed
from fewray.errors import InputError, RunFailed
from fewray.imaging.decode import has_image_name
from fewray.storage.files import sha256_of

COMMIT = "14ddbe22787f6bcf890ceb916574178fd8b9b885"
URL = f"https://github.com/mdshopon/COVID19_Classification/archive/{COMMIT}.zip"
FOLDER = "data_four_class"
OTHER_BLOBS = {
    "train/covid/covid-19-pneumonia-14-PA.png": "4f594f4fa9377c4ac9710b465b99687f084528bb"
}
"""Git blobs accepted beside the published ones: the same image in another PNG encoding."""
NAMED = 5
Progress = Callable[[int, int], None]
"""Called with the bytes downloaded so far and the total (0 if the server does not say)."""
DISPLAY_NAMES = {
    "covid": "COVID-19",
    "pneumonia_bac": "bacterial pneumonia",
    "pneumonia_vir": "viral pneumonia",
}
WARNING = DataWarning(
    CONFOUNDED, "COVID-19 images are of adults, whereas all others are of children at one hospital."
)


def published_rows() -> list[dict[str, str]]:
    """Return the published rows: path, split, label, group, width, height, mode, hashes."""
    with (files("fewray.data") / "covid4.csv").open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def data_folder(name: str) -> Path:
    """Return the folder of a data set, below ``FEWRAY_DATA`` or the user's data folder."""
    from platformdirs import user_data_path

    base = os.environ.get("FEWRAY_DATA")
    return (Path(base) if base else user_data_path("fewray")) / name


def load_covid4() -> Manifest:
    """Return the 306 rows of covid4, every file verified.

    They are read from ``FEWRAY_COVID4`` or the user's data folder. Raises InputError if the set is
    absent, or if files are missing or differ.
    """
    named = os.environ.get("FEWRAY_COVID4")
    folder = Path(named) if named else data_folder("covid4")
    where = f"FEWRAY_COVID4={folder}" if named else str(folder)
    remedy = f"{'unset FEWRAY_COVID4 and ' if named else ''}run `fewray data fetch covid4`"
    if not (folder / "train").is_dir():
        text = f"covid4: not found in {where}; {remedy} (or with --from DIR)"
        raise InputError("covid4_not_found", text, folder=str(folder))
    found, faults = _find(folder)
    if faults:
        raise _differs(f"covid4 in {where}", faults, remedy)
    return _manifest(found)


def fetch_dataset(
    name: str, source: Path | None = None, *, progress: Progress | None = None
) -> Manifest:
    """Bring a data set to the user's data folder, from the network or ``source``; verify it.

    Files are recognised by content, so ``source`` may use other names or hold more files. A
    complete set is left alone. Raises InputError that lists missing and differing files; nothing
    half-written stays behind.
    """
    if name != "covid4":
        raise InputError(
            "unknown_dataset",
            f"data fetch {name}: not a data set to fetch. Only covid4 is.",
            name=name,
        )
    if source is not None and not source.is_dir():
        raise InputError(
            "folder_not_found",
            f"--from {source}: not found; expected a folder with train/ and test/",
        )
    target = data_folder(name)
    if target.is_dir() and (source is None or not _find(source)[1]):
        found, faults = _find(target)
        if not faults:
            return _manifest(found)
        if unexpected := _unexpected_files(target):
            raise InputError(
                "unexpected_files",
                f"{target}: other files, such as {unexpected[0]}, would be lost; move them",
                files=unexpected,
            )
    if source is not None:
        return _install(source, target, f"--from {source}")
    with tempfile.TemporaryDirectory() as scratch:
        return _install(_download(Path(scratch), progress), target, "the download")


def _download(scratch: Path, progress: Progress | None) -> Path:
    """Download and unpack the archive; every file of it is verified later."""
    import pooch

    pooch.get_logger().setLevel("WARNING")
    bar = _Bar(progress) if progress else False
    try:
        archive = pooch.retrieve(
            URL,
            known_hash=None,
            path=scratch,
            fname="covid4.zip",
            downloader=pooch.HTTPDownloader(
                progressbar=bar,  # pyright: ignore[reportArgumentType]
                chunk_size=1 << 18,
            ),
        )
        with zipfile.ZipFile(archive) as packed:
            members = [name for name in packed.namelist() if name.split("/")[1:2] == [FOLDER]]
            packed.extractall(scratch, members)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise _download_failed(f"cannot be downloaded ({_reason(error)})") from error
    found = next(scratch.glob(f"*/{FOLDER}"), None)
    if found is None:
        raise _download_failed(f"the archive has no folder {FOLDER}")
    return found


def _download_failed(what: str) -> RunFailed:
    return RunFailed("download_failed", f"{URL}: {what}; get a copy and use --from DIR")


def _reason(error: BaseException) -> str:
    """Return in a few words why a download failed; for network errors, the innermost cause."""
    import requests

    if isinstance(error, requests.Timeout):
        return "the server timed out"
    if isinstance(error, requests.ConnectionError):
        cause: BaseException | None = error
        while cause is not None:  # requests and urllib3 wrap the operating system's error
            if isinstance(cause, OSError) and cause.strerror:
                return f"no connection: {cause.strerror}"
            cause = cause.__cause__ or cause.__context__
        return "no connection to the server"
    return " ".join(str(error).split()) or type(error).__name__


class _Bar:
    """The progress bar that pooch expects; it calls ``progress``."""

    def __init__(self, progress: Progress) -> None:
        self.progress, self.total, self.done = progress, 0, 0

    def update(self, count: int) -> None:
        self.done += count
        self.progress(min(self.done, self.total) if self.total else self.done, self.total)

    def reset(self) -> None:
        self.done = 0

    def close(self) -> None:
        pass


def _install(source: Path, target: Path, called: str) -> Manifest:
    found, faults = _find(source)
    if faults:
        raise _differs(called, faults, "fetch the pinned version or repair the copy")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as scratch:
            staged = Path(scratch) / target.name
            for row in published_rows():
                copy = staged / row["path"]
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(found[row["path"]], copy)
            if faults := _find(staged)[1]:
                text = f"{staged}: damaged by copying ({listed(faults, NAMED)}); check the disk"
                raise RunFailed("copy_damaged", text, faults=faults)
            if target.exists():
                target.rename(Path(scratch) / "before")
            staged.rename(target)
    except OSError as error:
        text = f"{target}: cannot be written ({error.strerror}); free the disk or set FEWRAY_DATA"
        raise RunFailed("not_writable", text) from error
    return _manifest({row["path"]: target / row["path"] for row in published_rows()})


def _unexpected_files(target: Path) -> list[str]:
    """Return the visible files in ``target`` whose names are not in the data set."""
    names = {row["path"] for row in published_rows()}
    found = sorted(path.relative_to(target).as_posix() for path in files_below(target))
    return [name for name in found if name not in names]


def _find(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """Return the file of each published path, and a text for each that is missing or differs.

    A file is searched under its own name first, then by content under any other name.
    """
    rows = published_rows()
    found = {
        row["path"]: folder / row["path"] for row in rows if _matches(folder / row["path"], row)
    }
    missing = [row for row in rows if row["path"] not in found]
    if missing:
        used = set(found.values())
        others = {
            _git_blob(path): path
            for path in sorted(folder.rglob("*"))
            if has_image_name(path) and path not in used and path.is_file()
        }
        found |= {
            row["path"]: others[blob] for row in missing for blob in _blobs(row) if blob in others
        }
    faults = [
        f"{row['path']} differs (expected sha256 {row['sha256'][:12]}...)"
        if (folder / row["path"]).is_file()
        else f"{row['path']} is missing"
        for row in missing
        if row["path"] not in found
    ]
    return found, faults


def _matches(path: Path, row: dict[str, str]) -> bool:
    try:
        same = path.is_file() and sha256_of(path) == row["sha256"]
        return same or (path.is_file() and _git_blob(path) in _blobs(row))
    except OSError:
        return False


def _differs(where: str, faults: list[str], remedy: str) -> InputError:
    count = f"{len(faults)} of {len(published_rows())} files are missing or differ"
    text = f"{where}: {count}: {listed(faults, NAMED)}; {remedy}"
    return InputError("covid4_differs", text, faults=faults)


def _blobs(row: dict[str, str]) -> list[str]:
    return [row["git_blob"], *filter(None, [OTHER_BLOBS.get(row["path"])])]


def _git_blob(path: Path) -> str:
    """Return git's blob hash of a file."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _manifest(found: dict[str, Path]) -> Manifest:
    """Return the manifest; a file in the other encoding keeps the published hash."""
    rows = tuple(
        Row(
            path=found[row["path"]],
            label=row["label"],
            split=row["split"],
            group=row["group"],
            sha256=row["sha256"],
        )
        for row in sorted(published_rows(), key=lambda row: (row["split"] != "train", row["path"]))
    )
    classes = tuple(sorted({row.label for row in rows}))
    return Manifest(
        name="covid4", classes=classes, rows=rows, warnings=(WARNING,), display_names=DISPLAY_NAMES
    )
