"""What a trial would do and how long it would take here, without doing it."""

from __future__ import annotations

from typing import Any

import numpy as np

from fewray.config import TrialOptions
from fewray.data.manifest import Manifest
from fewray.gan.training import batches_per_epoch
from fewray.study.machine import Machine
from fewray.study.plan import classifier_step_seconds, gan_step_seconds, with_total
from fewray.study.trial.choose import candidates
from fewray.study.trial.cohort import Cohort, Part, assemble_cohort
from fewray.study.trial.conditions import Condition, added_counts, all_conditions


def plan_trial(
    manifest: Manifest, options: TrialOptions, *, external: Manifest | None = None, machine: Machine | None = None
) -> list[dict[str, Any]]:
    """Return a row for each kind of job in each fold: images, steps, minutes estimated from a few steps timed now.

    The films are read and folded, so that a leak or a class too small is found here already.
    """
    cohort = assemble_cohort(manifest, options, external)
    conditions = all_conditions(options)
    settled = (machine or Machine()).settled(len(conditions) * len(cohort.parts()) * options.seeds)
    networks = sorted({condition.network for condition in conditions})
    per_step = {
        network: classifier_step_seconds(options.classifier.with_(network=network), len(cohort.rows.classes), settled)
        for network in networks
    }
    planned: list[dict[str, Any]] = []
    if any(condition.needs_generators for condition in conditions):
        planned += _generators(cohort, options, conditions, settled)
    for condition in conditions:
        steps = options.classifier.steps
        for part in cohort.parts():
            name = condition.arm if condition.analysis == "primary" else f"{condition.analysis} {condition.arm}"
            planned.append(
                {
                    "job": f"{name}, {part.name}, {options.seeds} seeds",
                    "images": _images(condition, cohort, part),
                    "steps": steps * options.seeds,
                    "seconds": per_step[condition.network] * steps * options.seeds,
                }
            )
    return with_total(planned, settled.processes)


def _generators(
    cohort: Cohort, options: TrialOptions, conditions: list[Condition], machine: Machine
) -> list[dict[str, Any]]:
    replicates = len({condition.replicate for condition in conditions if condition.needs_generators})
    wanted = {"": options.gan}
    if options.choose == "recipe":
        wanted |= {f" choice {name}": setting.gan for name, setting in candidates(options).items()}
    elif options.choose == "ratio":
        wanted |= {" choice": options.gan}
    seconds = {name: gan_step_seconds(gan, machine) for name, gan in wanted.items()}
    planned = []
    for part in cohort.parts():
        for name, gan in wanted.items():
            times = 1 if name else replicates
            counts = np.bincount(cohort.labels[part.train]) + gan.classic_images
            steps = times * sum(gan.epochs * batches_per_epoch(int(count), gan) for count in counts)
            planned.append(
                {
                    "job": f"generators, {part.name}{name}",
                    "images": int(counts.sum()),
                    "steps": steps,
                    "seconds": seconds[name] * steps,
                }
            )
    return planned


def _images(condition: Condition, cohort: Cohort, part: Part) -> int:
    labels = cohort.labels[part.train]
    added = added_counts(labels, len(cohort.rows.classes), condition.ratio) if condition.recipe.added else []
    return len(labels) + sum(added)
