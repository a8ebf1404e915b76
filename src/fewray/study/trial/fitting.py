"""What a trial trains, each job addressed by the hash of its inputs: generators, image sets, classifiers.

What is kept under its address is not made again, so a killed trial goes on where it stopped and ends with the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from fewray.config import TrialOptions
from fewray.device import child_seed
from fewray.study.clock import Clock
from fewray.study.jobs import JobStore, key_of
from fewray.study.machine import Machine
from fewray.study.trial.cells import train_trial_cell
from fewray.study.trial.choose import Setting
from fewray.study.trial.cohort import Cohort, Part
from fewray.study.trial.conditions import PRIMARY, Condition, added_counts
from fewray.study.trial.fold_generators import FoldGenerators, train_fold_generators
from fewray.study.trial.image_sets import make_synthetic, pca_set, row_sets, synthetic_task

OnEvent = Callable[[str, Mapping[str, Any]], None]
Job = tuple[Condition, int, int, int]
"""Condition, partition, fold, seed."""
Place = tuple[int, int, int]
"""Partition, fold, replicate."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """Where and how the jobs of a trial are done and told of."""

    store: JobStore
    machine: Machine
    clock: Clock
    on_event: OnEvent

    def tell(self, kind: str, event: Mapping[str, Any]) -> None:
        """Tell of an event that took time, which is written down now and then."""
        self.clock.keep()
        self.on_event(kind, event)


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """What was trained: generators by (partition, fold, replicate), keys of the image sets, results by job."""

    generators: dict[Place, FoldGenerators]
    keys: dict[Any, Any]
    results: dict[Job, dict[str, Any]]


def fit(
    cohort: Cohort,
    options: TrialOptions,
    run: Path,
    conditions: list[Condition],
    name: str,
    *,
    work: Work,
    chosen: Mapping[tuple[int, int], Setting] | None = None,
) -> Fitted:
    """Train what is missing for ``conditions`` in every fold of ``cohort``; ``name`` stands before what is told."""
    fixed = Setting(ratio=options.ratio, gan=options.gan)
    chosen = chosen or {(part.partition, part.fold): fixed for part in cohort.parts()}
    before = f"{name}: " if name else ""
    generators = fold_generators(cohort, options, run, conditions, chosen)
    if generators:
        count = f"{len(generators)} folds x {len(cohort.rows.classes)} classes"
        work.on_event("stage", {"text": f"{before}generators: {count}, trained where they are not there yet"})
        with work.clock(f"{before}generators"):
            train_fold_generators(
                list(generators.values()),
                work.machine,
                extractor="lite0",
                on_epoch=lambda label, row: work.tell("epoch", {"label": label, **row}),
                on_batch=lambda label, progress: work.tell("batch", {"label": label, **progress}),
            )
    work.on_event("stage", {"text": f"{before}making the image sets"})
    with work.clock(f"{before}image sets"):
        keys = image_set_keys(cohort, options, conditions, generators, chosen, work)
    results = train_cells(cohort, options, conditions, keys, chosen, work, before)
    return Fitted(generators=generators, keys=keys, results=results)


def fold_generators(
    cohort: Cohort,
    options: TrialOptions,
    run: Path,
    conditions: list[Condition],
    chosen: Mapping[tuple[int, int], Setting],
) -> dict[Place, FoldGenerators]:
    """Return the generators that the conditions need, by partition, fold and replicate."""
    replicates = sorted({c.replicate for c in conditions if c.needs_generators})
    return {
        (part.partition, part.fold, replicate): FoldGenerators(
            folder=run / (part.name + (f"-replicate-{replicate}" if replicate else "")),
            train=cohort.take(part.train),
            test=cohort.take(part.test),
            options=chosen[part.partition, part.fold].gan,
            seed=child_seed(options.seed, "generators", part.partition, part.fold, replicate),
        )
        for part in cohort.parts()
        for replicate in replicates
    }


def image_set_keys(
    cohort: Cohort,
    options: TrialOptions,
    conditions: list[Condition],
    generators: Mapping[Place, FoldGenerators],
    chosen: Mapping[tuple[int, int], Setting],
    work: Work,
) -> dict[Any, Any]:
    """Make what is missing of the image sets; return their keys: by name, and by ``("synthetic" or "pca", ...)``."""
    store, machine = work.store, work.machine
    keys: dict[Any, Any] = dict(row_sets(cohort, options, store))
    if any(c.recipe.added == "pca" for c in conditions):
        for part in cohort.parts():
            keys["pca", part.partition, part.fold] = pca_set(cohort, part, options, store)
    parts = {(part.partition, part.fold): part for part in cohort.parts()}
    ratios = [c.ratio for c in conditions if c.needs_generators] + [setting.ratio for setting in chosen.values()]
    tasks = {
        place: synthetic_task(cohort, parts[place[:2]], found, options, store, machine, ratio=max(ratios))
        for place, found in generators.items()
    }
    missing = [task for task in tasks.values() if not _kept(task["key"], options, store)]
    machine.run(
        make_synthetic,
        missing,
        on_message=lambda message: work.tell("synthetic", message),
    )
    for place, task in tasks.items():
        keys["synthetic", *place] = task["key"]
    return keys


def _kept(key: str, options: TrialOptions, store: JobStore) -> bool:
    kinds = ["synthetic", "synthetic-versions"] + ["synthetic-paper-versions"] * options.paper_classic
    whole = store.load("synthetic", key, fields=("counts", "rejected")) is not None
    return whole and all(store.load_array(k, key) is not None for k in kinds)


def keys_of(
    condition: Condition, part: Part, cohort: Cohort, options: TrialOptions, keys: Mapping[Any, Any], store: JobStore
) -> dict[str, Any]:
    """Return the arrays that one condition reads in one fold, by their place in a training set."""
    found: dict[str, Any] = {"rows": keys["rows"]}
    if "external" in keys:
        found["external"] = keys["external"]
    if condition.recipe.classic:
        found["versions"] = keys["paper-versions" if condition.paper_classic else "versions"]
    place = (part.partition, part.fold)
    if condition.recipe.added == "pca":
        found["added"] = keys["pca", *place]
        found["counts"] = added_counts(cohort.labels[part.train], len(cohort.rows.classes), options.ratio)
    elif condition.recipe.added == "synthetic":
        found["added"] = found["added-versions"] = keys["synthetic", *place, condition.replicate]
        result = store.load("synthetic", found["added"])
        assert result is not None
        found["counts"] = result["counts"]
    return found


def _result(store: JobStore, key: str) -> dict[str, Any] | None:
    return store.load("trial-classifier", key, fields=("train_images", "probabilities", "external"))


def as_chosen(condition: Condition, setting: Setting, options: TrialOptions) -> Condition:
    """Return what is trained: without the analysis's name, and with the fold's ratio where the analysis fixes none."""
    ratio = condition.ratio
    if options.choose == "ratio" and setting.chosen and condition.needs_generators and not condition.fixes_ratio:
        ratio = setting.ratio
    return replace(condition, analysis=PRIMARY, ratio=ratio)


def train_cells(
    cohort: Cohort,
    options: TrialOptions,
    conditions: list[Condition],
    keys: Mapping[Any, Any],
    chosen: Mapping[tuple[int, int], Setting],
    work: Work,
    before: str,
) -> dict[Job, dict[str, Any]]:
    """Train the classifiers that are not there yet, side by side; return every job's result."""
    store, machine = work.store, work.machine
    wanted: dict[Job, str] = {}
    tasks: list[dict[str, Any]] = []
    for seed in range(options.seeds):  # whole seeds first
        for part in cohort.parts():
            for condition in conditions:
                arrays = keys_of(condition, part, cohort, options, keys, store)
                cell_seed = child_seed(options.seed, "classifier", part.partition, part.fold, seed)
                trained = as_chosen(condition, chosen[part.partition, part.fold], options)
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
                wanted[condition, part.partition, part.fold, seed] = key
                if _result(store, key) is None and key not in {task["key"] for task in tasks}:
                    name = condition.arm if condition.analysis == PRIMARY else f"{condition.analysis} {condition.arm}"
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
    work.on_event("classifiers", {"done": total - len(tasks), "total": total})

    def finished(index: int, result: Mapping[str, Any]) -> None:
        work.clock.add(f"classifier {tasks[index]['shown']}", result["seconds"])
        work.on_event("cell", {"shown": tasks[index]["shown"], "left": total, **result})

    machine.run(
        train_trial_cell,
        tasks,
        on_message=lambda message: work.tell("cell step", message),
        on_done=finished,
    )
    results = {}
    for job, key in wanted.items():
        result = _result(store, key)
        assert result is not None, key
        results[job] = result
    return results
