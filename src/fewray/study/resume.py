"""Where a study resumes: what a folder already holds, and whether this study may continue in it.

A folder holds one protocol and, for cross-validation, one assignment of patients to folds, which
``fold_assignment.json`` pins. Finished jobs are found by their key (:mod:`fewray.storage.jobs`),
generators continue from their checkpoints.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NoReturn, TypeVar

import msgspec

from fewray.config import CrossvalOptions
from fewray.data.dicom.patient_key import VARIABLE
from fewray.data.manifest import Manifest
from fewray.errors import InputError
from fewray.results.files import STUDY
from fewray.storage.files import write_json

PIN = "fold_assignment.json"
SAME = "Give the same, or choose another --out."
_Kind = TypeVar("_Kind")


class FoldAssignment(msgspec.Struct, frozen=True, kw_only=True):
    """What decides the folds: options, and hashes of the images and of their patients.

    The number of repeats is not part of it: the folds of a repeat do not depend on the others.
    """

    seed: int
    folds: int
    keep_test: bool
    data: str
    images: str
    patients: str

    @classmethod
    def of(cls, manifest: Manifest, options: CrossvalOptions) -> FoldAssignment:
        """Return the assignment that a study of ``manifest`` uses."""
        images, patients = hashlib.sha256(), hashlib.sha256()
        for row in sorted(manifest.rows, key=lambda row: (row.sha256, row.label, row.group)):
            split = row.split if options.keep_test else ""
            images.update(f"{row.sha256}\t{row.label}\t{split}\n".encode())
            patients.update(f"{row.sha256}\t{row.group}\n".encode())
        return cls(
            seed=options.seed,
            folds=options.folds,
            keep_test=options.keep_test,
            data=manifest.name,
            images=images.hexdigest(),
            patients=patients.hexdigest(),
        )

    def pin(self, out: Path) -> None:
        """Write the assignment into ``out``."""
        write_json(out / PIN, msgspec.structs.asdict(self))


class _Head(msgspec.Struct):
    protocol: str | None = None


def check_protocol(out: Path, protocol: str) -> None:
    """Raise InputError if ``out`` holds a study of another protocol, finished or begun."""
    head = _read(out / STUDY, _Head)
    there = head.protocol if head else None
    if there is None and (out / PIN).exists() and (out / "jobs").exists():
        there = "crossval"
    if there is not None and there != protocol:
        raise InputError(
            "other_protocol",
            f"{out}: this folder holds a study of --protocol {there}, not {protocol}. "
            "Choose another --out.",
            path=out,
            found=there,
            expected=protocol,
        )


def check_folds(out: Path, now: FoldAssignment, patient_key: str = "") -> None:
    """Raise InputError if ``out`` was begun with other folds; no pin, or a damaged one, is none.

    ``patient_key`` is the file of the key that hashes the patients, if some files are DICOM.
    """
    begun = (out / "jobs").exists() or (out / "generators").exists()
    then = _read(out / PIN, FoldAssignment) if begun else None
    if then is None:
        return
    if then.seed != now.seed:
        _refuse(out, "seed", f"with --seed {then.seed}, not {now.seed}")
    if then.folds != now.folds:
        _refuse(out, "folds", f"with --folds {then.folds}, not {now.folds}")
    if then.keep_test != now.keep_test:
        _refuse(out, "keep_test", f"{'with' if then.keep_test else 'without'} --keep-test")
    if then.images != now.images:
        _refuse(out, "images", f"with other images (then {then.data}, now {now.data})")
    if then.patients != now.patients:
        _other_patients(out, patient_key)


def _other_patients(out: Path, patient_key: str) -> NoReturn:
    """Refuse other patients: of DICOM files, a new key gives all of them other names."""
    given = "--group-regex and the column `group`"
    if not patient_key:
        _refuse(out, "patients", f"with other patients (see {given})")
    remedy = (
        f"Patients of DICOM files are hashed with the key in {patient_key}. If this key is new, "
        f"put the file of the first run back there, or name it in {VARIABLE}; if it is lost, "
        f"choose another --out. If the key is the same, see {given}."
    )
    _refuse(out, "patients", "with other patients", remedy, key_file=patient_key)


def _refuse(out: Path, what: str, how: str, remedy: str = SAME, **more: str) -> NoReturn:
    message = f"{out}: this study was begun {how}, so its folds differ. {remedy}"
    raise InputError("other_folds", message, path=out, differs=what, **more)


def _read(path: Path, kind: type[_Kind]) -> _Kind | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
