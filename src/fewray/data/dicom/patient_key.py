"""Hash patient IDs with a secret key, so that they never reach an output.

The key lies in a file that only its owner may read: the file that ``FEWRAY_PATIENT_KEY`` names;
else ``.fewray-patient-key`` in the data folder; else, if that folder cannot be written to, a file
in the user's configuration folder. It is made on first use. Whoever has the data has the patient
IDs too, so a key beside the data reveals nothing more; without the key, the IDs cannot be found by
trying them all.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from fewray.errors import InputError

VARIABLE = "FEWRAY_PATIENT_KEY"
FILE = ".fewray-patient-key"
SHORTEST = 16
"""Least length of a key, in bytes."""
HEX_DIGITS = 16
"""Length of a hashed patient: two of a million patients agree by chance once in 37 million sets."""


@dataclass(frozen=True, kw_only=True)
class PatientKey:
    """The secret key of one data set, and the file that holds it."""

    secret: bytes = field(repr=False)
    file: Path

    def patient(self, name: str) -> str:
        """Return the keyed hash of a patient ID, HMAC-SHA256 (RFC 2104).

        Letter case, blanks and leading zeros do not count: the same person is often entered with
        and without them, and two people merged into one leak nothing.
        """
        plain = "".join(name.split()).casefold().lstrip("0") or "0"
        return f"patient-{self._digest(f'patient {plain}')[:HEX_DIGITS]}"

    def word(self, name: str) -> str:
        """Return a short keyed hash of a part of a path."""
        return self._digest(f"name {name}")[:8]

    def _digest(self, text: str) -> str:
        return hmac.new(self.secret, text.encode(errors="replace"), hashlib.sha256).hexdigest()


def patient_key(folder: Path, file: Path | None = None, inner: Path | None = None) -> PatientKey:
    """Return the key of the data in ``folder``, or that of ``file``; it is made if there is none.

    ``inner`` is a folder in it that may have been named alone before, and hold the key. Raises
    InputError ``patient_key`` if a key cannot be read, is too short, or cannot be written.
    """
    named = os.environ.get(VARIABLE, "").strip()
    if file is not None or named:
        return _read(file or Path(named))
    places = [folder / FILE, _own_place(folder)]
    for place in (*places, *([inner / FILE] if inner else [])):
        if place.is_file():
            return _read(place)
    for place in places:
        try:
            _create(place)
        except OSError:
            continue
        return _read(place)
    raise InputError(
        "patient_key",
        f"no place for the key that hashes patient IDs: {places[0].parent} and {places[1].parent} "
        f"cannot be written to. Set {VARIABLE} to a file of at least {SHORTEST} random bytes.",
    )


def _own_place(folder: Path) -> Path:
    name = hashlib.sha256(str(folder.resolve()).encode(errors="replace")).hexdigest()[:16]
    return platformdirs.user_config_path("fewray") / "patient-keys" / f"{name}.key"


def _create(place: Path) -> None:
    """Write a new key. A key that another process has just written is kept."""
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_name(f"{place.name}.{os.urandom(4).hex()}")
    handle = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(handle, "w") as stream:
            stream.write(os.urandom(32).hex() + "\n")
        _link(draft, place)
    finally:
        draft.unlink(missing_ok=True)


def _link(draft: Path, place: Path) -> None:
    try:
        os.link(draft, place)
    except FileExistsError:
        pass
    except OSError:  # a file system without links
        draft.replace(place)


def _read(place: Path) -> PatientKey:
    try:
        secret = place.read_bytes().strip()
    except OSError as error:
        found = str(error.strerror)
    else:
        if len(secret) >= SHORTEST:
            return PatientKey(secret=secret, file=place)
        found = f"{len(secret)} bytes"
    raise InputError(
        "patient_key",
        f"{place}: expected a key of at least {SHORTEST} bytes for patient IDs, got: {found}",
        file=str(place),
    )
