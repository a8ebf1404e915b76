"""The studies that were finished in a folder, one line each in ``history.jsonl``."""

from __future__ import annotations

from pathlib import Path

import msgspec

from fewray.config import CrossvalOptions
from fewray.results.crossval import EarlierStudy
from fewray.storage.files import append_jsonl

HISTORY = "history.jsonl"


def record_finished(out: Path, options: CrossvalOptions) -> tuple[EarlierStudy, ...]:
    """Append this study unless it is there; return those first finished before it, in order.

    Studies are the same if they have the same reference, arms in any order, and number of seeds.
    """
    now = EarlierStudy(reference=options.reference, arms=options.arms, seeds=options.seeds)
    known = _read(out / HISTORY)
    for place, study in enumerate(known):
        if _identity(study) == _identity(now):
            return tuple(known[:place])
    append_jsonl(out / HISTORY, msgspec.structs.asdict(now))
    return tuple(known)


def _identity(study: EarlierStudy) -> tuple[str, frozenset[str], int]:
    return study.reference, frozenset(study.arms), study.seeds


def _read(path: Path) -> list[EarlierStudy]:
    """Return the recorded studies; lines that are damaged are left out."""
    if not path.exists():
        return []
    found = []
    for line in path.read_bytes().splitlines():
        try:
            found.append(msgspec.json.decode(line, type=EarlierStudy))
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
    return found
