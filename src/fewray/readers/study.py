"""A reader study's folder: create it, open it, and hand out what readers may see."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import msgspec
import numpy as np

from fewray.config import ReaderStudyOptions
from fewray.data.images import ImageSource
from fewray.data.layout.image_names import image_names
from fewray.data.manifest import PATIENTS, Manifest
from fewray.errors import InputError
from fewray.readers.design import Drawn, draw_images, shared_classes, split_evenly
from fewray.readers.invitations import ANSWERS, read_readers
from fewray.readers.pictures import png
from fewray.results.readers.study import Item, Reader, ReaderStudyFile
from fewray.results.scores import StudyWarning
from fewray.storage.files import locked, write_bytes

STUDY, IMAGES = "reader-study.json", "images"


@dataclass(frozen=True)
class ReaderStudy:
    """An opened study. ``file`` holds the truth: never send it, or an Item of it, to a reader."""

    folder: Path
    file: ReaderStudyFile

    @cached_property
    def options(self) -> ReaderStudyOptions:
        """The options of the study."""
        return ReaderStudyOptions.from_json(self.file.options)

    @cached_property
    def item_of(self) -> dict[str, Item]:
        """The image behind every showing, by the showing's id."""
        shown = {item.id: item for item in self.file.items}
        return shown | {item.again: item for item in self.file.items if item.again}

    @property
    def readers(self) -> tuple[Reader, ...]:
        """The readers invited so far."""
        return read_readers(self.folder)

    def answers_folder(self, reader: str) -> Path:
        """Return the folder of a reader's answers."""
        return self.folder / ANSWERS / reader

    def picture(self, showing: str) -> Path:
        """Return the PNG file of a showing; InputError ``unknown_showing``.

        Both showings of an image give the same file. Check the reader's token first.
        """
        item = self.item_of.get(showing)
        if item is None:
            message = f"showing {showing}: not an image of this study"
            raise InputError("unknown_showing", message, showing=showing)
        path = self.folder / IMAGES / f"{item.id}.png"
        if not path.resolve().is_relative_to(self.folder.resolve()):
            message = f"{path}: this picture lies outside the folder of the study"
            raise InputError("foreign_files", message, path=path)
        return path


def create_study(
    folder: Path,
    real: Manifest,
    synthetic: Mapping[str, Manifest],
    options: ReaderStudyOptions,
    *,
    name: str = "",
) -> ReaderStudy:
    """Draw the images, write ``folder`` and return the study. ``synthetic``: by generator's name.

    Real and synthetic images pass through the same decoding, scaling and PNG encoding, so that
    neither size nor format nor file times give them away. InputError ``study_exists`` if the folder
    has a study, ``too_few_images`` and others as for :func:`fewray.readers.design.draw_images`.
    """
    if not synthetic:
        raise InputError("no_generator", "--synthetic: give at least one folder of images")
    _check_new(folder)
    options = options if options.fit else options.with_(fit="pad")
    classes = shared_classes(real, synthetic, options.classes)
    names = {k: v for k, v in real.display_names.items() if k in classes}
    drawn = draw_images(real, synthetic, classes, options)
    sources = {None: real, **synthetic}
    shown = {generator: image_names(rows) for generator, rows in sources.items()}
    pictures = _pictures(drawn, real, synthetic, options)
    order = np.random.default_rng(secrets.randbits(64)).permutation(len(drawn))
    items = []
    with locked(folder):
        _check_new(folder)  # drawing took a while: a second click may have made one
        for i in order.tolist():
            each = drawn[i]
            item = Item(
                id=secrets.token_urlsafe(12),
                again=secrets.token_urlsafe(12) if each.twice else None,
                kind=each.kind,
                label=each.row.label,
                generator=each.generator,
                practice=each.practice,
                source=shown[each.generator][each.index],
                sha256=each.row.sha256,
                picture_sha256=hashlib.sha256(pictures[i]).hexdigest(),
            )
            write_bytes(folder / IMAGES / f"{item.id}.png", pictures[i])
            items.append(item)
        file = ReaderStudyFile(
            name=name or folder.name,
            options=options.to_json(),
            classes=classes,
            display_names=names,
            generators=tuple(synthetic),
            real=real.name,
            phantom=any(each.row.origin == "phantom" for each in drawn),
            items=tuple(items),
            warnings=(*_unequal(classes, names, options), *_warnings(real, items)),
        )
        content = msgspec.json.encode(file)
        write_bytes(folder / STUDY, msgspec.json.format(content, indent=1) + b"\n")
    return ReaderStudy(folder, file)


def _check_new(folder: Path) -> None:
    if (folder / STUDY).exists():
        message = f"{folder}: has a reader study already; choose another folder"
        raise InputError("study_exists", message, folder=folder)


def open_study(folder: Path) -> ReaderStudy:
    """Return the study in ``folder``.

    InputError ``reader_study_not_found``, or ``reader_study_damaged`` with the file and the place.
    """
    path = folder / STUDY
    try:
        file = msgspec.json.decode(path.read_bytes(), type=ReaderStudyFile)
        msgspec.convert(file.options, ReaderStudyOptions)
        return ReaderStudy(folder, file)
    except (FileNotFoundError, NotADirectoryError):
        message = f"{path}: not found. Give a folder made by `fewray readers new`."
        raise InputError("reader_study_not_found", message, path=path) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        message = f"{path}: {error}. Restore the file from a backup."
        raise InputError("reader_study_damaged", message, path=path) from None


def _pictures(
    drawn: list[Drawn],
    real: Manifest,
    synthetic: Mapping[str, Manifest],
    options: ReaderStudyOptions,
) -> dict[int, bytes]:
    """Return the PNG of every drawn image by its position."""
    found = {}
    for generator, rows in {None: real, **synthetic}.items():
        where = [i for i, each in enumerate(drawn) if each.generator == generator]
        taken = tuple(rows.rows[drawn[i].index] for i in where)
        source = ImageSource(replace(rows, rows=taken))
        images = source.at(options.image_size, options.fit or "pad")
        found |= {i: png(image[0]) for i, image in zip(where, images, strict=True)}
    return found


def _unequal(
    classes: Sequence[str], names: Mapping[str, str], options: ReaderStudyOptions
) -> list[StudyWarning]:
    """Return a warning for each number of images that does not divide evenly over the classes."""
    found = []
    for kind, number in (("real", options.num_real), ("synthetic", options.num_synthetic)):
        if number % len(classes):
            counts = split_evenly(number, classes)
            listed = ", ".join(f"{n} {names.get(label, label)}" for label, n in counts.items())
            each = " of each generator" if kind == "synthetic" else ""
            text = (
                f"classes are not equal among the {number} {kind} images{each}: {listed}. Equal "
                f"classes need a multiple of {len(classes)}"
            )
            found.append(StudyWarning(code=f"unequal_{kind}_classes", text=text))
    return found


def _warnings(real: Manifest, items: list[Item]) -> list[StudyWarning]:
    found = []
    if any(warning.code == PATIENTS for warning in real.warnings):
        text = "patients are unknown: several real images may show the same patient"
        found.append(StudyWarning(code=PATIENTS, text=text))
    seen: dict[str, str] = {}
    for item in items:
        name = f"{item.generator or 'real'}: {item.source}"
        if seen.setdefault(item.picture_sha256, name) != name:
            text = f"{name} and {seen[item.picture_sha256]} look identical"
            found.append(StudyWarning(code="identical_pictures", text=text))
    return found
