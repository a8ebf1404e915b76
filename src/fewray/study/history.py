"""What a study's folder says of the studies that were run in it: their protocol, and what finished trials there asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fewray.config import CrossvalOptions
from fewray.errors import InputError
from fewray.storage.files import read_json, write_json
from fewray.study.crossval.folding import FOLDING

FINISHED = "finished.json"


def check_protocol(out: Path, protocol: str) -> None:
    """Raise InputError where ``out`` holds a study of the other protocol, whose results would be overwritten."""
    found = _read(out / "study.json")
    there = found.get("protocol") if isinstance(found, dict) else None
    if there is None and (out / FOLDING).exists() and (out / "jobs").exists():
        there = "crossval"  # begun, and not finished
    if isinstance(there, str) and there != protocol:
        raise InputError(
            f"{out}: this folder holds a study of --protocol {there}; --protocol {protocol} was given: choose another --out"
        )


def keep_finished(out: Path, options: CrossvalOptions) -> list[dict[str, Any]]:
    """Note this trial among those finished in ``out``; return those that finished before it first did, first first.

    Each is ``reference``, ``arms`` and ``seeds`` (how many), and differs from the others. A trial that is run again keeps
    its place. What was finished by a version without the record is not known.
    """
    now = {"reference": options.reference, "arms": list(options.arms), "seeds": options.seeds}
    there = _read(out / FINISHED)
    known = [each for each in there if _formed(each)] if isinstance(there, list) else []
    for place, each in enumerate(known):
        if each | {"arms": sorted(each["arms"])} == now | {"arms": sorted(now["arms"])}:
            return known[:place]
    write_json(out / FINISHED, [*known, now])
    return known


def _formed(found: Any) -> bool:
    return (
        isinstance(found, dict)
        and set(found) == {"reference", "arms", "seeds"}
        and isinstance(found["reference"], str)
        and isinstance(found["arms"], list)
        and all(isinstance(arm, str) for arm in found["arms"])
        and type(found["seeds"]) is int
    )


def _read(path: Path) -> Any:
    try:
        return read_json(path) if path.exists() else None
    except InputError:
        return None
