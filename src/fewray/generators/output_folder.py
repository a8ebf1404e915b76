"""A folder of generated images that is whole or as it was: new images wait in a hidden folder until all are there."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fewray.data.manifest import MANIFEST, SOURCES, Manifest
from fewray.data.skipped_files import files_below, is_image
from fewray.errors import InputError
from fewray.storage.files import read_json, write_json

WAITING = ".unfinished"
"""Folder of the images of a call that is not done; hidden, so that no loader reads it."""


def classes_before(out: Path) -> tuple[str, ...]:
    """Return the classes that ``generators.json`` in ``out`` names; none where there is no such file.

    InputError when it is no JSON object of classes.
    """
    path = out / SOURCES
    if not path.exists():
        return ()
    said = read_json(path)
    if not isinstance(said, dict) or not all(_is_class(label) for label in said):
        raise InputError(
            f"{path}: {said!r:.60}; classes and their generators are wanted; choose another --out"
        )
    return tuple(said)


def check_own(out: Path, labels: Iterable[str]) -> None:
    """Make sure that no file of somebody else's would be replaced, removed or hidden in ``out``; InputError names it.

    The manifest that is to be written is read instead of the folders beside it: images there would be seen no more. Where
    ``generators.json`` is, the classes it names are ours, and images that lie loose in ``out`` hide behind nothing.
    """
    before, ours = classes_before(out), (out / SOURCES).exists()
    tables = (
        []
        if ours
        else sorted(path.name for path in out.glob("[!.]*") if path.suffix.lower() == ".csv")
    )
    if tables:
        raise InputError(
            f"{out}: holds a {tables[0]} that `fewray generate` did not write; choose another --out"
        )
    for label in labels:
        if label not in before and (found := _images(out / label)):
            raise InputError(
                f"{out}: {len(found)} images of class {label} that no {SOURCES} names, first {found[0].name}; remove them "
                "or choose another --out"
            )
    films = [path.relative_to(out) for path in files_below(out) if is_image(path)]
    if unexpected := [
        film for film in films if film.parts[0] not in before and (len(film.parts) > 1 or not ours)
    ]:
        raise InputError(
            f"{out}: holds {len(unexpected)} images that `fewray generate` did not make, first {unexpected[0].as_posix()}; "
            "choose another --out"
        )


@contextmanager
def waiting_folder(out: Path) -> Iterator[Path]:
    """Yield an empty folder in ``out`` for images that are not all there; it goes at the end, whatever the end is.

    What a killed call left in it goes first.
    """
    folder = out / WAITING
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(exist_ok=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(folder: Path, out: Path, manifest: Manifest, sources: Mapping[str, Any]) -> None:
    """Put the images of ``manifest`` from ``folder/<class>`` where it says, and all other images of ``out`` away.

    ``generators.json`` comes first and names every class, old and new, so that the next call finds what a kill in here
    leaves; the manifest goes first and comes last. An error or Ctrl-C in here leaves no images.
    """
    before = read_json(out / SOURCES) if (out / SOURCES).exists() else {}
    for label in manifest.classes:
        (out / label).mkdir(exist_ok=True)
    labels = {*manifest.classes, *before}
    write_json(out / SOURCES, {**before, **sources})
    (out / MANIFEST).unlink(missing_ok=True)
    try:
        _remove_images(out, labels)
        for row in manifest.rows:
            row.path.parent.mkdir(exist_ok=True)
            (folder / row.label / row.path.name).replace(row.path)
        write_json(out / SOURCES, sources)
        manifest.to_csv(out / MANIFEST)
    except BaseException:
        _remove_images(out, labels)
        raise


def _remove_images(out: Path, labels: Iterable[str]) -> None:
    """Remove the images of our naming, and class folders that hold nothing then; files of other names stay."""
    for label in labels:
        for path in _images(out / label):
            path.unlink(missing_ok=True)
        if (out / label).is_dir() and not any((out / label).iterdir()):
            (out / label).rmdir()


def _images(folder: Path) -> list[Path]:
    """Return the files ``seedNNNNNN.png`` of a class folder."""
    return sorted(
        path for path in folder.glob("seed*.png") if path.stem.removeprefix("seed").isdecimal()
    )


def _is_class(label: str) -> bool:
    return not label.startswith(".") and Path(label).name == label
