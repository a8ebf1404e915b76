"""The generators of a trial: one a class inside every fold, which sees that fold's training rows and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fewray.compute.machine import Machine
from fewray.compute.seeds import child_seed
from fewray.config import GanOptions
from fewray.data.manifest import Manifest
from fewray.errors import InputError
from fewray.generators.checkpoint import read_header
from fewray.generators.generate import provenance
from fewray.generators.log import read_log, trained_with
from fewray.generators.run import CHECKPOINT, check_continues
from fewray.pipelines.train_class import about_class, train_class
from fewray.presets import recipe_text


@dataclass(frozen=True, kw_only=True)
class FoldGenerators:
    """Generators fitted to ``train``, whose images may not be trained on where ``test`` is predicted."""

    folder: Path
    train: Manifest
    test: Manifest
    options: GanOptions
    seed: int
    """A class's training takes the child seed of its name."""


def check_fold_generators(wanted: FoldGenerators, *, finished: bool) -> dict[str, dict[str, Any]]:
    """Return each class's provenance; InputError when a generator saw a test row, or other rows than it should have.

    The rows a generator saw are in the header of its checkpoint, so that a folder under another name changes nothing.
    Generators that are not there yet are left out unless they should be ``finished``.
    """
    found = {}
    for label in wanted.train.classes:
        path = wanted.folder / label / CHECKPOINT
        if not path.exists():
            if finished:
                raise InputError(f"{path}: not found; run the study again to train it")
            continue
        about = read_header(path)["about"]
        seen = {*about["training_hashes"], *about.get("rows_held_out", [])}
        held_out = {row.sha256 for row in wanted.test.rows}
        if leaked := seen & held_out:
            raise InputError(
                f"{path}: this generator saw {len(leaked)} test rows of {wanted.folder.name}; its images would leak them "
                "into training; remove the folder, or name the study's own with --generators"
            )
        if seen != {row.sha256 for row in wanted.train.where(label=label).rows}:
            raise InputError(
                f"{path}: this generator was trained on other rows than those of {wanted.folder.name}; remove the folder, "
                "or name the study's own with --generators"
            )
        if finished:
            found[label] = provenance(path)
    return found


def train_fold_generators(
    wanted: Sequence[FoldGenerators],
    machine: Machine,
    *,
    extractor: str,
    on_epoch: Callable[[str, Mapping[str, Any]], None],
    on_batch: Callable[[str, Mapping[str, Any]], None],
) -> None:
    """Train what is missing of all folds' generators, side by side; each resumes from its last checkpoint.

    Precision, threads, device and seed are part of what a generator is: InputError, before any is trained, when one that
    is there was trained with others, or has lost its log.
    """
    tasks: list[dict[str, Any]] = []
    for fold in wanted:
        check_fold_generators(fold, finished=False)
        for label in fold.train.classes:
            rows = fold.train.where(label=label)
            if (fold.folder / label / CHECKPOINT).exists() and _complete(
                fold, label, rows, machine
            ):
                continue
            tasks.append(
                {
                    "rows": rows,
                    "held_out": rows.where(label=""),
                    "patience": 0,
                    "label": label,
                    "shown": f"{fold.folder.name} {label}",
                    "options": fold.options,
                    "folder": fold.folder / label,
                    "seed": child_seed(fold.seed, label),
                    "machine": machine,
                    "resume": True,
                    "checkpoint_every": 5,
                    "probe_every": 0,
                    "extractor": extractor,
                }
            )
    machine.run(
        train_class,
        tasks,
        on_message=lambda message: (on_batch if "batch" in message[1] else on_epoch)(*message),
    )


def _complete(fold: FoldGenerators, label: str, rows: Manifest, machine: Machine) -> bool:
    """Whether the class's generator is trained to the end; InputError where it is another than that wanted."""
    folder = fold.folder / label
    about = about_class(rows, rows.where(label=""), label, fold.options)
    check_continues(
        folder / CHECKPOINT, fold.options, seed=child_seed(fold.seed, label), about=about
    )
    asked = {
        "precision": machine.precision,
        "threads": machine.threads,
        "device": machine.device.split(":")[0],
    }
    for name, then in trained_with(folder).items():
        if then != asked[name]:
            raise InputError(
                f"{folder}: this generator was trained with --{name} {then}; --{name} {asked[name]} was asked for: give the "
                "same, or choose another --out"
            )
    if read_header(folder / CHECKPOINT)["epoch"] < fold.options.epochs:
        return False
    _last_row(folder, fold.options.epochs)
    return True


def as_recorded(machine: Machine, run: Path) -> Machine:
    """Return ``machine`` with the precision and the threads of the generators in ``run``, where it leaves them open.

    On another machine a trial then goes on as it began.
    """
    before: dict[str, Any] = {}
    for path in sorted(run.glob(f"*/*/{CHECKPOINT}")):
        before = trained_with(path.parent) | before
    return replace(
        machine,
        precision=before.get("precision", "auto")
        if machine.precision == "auto"
        else machine.precision,
        threads=machine.threads or before.get("threads", 0),
    )


def _last_row(folder: Path, epochs: int) -> dict[str, Any]:
    rows = read_log(folder)
    if not rows or rows[-1].get("epoch") != epochs:
        raise InputError(
            f"{folder / 'stats.jsonl'}: the log of this generator ends at epoch {rows[-1].get('epoch') if rows else 0}, "
            f"{epochs} is wanted; put the whole log back, or remove the folder to train the generator again"
        )
    return rows[-1]


def generator_facts(folds: Sequence[FoldGenerators]) -> dict[str, dict[str, Any]]:
    """Return for each class what its generators are and how their trainings ended, mean over the folds.

    Folds may have chosen other recipes: all are named, the most frequent first, and counted in ``recipes``.
    """
    recipes = dict(Counter(recipe_text(fold.options) for fold in folds).most_common())
    facts = {}
    for label in folds[0].train.classes:
        last = [_last_row(fold.folder / label, fold.options.epochs) for fold in folds]
        facts[label] = {
            "recipe": " or ".join(recipes),
            "recipes": recipes,
            "epochs": round(float(np.mean([fold.options.epochs for fold in folds]))),
            "steps": round(float(np.mean([row["step"] for row in last]))),
            "images_seen": round(float(np.mean([row["images_seen"] for row in last]))),
            "generators": len(folds),
            "final": {
                name: float(np.mean([row[name] for row in last]))
                for name in ("loss_d", "loss_g", "d_x", "d_g_z1", "d_g_z2")
            },
        }
    return facts
