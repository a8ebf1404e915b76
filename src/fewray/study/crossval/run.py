"""The trial from a manifest to ``study.json``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from fewray.compute.dask.cluster import connected
from fewray.compute.machine import Machine
from fewray.compute.process import fixed_threads
from fewray.config import CrossvalOptions
from fewray.data.manifest import Manifest
from fewray.storage.files import locked, write_json
from fewray.storage.jobs import JobStore
from fewray.storage.timing import Clock
from fewray.study.crossval.cohort import assemble_cohort
from fewray.study.crossval.design import all_conditions
from fewray.study.crossval.fold_generators import as_recorded
from fewray.study.crossval.folding import check_folding, folding_of, keep_folding
from fewray.study.crossval.inner_selection import settings
from fewray.study.crossval.jobs import fit
from fewray.study.crossval.results import assemble_trial, write_trial_predictions
from fewray.study.crossval.run_context import OnProgress, RunContext
from fewray.study.folds import external_warning
from fewray.study.history import check_protocol, keep_finished


def run_crossval(
    manifest: Manifest,
    options: CrossvalOptions,
    out: Path,
    *,
    generators: Path | None = None,
    external: Manifest | None = None,
    machine: Machine | None = None,
    on_progress: OnProgress = lambda kind, event: None,
) -> dict[str, Any]:
    """Run the trial into ``out`` and return what ``study.json`` holds. What is there already is not done again.

    ``generators`` is the folder in which the folds' generators are looked for and kept, by default ``out/generators``.
    Writes ``study.json`` (no clock times), ``timing.json``, ``predictions.csv``, ``folding.json``, ``finished.json``,
    ``jobs/``. InputError for options that no trial can be run with, a folder that holds a trial with other folds or a
    study of the other protocol, or a leak.
    """
    store, run, machine = (
        JobStore(out / "jobs"),
        generators or out / "generators",
        machine or Machine(),
    )
    conditions, folding = all_conditions(options), folding_of(manifest, options)
    trains = any(condition.needs_generators for condition in conditions)
    if trains:
        machine = as_recorded(machine, run)
    folders = [out] if generators is None else [out, generators]
    # One thread: what is done in this process has the same bits anywhere.
    with locked(out), connected(machine.executor, *folders), fixed_threads(1), threadpool_limits(1):
        check_protocol(out, options.protocol)
        store.check_folder()
        check_folding(out, folding)
        clock = Clock(out / "timing.json", lambda text: on_progress("stage", {"text": text}))
        clock.run = run if trains else None
        on_progress("stage", {"text": "reading the films and folding them"})
        with clock("films and folds"):
            cohort = assemble_cohort(manifest, options, external)
            keep_folding(out, folding)
        if cohort.external and (warning := external_warning(cohort.rows, cohort.external)):
            on_progress("stage", {"text": warning})
        work = RunContext(
            store=store, machine=machine.settled(), clock=clock, on_progress=on_progress
        )
        chosen = settings(cohort, options, run, lambda *inner: fit(*inner, work=work).results)
        fitted = fit(cohort, options, run, conditions, "", work=work, chosen=chosen)
        on_progress("stage", {"text": "scores, comparisons, shortcuts"})
        with clock("scores"):
            study = assemble_trial(cohort, options, fitted, chosen, store, work.machine)
        if earlier := keep_finished(out, options):
            study["earlier"] = earlier
        write_json(out / "study.json", study)
        write_trial_predictions(out / "predictions.csv", cohort, fitted.results)
        clock.write()
    return study
