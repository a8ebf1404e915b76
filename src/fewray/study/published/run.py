"""Run the published protocol: the given split, one generator per class, arms with added images.

Generators and classic-augmented images come from the training rows alone. All arms take the same
number of optimiser steps with the same seeds. The test set is predicted by every trained network;
nothing is selected on it.
"""

from __future__ import annotations

from pathlib import Path

from fewray.classify.weights import CLASSIFIER
from fewray.compute.dask.cluster import connected
from fewray.compute.machine import Machine
from fewray.compute.seeds import child_seed
from fewray.config import PublishedOptions
from fewray.data.hold_out import check_no_synthetic
from fewray.data.images import ImageSource
from fewray.data.manifest import Manifest
from fewray.errors import InputError
from fewray.pipelines.extractors import holds_classifier
from fewray.pipelines.train_generators import train_generators
from fewray.results.files import write_study
from fewray.results.published import PublishedStudy
from fewray.storage.files import locked
from fewray.storage.jobs import JobStore
from fewray.storage.timing import Clock
from fewray.study.job_runner import OnProgress, RunContext, run_classifiers
from fewray.study.published.arms import ImageSets, check_form, check_generators, make_image_sets
from fewray.study.published.classifiers import (
    ClassifierJob,
    Result,
    RunKey,
    classifier_job,
    kept_run,
    planned_runs,
    stored_result,
    train_classifier_job,
)
from fewray.study.published.quality import check_extractor, measured_quality, quality_warnings
from fewray.study.published.results import assemble_study, write_published_predictions
from fewray.study.resume import check_protocol


def run_published(
    manifest: Manifest,
    options: PublishedOptions,
    out: Path,
    *,
    generators: Path | None = None,
    machine: Machine | None = None,
    on_progress: OnProgress = lambda kind, event: None,
) -> PublishedStudy:
    """Run the protocol into ``out`` and return its results. Finished jobs in ``out`` are reused.

    ``generators`` is a folder of trained generators to use instead of training them. Writes
    ``study.json`` (no clock times), ``timing.json``, ``predictions.csv``,
    ``classifier.safetensors``, ``generators/`` and ``jobs/``. InputError if the data has no train
    and test split, a generator saw a test row, or ``out`` holds a study of another protocol.
    """
    check_protocol(out, options.protocol)
    train, test = split_rows(manifest)
    for rows in (train, test):  # report unreadable images before the generators are trained
        ImageSource(rows).at(options.classifier.image_size, options.classifier.fit)
    runs = planned_runs(options)
    folder = None
    if any(run.condition.synthetic for run in runs):
        folder = generators or out / "generators"
        if generators is None:
            check_form("gan", options.gan, options.classifier)
        else:
            check_generators(folder, train, test, options.classifier)
        check_extractor(options, train.classes, generators)
    machine = machine or Machine()
    store = JobStore(out / "jobs")
    folders = [out] if generators is None else [out, generators]
    with locked(out), connected(machine.executor, *folders):
        store.check_folder()
        settled = machine.settled()
        clock = Clock(out / "timing.json", lambda text: on_progress("stage", {"text": text}))
        clock.run = folder
        context = RunContext(store=store, machine=settled, clock=clock, on_progress=on_progress)
        if folder is not None and generators is None:
            context.stage("training generators")
            with clock("generators"):
                train_generators(
                    train,
                    options.gan,
                    folder,
                    seed=child_seed(options.seed, "generators"),
                    machine=machine,
                    resume=True,
                    extractor=options.extractor,
                    on_epoch=context.report_training,
                    on_batch=context.report_training,
                )
        context.stage("making the image sets")
        with clock("image sets"):
            conditions = [run.condition for run in runs]
            sets = make_image_sets(train, test, options, conditions, folder, store)
        unmeasured = quality_warnings(sets, options)
        if sets.synthetic is not None and not unmeasured:
            context.stage("measuring the synthetic images")
        with clock("quality"):
            quality = None if unmeasured else measured_quality(train, sets, options, store, machine)
        results = _run_classifiers(runs, sets, options, context, out)
        study = assemble_study(
            train,
            test,
            options,
            sets,
            results,
            quality,
            run=folder,
            trained_here=generators is None,
            machine=settled,
            warnings=unmeasured,
        )
        write_study(out, study)
        write_published_predictions(out / "predictions.csv", test, results, manifest)
        clock.write()
    return study


def split_rows(manifest: Manifest) -> tuple[Manifest, Manifest]:
    """Return the training and the test rows.

    InputError for synthetic images, an empty split or class, or a file on both sides.
    """
    check_no_synthetic(manifest)
    counts = manifest.counts()
    where = f"--data {manifest.name}"
    if not counts.get("train") or not counts.get("test"):
        found = ", ".join(
            f"{sum(by_class.values())} images {f'of split {split}' if split else 'without a split'}"
            for split, by_class in counts.items()
        )
        raise InputError(
            "no_split",
            f"{where}: {found}. The published protocol expects a train and a test split "
            "(<split>/<class>/* or a CSV with a column `split`).",
        )
    if len(manifest.classes) < 2:
        raise InputError(
            "too_few_classes",
            f"{where}: only class {', '.join(manifest.classes)}; expected at least 2 classes.",
        )
    train, test = manifest.where(split="train"), manifest.where(split="test")
    for label in manifest.classes:
        for name, rows in (("training", train), ("test", test)):
            if len(rows.where(label=label)) == 0:
                raise InputError(
                    "class_missing_in_split",
                    f"{where}: class {label} has no {name} images; expected at least 1.",
                    label=label,
                )
    seen = {row.sha256: row.shown for row in train.rows}
    if shared := [row for row in test.rows if row.sha256 in seen]:
        raise InputError(
            "leak_file",
            f"{seen[shared[0].sha256]} and {shared[0].shown}: the same file in train and test "
            f"({len(shared)} in all). Remove them from one of the two.",
            count=len(shared),
        )
    return train, test


def _run_classifiers(
    runs: list[RunKey], sets: ImageSets, options: PublishedOptions, context: RunContext, out: Path
) -> dict[RunKey, Result]:
    """Train the classifiers whose results are missing, and return those of all runs.

    The weights of one of them are stored in ``out``. If these are not of this study, that
    classifier is trained again.
    """
    jobs = {run: classifier_job(run, sets, options, context.machine) for run in runs}
    kept = jobs[kept_run(options)].key

    def stored(job: ClassifierJob) -> Result | None:
        rows = len(sets.test_labels)
        return stored_result(context.store, job, rows=rows, classes=sets.classes)

    return run_classifiers(
        jobs,
        train_classifier_job,
        context,
        stored,
        again=lambda job: job.key == kept and not holds_classifier(out / CLASSIFIER, kept),
        classes=sets.classes,
        keys=sets.keys,
        paths=sets.paths,
        keep=out / CLASSIFIER,
        kept_key=kept,
    )
