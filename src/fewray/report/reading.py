"""The files of a finished study, read for pages: each is as pages want it, or one line says what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fewray.errors import InputError
from fewray.report.schemas import PUBLISHED, RUN, TIMING, TRIAL, published_classes
from fewray.report.shape import fault
from fewray.storage.files import read_json

SCHEMAS = {"published": 2, "crossval": 3}
"""Of study.json, by protocol."""
SHAPES = {"published": PUBLISHED, "crossval": TRIAL}


def read_study(folder: Path) -> dict[str, Any]:
    """Return ``folder/study.json``; InputError for one that this version of fewray does not write."""
    path = folder / "study.json"
    study = read_json(path)
    if not isinstance(study, dict):
        raise InputError(f"{path}: {fault(study, {})}; run the study again")
    protocol, schema = study.get("protocol"), study.get("schema")
    if not isinstance(protocol, str) or SCHEMAS.get(protocol) != schema:
        wanted = " or ".join(f"{number} of protocol {name}" for name, number in SCHEMAS.items())
        raise InputError(
            f"{path}: schema {schema} of protocol {protocol}; {wanted} is wanted; run the study again"
        )
    found = fault(study, SHAPES[protocol])
    if found is None and protocol == "published":
        found = fault(study, published_classes(study["data"]["classes"]))
    if found:
        raise InputError(f"{path}: {found}; run the study again")
    return study


def read_timing(folder: Path) -> dict[str, Any]:
    """Return ``folder/timing.json``, or nothing where there is none; InputError for a damaged one."""
    return _beside(folder / "timing.json", TIMING, "remove the file for a report without times")


def read_run(folder: Path) -> dict[str, Any]:
    """Return ``folder/run.json``, or nothing where there is none; InputError for a damaged one."""
    return _beside(folder / "run.json", RUN, "mend or remove the file")


def _beside(path: Path, shape: dict[str, Any], remedy: str) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        value = read_json(path)
    except InputError:
        raise InputError(f"{path}: cannot be read as JSON; {remedy}") from None
    if found := fault(value, shape):
        raise InputError(f"{path}: {found}; {remedy}")
    return value
