"""What a trial trains, each job addressed by the hash of its inputs: generators, image sets, classifiers.

What is kept under its address is not made again, so a killed trial goes on where it stopped and ends with the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fewray.compute.seeds import child_seed
from fewray.config import CrossvalOptions
from fewray.storage.jobs import key_of
from fewray.study.crossval.arrays import image_set_keys, keys_of
from fewray.study.crossval.classifiers import kept_result, train_trial_cell
from fewray.study.crossval.cohort import Cohort
from fewray.study.crossval.design import PRIMARY, Condition
from fewray.study.crossval.fold_generators import FoldGenerators, train_fold_generators
from fewray.study.crossval.inner_selection import SelectedConfig, as_chosen
from fewray.study.crossval.run_context import FoldKey, Job, RunContext


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """What was trained: generators by (repeat, fold, replicate), keys of the image sets, results by job."""

    generators: dict[FoldKey, FoldGenerators]
    keys: dict[Any, Any]
    results: dict[Job, dict[str, Any]]


def fit(
    cohort: Cohort,
    options: CrossvalOptions,
    run: Path,
    conditions: list[Condition],
    name: str,
    *,
    work: RunContext,
    chosen: Mapping[tuple[int, int], SelectedConfig] | None = None,
) -> Fitted:
    """Train what is missing for ``conditions`` in every fold of ``cohort``; ``name`` stands before what is told."""
    fixed = SelectedConfig(ratio=options.ratio, gan=options.gan)
    chosen = chosen or {(part.repeat, part.fold): fixed for part in cohort.parts()}
    before = f"{name}: " if name else ""
    generators = fold_generators(cohort, options, run, conditions, chosen)
    if generators:
        count = f"{len(generators)} folds x {len(cohort.rows.classes)} classes"
        work.on_progress(
            "stage", {"text": f"{before}generators: {count}, trained where they are not there yet"}
        )
        with work.clock(f"{before}generators"):
            train_fold_generators(
                list(generators.values()),
                work.machine,
                extractor="lite0",
                on_epoch=lambda label, row: work.tell("epoch", {"label": label, **row}),
                on_batch=lambda label, progress: work.tell("batch", {"label": label, **progress}),
            )
    work.on_progress("stage", {"text": f"{before}making the image sets"})
    with work.clock(f"{before}image sets"):
        keys = image_set_keys(cohort, options, conditions, generators, chosen, work)
    results = train_cells(cohort, options, conditions, keys, chosen, work, before)
    return Fitted(generators=generators, keys=keys, results=results)


def fold_generators(
    cohort: Cohort,
    options: CrossvalOptions,
    run: Path,
    conditions: list[Condition],
    chosen: Mapping[tuple[int, int], SelectedConfig],
) -> dict[FoldKey, FoldGenerators]:
    """Return the generators that the conditions need, by repeat, fold and replicate."""
    replicates = sorted({c.replicate for c in conditions if c.needs_generators})
    return {
        (part.repeat, part.fold, replicate): FoldGenerators(
            folder=run / (part.name + (f"-replicate-{replicate}" if replicate else "")),
            train=cohort.take(part.train),
            test=cohort.take(part.test),
            options=chosen[part.repeat, part.fold].gan,
            seed=child_seed(options.seed, "generators", part.repeat, part.fold, replicate),
        )
        for part in cohort.parts()
        for replicate in replicates
    }


def train_cells(
    cohort: Cohort,
    options: CrossvalOptions,
    conditions: list[Condition],
    keys: Mapping[Any, Any],
    chosen: Mapping[tuple[int, int], SelectedConfig],
    work: RunContext,
    before: str,
) -> dict[Job, dict[str, Any]]:
    """Train the classifiers that are not there yet, side by side; return every job's result."""
    store, machine = work.store, work.machine
    wanted: dict[Job, str] = {}
    tasks: list[dict[str, Any]] = []

    def kept(key: str, rows: int) -> dict[str, Any] | None:
        outside = 0 if cohort.external is None else len(cohort.external)
        return kept_result(
            store, key, rows=rows, external=outside, classes=len(cohort.rows.classes)
        )

    for seed in range(options.seeds):  # whole seeds first
        for part in cohort.parts():
            for condition in conditions:
                cell_seed = child_seed(options.seed, "classifier", part.repeat, part.fold, seed)
                trained = as_chosen(condition, chosen[part.repeat, part.fold], options)
                arrays = keys_of(trained, part, cohort, options, keys)
                key = key_of(
                    condition=asdict(trained),
                    arrays=arrays,
                    train=cohort.take(part.train).sha256(),
                    test=cohort.take(part.test).sha256(),
                    classifier=options.classifier.to_json(),
                    seed=cell_seed,
                    precision=machine.precision,
                    threads=machine.threads,
                    device=machine.device.split(":")[0],
                )
                wanted[condition, part.repeat, part.fold, seed] = key
                if kept(key, len(part.test)) is None and key not in {task["key"] for task in tasks}:
                    name = (
                        condition.arm
                        if condition.analysis == PRIMARY
                        else f"{condition.analysis} {condition.arm}"
                    )
                    tasks.append(
                        {
                            "key": key,
                            "condition": trained,
                            "part": part.name,
                            "train": part.train,
                            "test": part.test,
                            "labels": cohort.labels,
                            "keys": arrays,
                            "classifier": options.classifier,
                            "seed": cell_seed,
                            "shown": f"{before}{name}, {part.name.replace('-', ' ')}, seed {seed}",
                            "machine": machine,
                            "store": store,
                        }
                    )
    total = len(set(wanted.values()))
    work.on_progress("classifiers", {"done": total - len(tasks), "total": total})

    def finished(index: int, result: Mapping[str, Any]) -> None:
        work.clock.add(f"classifier {tasks[index]['shown']}", result["seconds"])
        work.on_progress("cell", {"shown": tasks[index]["shown"], "left": total, **result})

    machine.run(
        train_trial_cell,
        tasks,
        on_message=lambda message: work.tell("cell step", message),
        on_done=finished,
    )
    results, tests = {}, {(part.repeat, part.fold): len(part.test) for part in cohort.parts()}
    for job, key in wanted.items():
        result = kept(key, tests[job[1], job[2]])
        assert result is not None, key
        results[job] = result
    return results
