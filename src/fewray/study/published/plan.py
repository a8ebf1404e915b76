"""What a study by the published protocol would do and how long it would take here."""

from __future__ import annotations

from typing import Any

from fewray.compute.machine import Machine
from fewray.config import PublishedOptions
from fewray.data.manifest import Manifest
from fewray.pipelines.estimate import (
    TIMING,
    OnProgress,
    classifier_step_seconds,
    plan_training,
    with_total,
)
from fewray.study.published.classifiers import planned_runs
from fewray.study.published.run import split_rows


def plan_published(
    manifest: Manifest,
    options: PublishedOptions,
    *,
    trains: bool,
    machine: Machine | None = None,
    on_progress: OnProgress = lambda kind, event: None,
) -> list[dict[str, Any]]:
    """Return a row per generator (if ``trains``) and per classifier, timed by a few steps."""
    train, _ = split_rows(manifest)
    runs = planned_runs(options)
    settled = (machine or Machine()).settled()
    on_progress("stage", {"text": TIMING})
    planned: list[dict[str, Any]] = []
    if trains and any(run.condition.synthetic for run in runs):
        planned += plan_training(train, options.gan, train.classes, machine)[:-1]
        for row in planned:
            row["seconds"] = 60 * row.pop("minutes")
    per_step = classifier_step_seconds(options.classifier, len(train.classes), settled)
    steps = options.classifier.steps
    for run in runs:
        added = run.condition.classic + run.condition.synthetic
        planned.append(
            {
                "job": run.name,
                "images": len(train) + len(train.classes) * added,
                "steps": steps,
                "seconds": per_step * steps,
            }
        )
    return with_total(planned, settled, len(runs))
