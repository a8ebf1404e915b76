"""Run or plan a study of either protocol."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fewray.compute.machine import Machine
from fewray.config import CrossvalOptions, PublishedOptions
from fewray.data.layout.outputs import check_out_folder
from fewray.data.manifest import Manifest
from fewray.study.crossval.plan import plan_crossval
from fewray.study.crossval.run import run_crossval
from fewray.study.job_runner import OnProgress
from fewray.study.published.arms import check_generators
from fewray.study.published.plan import plan_published
from fewray.study.published.run import run_published, split_rows
from fewray.study.resume import FoldAssignment, check_folds, check_protocol

FOLDERS = ("generators", "jobs")
StudyOptions = CrossvalOptions | PublishedOptions


def run_study(
    rows: Manifest,
    options: StudyOptions,
    out: Path,
    *,
    generators: Path | None,
    external: Manifest | None,
    machine: Machine,
    on_progress: OnProgress,
) -> None:
    """Run the study that ``options`` describe into ``out``; InputError if images lie there."""
    check_out_folder(rows, out, FOLDERS)
    about: dict[str, Any] = {
        "generators": generators,
        "machine": machine,
        "on_progress": on_progress,
    }
    if isinstance(options, CrossvalOptions):
        run_crossval(rows, options, out, external=external, **about)
    else:
        run_published(rows, options, out, **about)


def plan_study(
    rows: Manifest,
    options: StudyOptions,
    out: Path | None,
    *,
    generators: Path | None,
    external: Manifest | None,
    machine: Machine,
    on_progress: OnProgress,
) -> list[dict[str, Any]]:
    """Return the jobs of a study; InputError where :func:`run_study` would refuse ``out``."""
    if out is not None:
        check_out_folder(rows, out, FOLDERS)
        check_protocol(out, options.protocol)
    if isinstance(options, CrossvalOptions):
        if out is not None:
            check_folds(out, FoldAssignment.of(rows, options), rows.patient_key)
        return plan_crossval(
            rows, options, external=external, machine=machine, on_progress=on_progress
        )
    if generators is not None:
        check_generators(generators, *split_rows(rows), options.classifier)
    trains = generators is None
    return plan_published(rows, options, trains=trains, machine=machine, on_progress=on_progress)
