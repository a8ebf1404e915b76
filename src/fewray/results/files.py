"""Read and write ``study.json``, and the JSON Schema of both kinds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from fewray.errors import InputError
from fewray.results.crossval import CrossvalStudy
from fewray.results.data_check import DataCheck
from fewray.results.published import PublishedStudy
from fewray.results.quality import QualityReport
from fewray.results.quality_sets import QualityComparison
from fewray.results.readers.scores import ReaderResults
from fewray.results.readers.study import ReaderStudyFile
from fewray.results.training import TrainingReport
from fewray.storage.files import write_bytes

STUDY = "study.json"
SCHEMA = 4
"""Raised whenever a field of ``study.json`` changes its name or meaning."""

Study = CrossvalStudy | PublishedStudy


class _Head(msgspec.Struct):
    """The fields that say how to read the others."""

    schema: int | None = None
    protocol: str | None = None


def read_study(folder: Path) -> Study:
    """Return the study in ``folder``.

    InputError: ``study_not_found``, ``study_schema`` for another schema number, or
    ``study_damaged`` for JSON that does not fit the model, with the file and the place in it.
    """
    path = folder / STUDY
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(
            "study_not_found",
            f"{path}: not found. Give a folder written by `fewray study`.",
            path=path,
        ) from None
    except OSError as error:
        raise InputError(
            "study_unreadable", f"{path}: cannot be read ({error.strerror}).", path=path
        ) from None
    try:
        found = msgspec.json.decode(content, type=_Head).schema
        if found != SCHEMA:
            raise InputError(
                "study_schema",
                f"{path}: schema {found}, expected {SCHEMA}. Run the study again.",
                path=path,
                found=found,
                expected=SCHEMA,
            )
        return msgspec.json.decode(content, type=Study)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(
            "study_damaged",
            f"{path}: {error}. Run the study again to write it again.",
            path=path,
            detail=str(error),
        ) from None


def write_study(folder: Path, study: Study) -> None:
    """Write ``study.json`` into ``folder``; what is written has been checked to be readable."""
    content = msgspec.json.encode(study)
    msgspec.json.decode(content, type=Study)  # a NaN is written as null, where no null is allowed
    write_bytes(folder / STUDY, msgspec.json.format(content, indent=1) + b"\n")


def json_schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON Schemas of the result files by file name, for ``docs/schema``."""
    return {
        "crossval-study.schema.json": msgspec.json.schema(CrossvalStudy),
        "data-check.schema.json": msgspec.json.schema(DataCheck),
        "published-study.schema.json": msgspec.json.schema(PublishedStudy),
        "quality.schema.json": msgspec.json.schema(QualityReport),
        "quality-sets.schema.json": msgspec.json.schema(QualityComparison),
        "reader-study.schema.json": msgspec.json.schema(ReaderStudyFile),
        "reader-results.schema.json": msgspec.json.schema(ReaderResults),
        "training.schema.json": msgspec.json.schema(TrainingReport),
    }
