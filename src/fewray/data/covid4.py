"""The real data set covid4: fetched at its pinned version, or copied, and verified file by file."""

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
from fewray.data.skipped_files import files_below
from fewray.errors import InputError, RunFailed
from fewray.imaging.decode import SUFFIXES
from fewray.storage.files import sha256_of

COMMIT = "14ddbe22787f6bcf890ceb916574178fd8b9b885"
URL = f"https://github.com/mdshopon/COVID19_Classification/archive/{COMMIT}.zip"
FOLDER = "data_four_class"
OTHER_BLOBS = {
    "train/covid/covid-19-pneumonia-14-PA.png": "4f594f4fa9377c4ac9710b465b99687f084528bb"
}
"""git blobs accepted beside the manifest's: the same picture in another PNG encoding."""
NAMED = 5
Progress = Callable[[int, int], None]
"""Called with the bytes downloaded so far and those to come in all (0: the server does not say)."""
WARNINGS = (
    DataWarning("COVID images are of adults, all others of children at one hospital.", CONFOUNDED),
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
    """Return covid4's 306 rows from ``FEWRAY_COVID4`` or the user's data folder, every file verified.

    InputError says what to do when the set is not there, and names files that are missing or differ.
    """
    named = os.environ.get("FEWRAY_COVID4")
    folder = Path(named) if named else data_folder("covid4")
    where, undo = (
        (f"FEWRAY_COVID4={folder}", "unset FEWRAY_COVID4 and ") if named else (str(folder), "")
    )
    if not (folder / "train").is_dir():
        raise InputError(
            f"covid4: not found in {where}; {undo}run `fewray data fetch covid4` (or with --from DIR)"
        )
    found, faults = _find(folder)
    if faults:
        raise InputError(
            f"{_sentence(f'covid4 in {where}', faults)}; {undo}run `fewray data fetch covid4`"
        )
    return _manifest(found)


def fetch_dataset(
    name: str, source: Path | None = None, *, progress: Progress | None = None
) -> Manifest:
    """Bring the set ``name`` to the user's data folder, from the network or from ``source``, verifying every file.

    Files are known by their content, so ``source`` may have other names or more files than the set. A set that is there
    and whole is left alone. InputError names missing and differing files; nothing half-written stays behind.
    """
    if name != "covid4":
        raise InputError(
            f"data fetch {name}: no such data set; covid4 can be fetched, phantom is drawn when used"
        )
    if source is not None and not source.is_dir():
        raise InputError(f"--from {source}: no such folder; one with train/ and test/ is wanted")
    target = data_folder(name)
    if target.is_dir() and (source is None or not _find(source)[1]):
        found, faults = _find(target)
        if not faults:
            return _manifest(found)
        if unexpected := _strangers(target):
            raise InputError(
                f"{target}: holds {len(unexpected)} files that are not covid4's, first {unexpected[0]}, which would be lost; "
                "move them elsewhere"
            )
    if source is not None:
        return _install(source, target, f"--from {source}")
    with tempfile.TemporaryDirectory() as scratch:
        return _install(_download(Path(scratch), progress), target, "the download")


def _download(scratch: Path, progress: Progress | None) -> Path:
    """Download and unpack upstream's archive; every file is verified later, so the archive itself need not be."""
    import pooch

    pooch.get_logger().setLevel("WARNING")
    bar = _Bar(progress) if progress else False
    try:
        archive = pooch.retrieve(
            URL,
            known_hash=None,
            path=scratch,
            fname="covid4.zip",
            downloader=pooch.HTTPDownloader(progressbar=bar, chunk_size=1 << 18),  # pyright: ignore[reportArgumentType]
        )
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(
                scratch, [name for name in packed.namelist() if name.split("/")[1:2] == [FOLDER]]
            )
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise RunFailed(
            f"{URL}: cannot be downloaded ({_reason(error)}); get a copy and use --from DIR"
        ) from error
    found = next(scratch.glob(f"*/{FOLDER}"), None)
    if found is None:
        raise RunFailed(f"{URL}: holds no folder {FOLDER}; get a copy and use --from DIR")
    return found


def _reason(error: BaseException) -> str:
    """Return in a few words why a download failed: of network errors the innermost, without the addresses of objects."""
    import requests

    if isinstance(error, requests.Timeout):
        return "the server did not answer in time"
    if isinstance(error, requests.ConnectionError):
        cause: BaseException | None = error
        while cause is not None:  # requests and urllib3 wrap the one of the operating system
            if isinstance(cause, OSError) and cause.strerror:
                return f"no connection: {cause.strerror}"
            cause = cause.__cause__ or cause.__context__
        return "no connection to the server"
    return " ".join(str(error).split()) or type(error).__name__


class _Bar:
    """What pooch wants of a progress bar, handed on as calls of ``progress``."""

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
        raise InputError(f"{_sentence(called, faults)}; fetch the pinned version or mend the copy")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as scratch:
            staged = Path(scratch) / target.name
            for row in known():
                copy = staged / row["path"]
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(found[row["path"]], copy)
            if faults := _find(staged)[1]:
                raise RunFailed(f"{_sentence(f'the copy in {staged}', faults)}; is the disk sound?")
            if target.exists():
                target.rename(Path(scratch) / "before")
            staged.rename(target)
    except OSError as error:
        raise RunFailed(
            f"{target}: cannot be written ({error.strerror}); free the disk or set FEWRAY_DATA"
        ) from error
    return _manifest({row["path"]: target / row["path"] for row in known()})


def _strangers(target: Path) -> list[str]:
    """Return the visible files in ``target`` that have no name of the set's."""
    names = {row["path"] for row in known()}
    found = sorted(path.relative_to(target).as_posix() for path in files_below(target))
    return [name for name in found if name not in names]


def _find(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """Return the file of each known path that is in ``folder``, and a sentence for each that is not.

    A file is looked for under its own name first, then, by its bytes, under any other.
    """
    found = {row["path"]: folder / row["path"] for row in known() if _is(folder / row["path"], row)}
    lost = [row for row in known() if row["path"] not in found]
    if lost:
        used = set(found.values())
        others = {
            _blob(path): path
            for path in sorted(folder.rglob("*"))
            if path.suffix.lower() in SUFFIXES and path not in used and path.is_file()
        }
        found |= {
            row["path"]: others[blob] for row in lost for blob in _blobs(row) if blob in others
        }
    faults = [
        f"{row['path']} differs (wanted sha256 {row['sha256'][:12]}...)"
        if (folder / row["path"]).is_file()
        else f"{row['path']} is missing"
        for row in lost
        if row["path"] not in found
    ]
    return found, faults


def _is(path: Path, row: dict[str, str]) -> bool:
    try:
        return path.is_file() and (sha256_of(path) == row["sha256"] or _blob(path) in _blobs(row))
    except OSError:
        return False


def _sentence(where: str, faults: list[str]) -> str:
    more = f" and {len(faults) - NAMED} more" if len(faults) > NAMED else ""
    return f"{where}: {len(faults)} of {len(known())} files are not those of covid4: {', '.join(faults[:NAMED])}{more}"


def _blobs(row: dict[str, str]) -> list[str]:
    return [row["git_blob"], *filter(None, [OTHER_BLOBS.get(row["path"])])]


def _blob(path: Path) -> str:
    """Return git's blob hash of a file."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _manifest(found: dict[str, Path]) -> Manifest:
    """Return the manifest; a file in the other encoding keeps the published hash, since it is the same picture."""
    rows = tuple(
        Row(
            path=found[row["path"]],
            label=row["label"],
            split=row["split"],
            group=row["group"],
            sha256=row["sha256"],
        )
        for row in sorted(known(), key=lambda row: (row["split"] != "train", row["path"]))
    )
    classes = tuple(sorted({row.label for row in rows}))
    return Manifest(name="covid4", classes=classes, rows=rows, notes={"warnings": list(WARNINGS)})
