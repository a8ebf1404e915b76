"""Run the jobs of a study: generators, image sets, classifiers.

Each job's result is stored under a key that is the hash of its inputs. A job whose result is there
is not run again, so a killed study resumes and ends with the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from fewray.compute.seeds import child_seed
from fewray.config import CrossvalOptions
from fewray.storage.jobs import key_of
from fewray.study.crossval.classifiers import (
    ClassifierJob,
    Prediction,
    stored_prediction,
    train_classifier_job,
)
from fewray.study.crossval.cohort import Cohort, Fold, FoldKey
from fewray.study.crossval.design import Condition, SelectedConfig
from fewray.study.crossval.fold_generators import (
    FoldGenerators,
    GeneratorKey,
    fold_generators,
    train_fold_generators,
)
from fewray.study.crossval.image_sets import (
    ImageSets,
    arrays_read,
    make_pca_set,
    make_row_sets,
    synthetic_key,
)
from fewray.study.crossval.synthetic import SyntheticSet, is_made, make_synthetic, synthetic_set
from fewray.study.job_runner import RunContext, run_classifiers


class RunKey(NamedTuple):
    """Names one classifier run: a condition in one fold with one seed."""

    condition: Condition
    fold: FoldKey
    seed: int


@dataclass(frozen=True, kw_only=True)
class Trained:
    """The results of all jobs."""

    generators: dict[GeneratorKey, FoldGenerators]
    sets: ImageSets
    synthetic: dict[GeneratorKey, list[SyntheticSet]]
    predictions: dict[RunKey, Prediction]


def run_jobs(
    cohort: Cohort,
    options: CrossvalOptions,
    folder: Path,
    conditions: Sequence[Condition],
    configs: Mapping[FoldKey, SelectedConfig],
    context: RunContext,
) -> Trained:
    """Run the jobs whose results are missing, for ``conditions`` in every fold of ``cohort``.

    The generators lie below ``folder``. InputError if a generator or a synthetic image would leak
    a test row.
    """
    generators = fold_generators(cohort, options, folder, conditions, configs)
    if generators:
        count = sum(len(fold.names()) for fold in generators.values())
        context.stage(f"training {count} generators")
        with context.clock(f"{context.prefix}generators"):
            train_fold_generators(
                list(generators.values()), context.machine, on_progress=context.report_training
            )
    context.stage("making the image sets")
    with context.clock(f"{context.prefix}image sets"):
        sets = make_row_sets(cohort, options, context.store)
        if any(condition.recipe.added == "pca" for condition in conditions):
            for fold in cohort.folds():
                sets.pca[fold.key] = make_pca_set(cohort, fold, options, context.store)
        synthetic = _make_synthetic_sets(
            cohort, options, conditions, configs, generators, sets, context
        )
    return Trained(
        generators=generators,
        sets=sets,
        synthetic=synthetic,
        predictions=_run_classifiers(cohort, options, conditions, configs, sets, context),
    )


def _make_synthetic_sets(
    cohort: Cohort,
    options: CrossvalOptions,
    conditions: Sequence[Condition],
    configs: Mapping[FoldKey, SelectedConfig],
    generators: Mapping[GeneratorKey, FoldGenerators],
    sets: ImageSets,
    context: RunContext,
) -> dict[GeneratorKey, list[SyntheticSet]]:
    """Make the missing synthetic sets, add their keys to ``sets``, and return them."""
    folds = {fold.key: fold for fold in cohort.folds()}
    found: dict[GeneratorKey, list[SyntheticSet]] = {key: [] for key in generators}
    missing: dict[str, SyntheticSet] = {}
    for key, trained in generators.items():
        config = configs[key.fold_key]
        own = [c for c in conditions if c.needs_generators and c.replicate == key.replicate]
        for ratio in sorted({config.applied_to(c, options).ratio for c in own}):
            name = synthetic_key(key, ratio, options)
            if name in sets.synthetic:
                continue
            made = synthetic_set(
                cohort, folds[key.fold_key], trained, options, context.store, ratio=ratio
            )
            sets.synthetic[name] = made.key
            found[key].append(made)
            if not is_made(made):
                missing[made.key] = made
    context.machine.run(
        make_synthetic,
        [{"planned": made} for made in missing.values()],
        on_message=lambda message: context.report("synthetic", message),
    )
    return found


def _run_classifiers(
    cohort: Cohort,
    options: CrossvalOptions,
    conditions: Sequence[Condition],
    configs: Mapping[FoldKey, SelectedConfig],
    sets: ImageSets,
    context: RunContext,
) -> dict[RunKey, Prediction]:
    """Train the classifiers whose predictions are missing, and return those of all of them."""
    external = 0 if cohort.external is None else len(cohort.external.rows)
    jobs: dict[RunKey, ClassifierJob] = {}
    for seed in range(options.seeds):  # all arms of a seed first: a study cut short stays balanced
        for fold in cohort.folds():
            for condition in conditions:
                trained = configs[fold.key].applied_to(condition, options)
                name = f"{context.prefix}{condition.name}, {fold.name.replace('-', ' ')}"
                jobs[RunKey(condition, fold.key, seed)] = _classifier_job(
                    trained, fold, seed, f"{name}, seed {seed}", cohort, options, sets, context
                )

    def stored(job: ClassifierJob) -> Prediction | None:
        return stored_prediction(
            context.store,
            job.key,
            rows=len(job.test),
            external=external,
            classes=len(cohort.rows.classes),
        )

    return run_classifiers(jobs, train_classifier_job, context, stored)


def _classifier_job(
    condition: Condition,
    fold: Fold,
    seed: int,
    name: str,
    cohort: Cohort,
    options: CrossvalOptions,
    sets: ImageSets,
    context: RunContext,
) -> ClassifierJob:
    machine = context.machine
    arrays = arrays_read(condition, fold, cohort, options, sets)
    classifier_seed = child_seed(options.seed, "classifier", *fold.key, seed)
    key = key_of(
        condition=asdict(condition),
        arrays=asdict(arrays),
        train=cohort.take(fold.train).sha256(),
        test=cohort.take(fold.test).sha256(),
        classifier=options.classifier.to_json(),
        seed=classifier_seed,
        precision=machine.precision,
        threads=machine.threads,
        device=machine.device.split(":")[0],
    )
    return ClassifierJob(
        key=key,
        condition=condition,
        train=fold.train,
        test=fold.test,
        labels=cohort.labels,
        arrays=arrays,
        classifier=options.classifier,
        seed=classifier_seed,
        name=name,
    )
