"""The trial from a manifest to ``study.json``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from fewray.cluster import connected
from fewray.config import TrialOptions
from fewray.data.manifest import Manifest
from fewray.device import fixed_threads
from fewray.runs import locked, write_json
from fewray.study.clock import Clock
from fewray.study.jobs import JobStore
from fewray.study.machine import Machine
from fewray.study.trial.choose import settings
from fewray.study.trial.cohort import assemble_cohort
from fewray.study.trial.conditions import all_conditions
from fewray.study.trial.fitting import OnEvent, Work, fit
from fewray.study.trial.results import assemble_trial, write_trial_predictions


def run_trial(
    manifest: Manifest,
    options: TrialOptions,
    out: Path,
    *,
    generators: Path | None = None,
    external: Manifest | None = None,
    machine: Machine | None = None,
    on_event: OnEvent = lambda kind, event: None,
) -> dict[str, Any]:
    """Run the trial into ``out`` and return what ``study.json`` holds. What is there already is not done again.

    ``generators`` is the folder in which the folds' generators are looked for and kept, by default ``out/generators``.
    Writes ``study.json`` (no clock times), ``timing.json``, ``predictions.csv``, ``jobs/``. InputError for a leak.
    """
    store, clock = JobStore(out / "jobs"), Clock()
    run, machine = generators or out / "generators", machine or Machine()
    folders = [out] if generators is None else [out, generators]
    # One thread: what is done in this process has the same bits anywhere.
    with locked(out), connected(machine.executor, *folders), fixed_threads(1), threadpool_limits(1):
        on_event("stage", {"text": "reading the films and folding them"})
        with clock("films and folds"):
            cohort = assemble_cohort(manifest, options, external)
        conditions = all_conditions(options)
        tasks = len(conditions) * len(cohort.parts()) * options.seeds
        work = Work(store=store, machine=machine.settled(tasks), clock=clock, on_event=on_event)
        chosen = settings(cohort, options, run, lambda *inner: fit(*inner, work=work).results)
        fitted = fit(cohort, options, run, conditions, "", work=work, chosen=chosen)
        on_event("stage", {"text": "scores, comparisons, shortcuts"})
        with clock("scores"):
            study = assemble_trial(cohort, options, fitted, chosen, store, work.machine)
        write_json(out / "study.json", study)
        write_trial_predictions(out / "predictions.csv", cohort, fitted.results)
        write_json(out / "timing.json", clock.to_json(out / "timing.json", run if fitted.generators else None))
    return study
