"""What a trial's folder was begun with that decides its folds: another trial in it is refused before any leak is looked for."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from fewray.config import CrossvalOptions
from fewray.data.manifest import Manifest
from fewray.errors import InputError
from fewray.storage.files import read_json, write_json

FOLDING = "folding.json"


def folding_of(manifest: Manifest, options: CrossvalOptions) -> dict[str, Any]:
    """Return what decides the folds: options, and hashes of the films and of their patients.

    The number of repeats is not among it: each repeat's folds are its own, whatever the others.
    """
    films, patients = hashlib.sha256(), hashlib.sha256()
    for row in sorted(manifest.rows, key=lambda row: (row.sha256, row.label, row.group)):
        split = row.split if options.keep_test else ""
        films.update(f"{row.sha256}\t{row.label}\t{split}\n".encode())
        patients.update(f"{row.sha256}\t{row.group}\n".encode())
    return {
        "seed": options.seed,
        "folds": options.folds,
        "keep_test": options.keep_test,
        "data": manifest.name,
        "films": films.hexdigest(),
        "patients": patients.hexdigest(),
    }


def check_folding(out: Path, now: dict[str, Any]) -> None:
    """Raise InputError where ``out`` was begun as a trial with other folds; nothing is known of older folders."""
    path = out / FOLDING
    try:
        then = read_json(path) if path.exists() and _begun(out) else None
    except InputError:
        return
    if not isinstance(then, dict):
        return
    for name in ("seed", "folds"):
        if name in then and then[name] != now[name]:
            _refuse(out, f"with --{name} {then[name]}; --{name} {now[name]} was given")
    if then.get("keep_test", now["keep_test"]) != now["keep_test"]:
        _refuse(
            out,
            "without --keep-test; it was given"
            if now["keep_test"]
            else "with --keep-test; it was not given",
        )
    if then.get("films", now["films"]) != now["films"]:
        _refuse(out, f"of other films than these (then {then.get('data')}, now {now['data']})")
    if then.get("patients", now["patients"]) != now["patients"]:
        _refuse(
            out,
            "of the same films under other patients; give the same --group-regex or CSV column group",
        )


def keep_folding(out: Path, now: dict[str, Any]) -> None:
    """Write ``now`` where a trial is begun: what is there already was made with what its own file says, or nobody knows."""
    if not _begun(out):
        write_json(out / FOLDING, now)


def _begun(out: Path) -> bool:
    return (out / "jobs").exists() or (out / "generators").exists()


def _refuse(out: Path, what: str) -> None:
    raise InputError(f"{out}: this folder holds a trial {what}: choose another --out")
