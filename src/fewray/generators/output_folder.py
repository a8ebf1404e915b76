"""A folder of generated images that is complete or unchanged."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from fewray.data.manifest import MANIFEST, SOURCES, Manifest
from fewray.data.skipped_files import files_below, is_image
from fewray.errors import InputError
from fewray.imaging.dicom.reading import SUFFIXES as DICOM_SUFFIXES
from fewray.results.training import GeneratorSource
from fewray.storage.files import write_bytes

WAITING = ".unfinished"
"""Folder of the images of an unfinished call; hidden, so that no loader reads it."""


def read_sources(folder: Path) -> dict[str, GeneratorSource]:
    """Return ``generators.json`` in ``folder``: the generator of each class; empty if absent.

    InputError if it is not what `fewray generate` writes.
    """
    path = folder / SOURCES
    if not path.exists():
        return {}
    try:
        found = msgspec.json.decode(path.read_bytes(), type=dict[str, GeneratorSource])
    except (OSError, msgspec.DecodeError) as error:
        message = f"{path}: not a record of generators ({error}). Generate the images again."
        raise InputError("sources_damaged", message, path=str(path)) from None
    if unsafe := [label for label in found if label.startswith(".") or Path(label).name != label]:
        message = f"{path}: {unsafe[0]!r} cannot be a class. Generate the images again."
        raise InputError("sources_damaged", message, path=str(path))
    return found


def check_own(out: Path, labels: Iterable[str]) -> None:
    """Raise InputError if ``out`` holds tables or images that `fewray generate` did not write.

    They would be replaced, or hidden by the manifest that is read instead of the folders. If
    ``generators.json`` is there, its classes are ours, and loose images in ``out`` stay visible.
    """

    def foreign(found: str, path: str) -> InputError:
        message = f"{out}: holds {found} that `fewray generate` did not write, first {path}."
        return InputError(
            "foreign_files", f"{message} Choose another --out.", folder=str(out), first=path
        )

    before, ours = read_sources(out), (out / SOURCES).exists()
    if not ours:
        tables = [path.name for path in out.glob("[!.]*") if path.suffix.lower() == ".csv"]
        if tables:
            raise foreign("a table", min(tables))
    for label in labels:
        if label not in before and (found := _images(out / label)):
            raise foreign(f"{len(found)} images of class {label}", f"{label}/{found[0].name}")
    images = [path.relative_to(out) for path in files_below(out) if _may_be_image(path)]
    unexpected = [
        image
        for image in images
        if image.parts[0] not in before and (len(image.parts) > 1 or not ours)
    ]
    if unexpected:
        raise foreign(f"{len(unexpected)} images", unexpected[0].as_posix())


@contextmanager
def waiting_folder(out: Path) -> Iterator[Path]:
    """Yield an empty folder in ``out`` for images of an unfinished call; remove it in the end."""
    folder = out / WAITING
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(exist_ok=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(
    folder: Path, out: Path, manifest: Manifest, sources: Mapping[str, GeneratorSource]
) -> None:
    """Move the images of ``manifest`` from ``folder/<class>`` to ``out``; remove all others there.

    ``generators.json`` is written first, with old and new classes, so that the next call finds what
    a kill leaves behind; the manifest is removed first and written last. An error or Ctrl-C leaves
    no images.
    """
    before = read_sources(out)
    for label in manifest.classes:
        (out / label).mkdir(exist_ok=True)
    labels = {*manifest.classes, *before}
    _write_sources(out, {**before, **sources})
    (out / MANIFEST).unlink(missing_ok=True)
    try:
        _remove_images(out, labels)
        for row in manifest.rows:
            row.path.parent.mkdir(exist_ok=True)
            (folder / row.label / row.path.name).replace(row.path)
        _write_sources(out, sources)
        manifest.to_csv(out / MANIFEST)
    except BaseException:
        _remove_images(out, labels)
        raise


def _write_sources(out: Path, sources: Mapping[str, GeneratorSource]) -> None:
    content = msgspec.json.format(msgspec.json.encode(sources), indent=1)
    write_bytes(out / SOURCES, content + b"\n")


def _remove_images(out: Path, labels: Iterable[str]) -> None:
    """Remove our images and empty class folders; files of other names stay."""
    for label in labels:
        for path in _images(out / label):
            path.unlink(missing_ok=True)
        if (out / label).is_dir() and not any((out / label).iterdir()):
            (out / label).rmdir()


def _may_be_image(path: Path) -> bool:
    return is_image(path) or path.suffix.lower() in DICOM_SUFFIXES


def _images(folder: Path) -> list[Path]:
    """Return the files ``seedNNNNNN.png`` and ``seedNNNNNN.dcm`` of a class folder."""
    found = [*folder.glob("seed*.png"), *folder.glob("seed*.dcm")]
    return sorted(path for path in found if path.stem.removeprefix("seed").isdecimal())
