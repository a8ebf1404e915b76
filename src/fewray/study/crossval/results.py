"""From a trial's finished jobs to ``study.json``: scores, comparisons, sensitivity analyses, the audit, the verdict."""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fewray.compute.machine import Machine
from fewray.config import CrossvalOptions
from fewray.data.audit.metadata import file_metadata
from fewray.data.audit.shortcuts import shortcut_audit, shortcut_warnings
from fewray.data.manifest import Manifest
from fewray.storage.files import write_bytes
from fewray.storage.jobs import JobStore
from fewray.study.crossval.cohort import Cohort
from fewray.study.crossval.comparisons import (
    comparisons_of,
    described,
    external_of,
    sensitivity_of,
    subset_of,
)
from fewray.study.crossval.conclusion import answer
from fewray.study.crossval.design import Condition, analyses
from fewray.study.crossval.fold_generators import FoldGenerators, generator_facts
from fewray.study.crossval.inner_selection import SelectedConfig
from fewray.study.crossval.jobs import Fitted
from fewray.study.crossval.pretrained import pretrained_analysis
from fewray.study.crossval.scores import arm_scores, as_arrays
from fewray.study.folds import data_warnings, grouping_warning, patients_known
from fewray.study.published.results import versions
from fewray.study.statistics.patients import DRAWS, PatientBootstrap

SCHEMA = 3


def assemble_trial(
    cohort: Cohort,
    options: CrossvalOptions,
    fitted: Fitted,
    chosen: Mapping[tuple[int, int], SelectedConfig],
    store: JobStore,
    machine: Machine,
) -> dict[str, Any]:
    """Return what ``study.json`` holds: every number of the trial and no clock times."""
    results, keys = fitted.results, fitted.keys
    draws = PatientBootstrap.of(cohort.groups, options.seed)
    predicted = predictions(cohort, results)
    planned = analyses(options)
    primary = planned[0]
    folds = np.stack([found.fold_of for found in cohort.repeats])
    classes = cohort.rows.classes
    arms = {}
    for condition in primary.conditions:
        mine = [result for (c, _, _, _), result in results.items() if c == condition]
        arms[condition.arm] = {
            **arm_scores(predicted[condition], cohort.labels, folds, draws, classes),
            "train_images": round(float(np.mean([result["train_images"] for result in mine]))),
            "steps": options.classifier.steps,
            "description": condition.recipe.text,
        }
    correct = {c: values.argmax(-1) == cohort.labels for c, values in predicted.items()}
    comparisons = comparisons_of(primary, correct, folds, cohort.groups, options)
    audit = _audit(cohort, options, arms)
    sensitivity = {
        analysis.name: sensitivity_of(analysis, correct, folds, cohort.groups, draws)
        for analysis in planned[1:]
    }
    if options.linear:
        sensitivity["pretrained"] = pretrained_analysis(
            cohort, options, store, correct[primary.reference], folds, draws
        )
    study: dict[str, Any] = {
        "schema": SCHEMA,
        "protocol": options.protocol,
        "preset": options.preset,
        "data": _data(cohort),
        "options": options.to_json(),
        "seeds": list(range(options.seeds)),
        "folds": [row for found in cohort.repeats for row in found.table(cohort.rows)],
        "joined_groups": [list(pair) for pair in cohort.repeats[0].joined],
        "generators": generator_facts(list(fitted.generators.values()))
        if fitted.generators
        else None,
        "chosen": [
            {"repeat": p, "fold": f, "chosen": s.chosen, "accuracies": dict(s.accuracies)}
            for (p, f), s in chosen.items()
            if s.chosen
        ]
        or None,
        "rejected": _rejected(cohort, fitted.generators, keys, store)
        if options.copy_percentile
        else None,
        "arms": arms,
        "score_intervals": {"resampled": "patients", "draws": DRAWS},
        "reference": options.reference,
        "comparisons": comparisons,
        "descriptive": described(
            primary,
            correct,
            folds,
            cohort.groups,
            same_ratio=all(setting.ratio == options.ratio for setting in chosen.values()),
        ),
        "sensitivity": sensitivity,
        "subsets": {
            name: subset_of(name, cohort, primary, predicted, folds, options)
            for name in options.subsets
        },
        "external": external_of(cohort, primary, results, kept_split=options.keep_test),
        "audit": audit,
        "answer": answer(
            comparisons,
            options.reference,
            [*filter(None, [grouping_warning(cohort.rows)]), *audit["warnings"]],
        ),
        "provenance": {
            "versions": versions(),
            "device": machine.device,
            "precision": machine.precision,
            "threads": machine.threads,
            "keys": {
                "/".join(map(str, k)) if isinstance(k, tuple) else k: v for k, v in keys.items()
            },
        },
    }
    return study


def predictions(
    cohort: Cohort, results: Mapping[tuple[Condition, int, int, int], Mapping[str, Any]]
) -> dict[Condition, np.ndarray]:
    """Return out-of-fold probabilities (repeats, seeds, n, k) of every condition."""
    tests = {(part.repeat, part.fold): part.test for part in cohort.parts()}
    by_condition: dict[Condition, dict[tuple[int, int, int], Any]] = {}
    for (condition, p, f, s), result in results.items():
        by_condition.setdefault(condition, {})[p, f, s] = result["probabilities"]
    return {c: as_arrays(found, tests, len(cohort.labels)) for c, found in by_condition.items()}


def _audit(cohort: Cohort, options: CrossvalOptions, arms: Mapping[str, Any]) -> dict[str, Any]:
    """Return what models that do not read the lungs reach in the first repeat's folds."""
    found = shortcut_audit(
        cohort.images,
        file_metadata(cohort.rows.paths()),
        cohort.labels,
        cohort.repeats[0].fold_of,
        cohort.rows.classes,
        seed=options.seed,
    )
    accuracies = {arm: figures["accuracy"]["value"] for arm, figures in arms.items()}
    return replace(found, warnings=shortcut_warnings(found, accuracies)).to_json()


def _data(cohort: Cohort) -> dict[str, Any]:
    rows = cohort.rows
    counts = np.bincount(cohort.labels, minlength=len(rows.classes))
    origins = {row.origin for row in rows.rows}
    return {
        "name": rows.name,
        "origin": "phantom" if origins == {"phantom"} else "real",
        "classes": list(rows.classes),
        "counts": dict(zip(rows.classes, map(int, counts), strict=True)),
        "groups": len(np.unique(cohort.groups)),
        "patients_known": patients_known(rows),
        "rows": len(rows),
        "warnings": data_warnings(rows),
        "sha256": rows.sha256(),
    }


def _rejected(
    cohort: Cohort,
    fitted: Mapping[tuple[int, int, int], FoldGenerators],
    keys: Mapping[Any, Any],
    store: JobStore,
) -> dict[str, Any] | None:
    if not fitted:
        return None
    by_place: dict[tuple[Any, ...], list[dict[str, Any]]] = {place: [] for place in fitted}
    for name, key in keys.items():
        if name[0] == "synthetic":
            by_place[name[1:4]].append(store.load("synthetic", key) or {})
    kept = [max(sets, key=lambda found: sum(found["counts"])) for sets in by_place.values()]
    return {
        label: {
            "kept": sum(found["counts"][index] for found in kept),
            "rejected": sum(found["rejected"][label] for found in kept),
        }
        for index, label in enumerate(cohort.rows.classes)
    }


def write_trial_predictions(
    path: Path, cohort: Cohort, results: Mapping[tuple[Condition, int, int, int], Mapping[str, Any]]
) -> None:
    """Write one line a test film, condition, repeat and seed: its name, patient, label, predicted class, probabilities.

    The name is label and file name, or, of films that share these, the path below the folder that holds all films.
    """
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    classes = cohort.rows.classes
    header = ["analysis", "arm", "repeat", "fold", "seed", "image", "group", "label", "predicted"]
    table.writerow([*header, *(f"p_{label}" for label in classes)])
    names = _image_names(cohort.rows)
    tests = {(part.repeat, part.fold): part.test for part in cohort.parts()}
    for (condition, p, f, seed), result in results.items():
        for index, probabilities in zip(tests[p, f], result["probabilities"], strict=True):
            row = cohort.rows.rows[index]
            predicted = classes[int(np.argmax(probabilities))]
            place = [
                condition.analysis,
                condition.arm,
                p,
                f,
                seed,
                names[index],
                row.group,
                row.label,
                predicted,
            ]
            table.writerow([*place, *probabilities])
    write_bytes(path, stream.getvalue().encode())


def _image_names(rows: Manifest) -> list[str]:
    """Return label and file name of each row; its path below the common folder where that is the name of several."""
    short = [f"{row.label}/{row.path.name}" for row in rows.rows]
    times = Counter(short)
    if len(times) == len(short):
        return short
    root = os.path.commonpath([path.parent.absolute() for path in rows.paths()])
    long = [path.absolute().relative_to(root).as_posix() for path in rows.paths()]
    names = [path if times[name] > 1 else name for name, path in zip(short, long, strict=True)]
    return names if len(set(names)) == len(names) else long
