"""The reject list: images that a person marked as artefacts, and that are not generated again.

``rejects.json`` lies in a folder of images or of generators. `fewray generate` honours the lists of
both the folder of the generators and its ``--out``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from fewray.errors import InputError
from fewray.storage.files import locked, write_bytes

REJECTS = "rejects.json"
LONGEST = 200
"""Characters of a reason."""


class Reject(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One marked image. It is identified by the generator and the seed that made it."""

    label: str
    seed: int
    checkpoint_sha256: str
    """Of the generator: another generator's image of this seed is another image."""
    reason: str = ""


class RejectList(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of ``rejects.json``, in the order of class and seed."""

    schema: Literal[1] = 1
    images: tuple[Reject, ...] = ()


def read_rejects(folder: Path) -> tuple[Reject, ...]:
    """Return the marks in ``folder``, none without the file; InputError if it is damaged."""
    path = folder / REJECTS
    try:
        return msgspec.json.decode(path.read_bytes(), type=RejectList).images
    except FileNotFoundError:
        return ()
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        message = f"{path}: not a reject list ({error}). Correct or remove the file."
        raise InputError("rejects_damaged", message, path=str(path)) from None


def mark(folder: Path, image: Reject, *, marked: bool = True) -> tuple[Reject, ...]:
    """Add ``image`` to the list in ``folder``, or remove it; return the list.

    Marks made at the same time are all kept. InputError if another process uses the folder.
    """
    with locked(folder):
        kept = {_key(each): each for each in read_rejects(folder)}
        if marked:
            kept[_key(image)] = msgspec.structs.replace(image, reason=image.reason[:LONGEST])
        else:
            kept.pop(_key(image), None)
        images = tuple(kept[key] for key in sorted(kept))
        content = msgspec.json.format(msgspec.json.encode(RejectList(images=images)), indent=1)
        write_bytes(folder / REJECTS, content + b"\n")
    return images


def rejected_seeds(
    folders: Iterable[Path], checkpoints: Mapping[str, str]
) -> dict[str, frozenset[int]]:
    """Return the marked seeds of each class, given the SHA-256 of its generator's checkpoint."""
    marks = {each for folder in dict.fromkeys(folders) for each in read_rejects(folder)}
    return {
        label: frozenset(
            each.seed for each in marks if (each.label, each.checkpoint_sha256) == (label, sha256)
        )
        for label, sha256 in checkpoints.items()
    }


def _key(image: Reject) -> tuple[str, int, str]:
    return image.label, image.seed, image.checkpoint_sha256
