"""Run a cross-validation study, from the data set to ``study.json``."""

from __future__ import annotations

from pathlib import Path

import msgspec
from threadpoolctl import threadpool_limits

from fewray.compute.dask.cluster import connected
from fewray.compute.machine import Machine
from fewray.compute.process import fixed_threads
from fewray.config import CrossvalOptions
from fewray.data.manifest import Manifest
from fewray.results.crossval import CrossvalStudy
from fewray.results.files import write_study
from fewray.storage.files import locked
from fewray.storage.jobs import JobStore
from fewray.storage.timing import Clock
from fewray.study.crossval.cohort import assemble_cohort
from fewray.study.crossval.design import all_conditions
from fewray.study.crossval.fold_generators import as_recorded
from fewray.study.crossval.inner_selection import select_configs
from fewray.study.crossval.jobs import run_jobs
from fewray.study.crossval.results import assemble_study, write_crossval_predictions
from fewray.study.history import record_finished
from fewray.study.job_runner import OnProgress, RunContext
from fewray.study.resume import FoldAssignment, check_folds, check_protocol


def run_crossval(
    manifest: Manifest,
    options: CrossvalOptions,
    out: Path,
    *,
    generators: Path | None = None,
    external: Manifest | None = None,
    machine: Machine | None = None,
    on_progress: OnProgress = lambda kind, event: None,
) -> CrossvalStudy:
    """Run the study into ``out`` and return its results. Finished jobs in ``out`` are reused.

    ``generators`` is where the folds' generators are found and stored, by default
    ``out/generators``. Writes ``study.json`` (no clock times), ``timing.json``,
    ``predictions.csv``, ``fold_assignment.json``, ``history.jsonl`` and ``jobs/``. InputError for
    invalid options, a folder that holds another study, or a leak.
    """
    conditions = all_conditions(options)
    folder = generators or out / "generators"
    needs_generators = any(condition.needs_generators for condition in conditions)
    machine = as_recorded(machine or Machine(), folder)  # whatever the arms, so that jobs agree
    folders = [out] if generators is None else [out, generators]
    # With one thread, work done in this process gives the same bits on any machine.
    with locked(out), connected(machine.executor, *folders), fixed_threads(1), threadpool_limits(1):
        check_protocol(out, options.protocol)
        store = JobStore(out / "jobs")
        store.check_folder()
        assignment = FoldAssignment.of(manifest, options)
        check_folds(out, assignment, manifest.patient_key)
        clock = Clock(out / "timing.json", lambda text: on_progress("stage", {"text": text}))
        clock.run = folder if needs_generators else None

        on_progress("stage", {"text": "reading images and making folds"})
        with clock("images and folds"):
            cohort = assemble_cohort(manifest, options, external)
            assignment.pin(out)
        for warning in cohort.warnings:
            on_progress("stage", {"text": warning.text})

        context = RunContext(
            store=store, machine=machine.settled(), clock=clock, on_progress=on_progress
        )
        configs = select_configs(cohort, options, folder, context)
        trained = run_jobs(cohort, options, folder, conditions, configs, context)

        on_progress("stage", {"text": "computing scores, comparisons and the shortcut audit"})
        with clock("scores"):
            study = assemble_study(cohort, options, trained, configs, context)
        study = msgspec.structs.replace(study, history=record_finished(out, options))
        write_study(out, study)
        write_crossval_predictions(out / "predictions.csv", cohort, trained.predictions, manifest)
        clock.write()
    return study
