"""The published protocol: default split, one generator a class, arms that add classic or synthetic images.

The generators and the classic images come from the training rows alone. Every arm takes the same number of optimiser
steps with the same seeds. The test set is predicted by each trained network; nothing is chosen on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fewray.compute.dask.cluster import connected
from fewray.compute.dask.executors import LOCAL
from fewray.compute.machine import Machine
from fewray.compute.seeds import child_seed
from fewray.config import PublishedOptions
from fewray.data.hold_out import check_no_synthetic
from fewray.data.manifest import Manifest
from fewray.errors import InputError
from fewray.imaging.arrays import load_images
from fewray.pipelines.train_generators import train_generators
from fewray.storage.files import locked, write_json
from fewray.storage.jobs import JobStore, key_of
from fewray.storage.timing import Clock
from fewray.study.published.arms import ArmSet, build_sets, check_form, check_generators
from fewray.study.published.classifiers import (
    CLASSIFIER,
    Cell,
    cells,
    kept_cell,
    kept_result,
    train_cell,
)
from fewray.study.published.results import assemble, write_predictions
from fewray.study.resume import check_protocol

OnProgress = Callable[[str, Mapping[str, Any]], None]


def run_published(
    manifest: Manifest,
    options: PublishedOptions,
    out: Path,
    *,
    generators: Path | None = None,
    machine: Machine | None = None,
    on_progress: OnProgress = lambda kind, event: None,
) -> dict[str, Any]:
    """Run the protocol into ``out`` and return what ``study.json`` holds. What is there already is not done again.

    Writes ``study.json`` (no clock times), ``timing.json``, ``predictions.csv``, ``classifier.safetensors``, ``generators/``, ``synthetic/``,
    ``jobs/``. InputError when the data has no train and test split, a generator saw a test row, or ``out`` holds a trial.
    """
    check_protocol(out, options.protocol)
    train, test = split_rows(manifest)
    for rows in (train, test):  # what cannot be read must come out before the generators train
        load_images(rows.paths(), options.classifier.image_size, options.classifier.fit)
    planned = cells(options)
    run = (generators or out / "generators") if any(cell.synthetic for cell in planned) else None
    if run is not None and generators is None:
        check_form("gan", options.gan.to_json(), options.classifier)
    elif run is not None:
        check_generators(run, train, test, options.classifier)
    machine = machine or Machine()
    store = JobStore(out / "jobs")
    folders = [out] if generators is None else [out, generators]
    with locked(out), connected(machine.executor, *folders):
        store.check_folder()
        clock = Clock(out / "timing.json", lambda text: on_progress("stage", {"text": text}))
        clock.run = run
        if run is not None and generators is None:
            on_progress("stage", {"text": "generators, trained where they are not there yet"})

            def epoch(label: str, row: Mapping[str, Any]) -> None:
                clock.keep()
                on_progress("epoch", {"label": label, **row})

            with clock("generators"):
                train_generators(
                    train,
                    options.gan,
                    run,
                    seed=child_seed(options.seed, "generators"),
                    machine=machine,
                    resume=True,
                    extractor=options.extractor,
                    on_epoch=epoch,
                    on_batch=lambda label, progress: on_progress(
                        "batch", {"label": label, **progress}
                    ),
                )
        on_progress("stage", {"text": "making the image sets"})
        with clock("image sets"):
            sets = build_sets(train, test, options, planned, run, store)
        remarks = _unmeasurable(sets, options)
        if sets.synthetic is not None and not remarks:
            on_progress("stage", {"text": "measuring the synthetic images"})
        with clock("quality"):
            quality = None if remarks else _quality(train, sets, options, store, machine)
        results = _classify(
            sets, options, planned, machine, store, on_progress, clock, out / CLASSIFIER
        )
        settled = machine.settled()
        where = {
            "device": settled.device,
            "precision": settled.precision,
            "threads": settled.threads,
        }
        study = assemble(train, test, options, planned, sets, results, quality, run, where)
        study["data"]["warnings"] += remarks
        if (
            generators is not None
        ):  # those of the options were not trained; ``generators`` says what these are
            study["options"]["gan"] = {"augmentation": study["options"]["gan"]["augmentation"]}
        write_json(out / "study.json", study)
        write_predictions(out / "predictions.csv", test, sets, planned, results)
        clock.write()
    return study


METRICS_VERSION = 4
"""Raised whenever the metrics of synthetic images change: they are then measured again, and nothing else is."""


def split_rows(manifest: Manifest) -> tuple[Manifest, Manifest]:
    """Return the training and the test rows.

    InputError for synthetic images, when a split or a class of one is empty, or when they share a file.
    """
    check_no_synthetic(manifest)
    counts = manifest.counts()
    if not counts.get("train") or not counts.get("test"):
        raise InputError(
            f"--data {manifest.name}: {_splits(counts)}; the published protocol wants train and test rows "
            "(<split>/<class>/* or a CSV with a column split)"
        )
    if len(manifest.classes) < 2:
        raise InputError(
            f"--data {manifest.name}: 1 class, {', '.join(manifest.classes)}; at least 2 are wanted"
        )
    train, test = manifest.where(split="train"), manifest.where(split="test")
    for label in manifest.classes:
        for name, rows in (("training", train), ("test", test)):
            if len(rows.where(label=label)) == 0:
                raise InputError(f"class {label}: 0 {name} images; at least 1 is wanted")
    seen = {row.sha256: row.path for row in train.rows}
    if twice := [row for row in test.rows if row.sha256 in seen]:
        raise InputError(
            f"{seen[twice[0].sha256]} and {twice[0].path}: the same bytes in training and test, {len(twice)} files in all; "
            "remove them from one of the two"
        )
    return train, test


def _splits(counts: Mapping[str, Mapping[str, int]]) -> str:
    named = [
        f"{sum(found.values())} images of split {split}" for split, found in counts.items() if split
    ]
    none = sum(counts.get("", {}).values())
    return ", ".join([*named, *([f"{none} images without a split"] if none else [])])


def _unmeasurable(sets: ArmSet, options: PublishedOptions) -> list[str]:
    """Return why the synthetic images cannot be measured against the real ones: too few for a spread; nothing if they can."""
    if sets.synthetic is None:
        return []
    sides = {
        f"class {label}: 1 training image": int((sets.real_labels == i).sum())
        for i, label in enumerate(sets.classes)
    }
    sides["1 synthetic image a class"] = _shown(sets, options).shape[1]
    return [
        f"no quality figures: {what}, at least 2 are wanted"
        for what, count in sides.items()
        if count < 2
    ]


def _shown(sets: ArmSet, options: PublishedOptions) -> np.ndarray:
    """Return the synthetic images that are measured, (classes, count, 1, S, S): those of the arms, or fewer if a grid has fewer."""
    assert sets.synthetic is not None
    return sets.synthetic[:, : options.synthetic_per_class]


def _quality(
    train: Manifest, sets: ArmSet, options: PublishedOptions, store: JobStore, machine: Machine
) -> dict[str, Any] | None:
    """Measure the synthetic images against the real training images, class by class.

    This runs in the calling process: on ``machine``'s device, unless that belongs to a cluster's workers.
    """
    if sets.synthetic is None:
        return None
    from fewray.pipelines.extractors import identity, open_extractor
    from fewray.quality.result import is_whole

    shown = _shown(sets, options)
    measured = {"sets": sets.keys, "count": shown.shape[1]}
    key = key_of(
        **measured,
        extractor=identity(options.extractor),
        seed=options.seed,
        metrics=METRICS_VERSION,
    )
    found = store.load("quality", key, whole=lambda found: is_whole(found, sets.classes))
    if found is None:
        from fewray.quality.evaluate import measure_quality
        from fewray.quality.image_set import ImageSet

        real, fake = {}, {}
        for index, label in enumerate(sets.classes):
            mine = np.flatnonzero(sets.real_labels == index)
            rows = [train.rows[i] for i in mine]
            real[label] = ImageSet.of(
                sets.real[mine], [row.sha256 for row in rows], [row.group for row in rows]
            )
            fake[label] = ImageSet.of(np.asarray(shown[index]))
        here = machine.executor == LOCAL or machine.device == "cpu"
        compute = open_extractor(options.extractor, device=machine.device if here else "auto")
        found = measure_quality(real, fake, compute, seed=options.seed).to_json()
        store.save("quality", key, found)
    return found


def _classify(
    sets: ArmSet,
    options: PublishedOptions,
    planned: list[Cell],
    machine: Machine,
    store: JobStore,
    on_progress: OnProgress,
    clock: Clock,
    keep: Path,
) -> dict[tuple[str, int], dict[str, Any]]:
    """Train the classifiers that are not there yet, side by side; return every (cell, seed)'s result.

    The weights of one of them are kept as ``keep``; where they are not those of this study, it is trained again.
    """
    wanted: dict[tuple[str, int], str] = {}
    settled = machine.settled()
    for seed in range(
        options.seeds
    ):  # all arms of a seed first: a study cut short compares whole seeds
        for cell in planned:
            wanted[cell.name, seed] = key_of(
                sets=sets.keys_of(cell),
                classic=cell.classic,
                synthetic=cell.synthetic,
                seed=seed,
                study_seed=options.seed,
                classifier=options.classifier.to_json(),
                passes=options.published_passes,
                precision=settled.precision,
                threads=settled.threads,
                device=settled.device.split(":")[0],
            )
    from fewray.pipelines.extractors import holds_classifier

    def result(key: str) -> dict[str, Any] | None:
        rows, passes = len(sets.test_labels), options.published_passes
        return kept_result(store, key, rows=rows, classes=sets.classes, passes=passes)

    kept = wanted[kept_cell(options)]
    missing = {key: name for name, key in wanted.items() if result(key) is None}
    if kept in missing or not holds_classifier(keep, kept):
        missing[kept] = kept_cell(options)
    done = len(set(wanted.values())) - len(missing)
    on_progress("classifiers", {"done": done, "total": done + len(missing)})
    tasks = []
    by_name = {cell.name: cell for cell in planned}
    for key, (name, seed) in missing.items():
        cell = by_name[name]
        tasks.append(
            {
                "key": key,
                "name": name,
                "seed": seed,
                "cell": cell,
                "sets": sets.files(),
                "options": options,
                "machine": settled,
                "store": store,
                "keep": keep if key == kept else None,
            }
        )

    def finished(index: int, result: Mapping[str, Any]) -> None:
        clock.add(
            f"classifier {tasks[index]['name']} seed {tasks[index]['seed']}", result["seconds"]
        )
        on_progress("classifier", {"arm": tasks[index]["name"], **result})

    settled.run(
        train_cell, tasks, on_message=lambda message: on_progress("step", message), on_done=finished
    )
    results = {name: result(key) for name, key in wanted.items()}
    assert None not in results.values()
    return {name: found for name, found in results.items() if found is not None}
