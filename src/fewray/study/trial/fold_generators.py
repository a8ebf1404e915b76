"""The generators of a trial: one a class inside every fold, which sees that fold's training rows and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fewray.config import GanOptions
from fewray.data.manifest import Manifest
from fewray.device import child_seed
from fewray.errors import InputError
from fewray.gan.checkpoint import read_header
from fewray.gan.generate import provenance
from fewray.gan.run import CHECKPOINT
from fewray.presets import recipe_text
from fewray.runs import read_jsonl
from fewray.study.class_generator import train_class
from fewray.study.machine import Machine


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
        seen = {*about["rows_seen"], *about.get("rows_held_out", [])}
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

    Precision and threads are part of what a generator is and must be the same on every call.
    """
    tasks: list[dict[str, Any]] = []
    for fold in wanted:
        check_fold_generators(fold, finished=False)
        for label in fold.train.classes:
            path = fold.folder / label / CHECKPOINT
            if path.exists() and _complete(path, fold.options):
                continue
            rows = fold.train.where(label=label)
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


def _complete(path: Path, options: GanOptions) -> bool:
    header = read_header(path)
    return header["epoch"] == options.epochs and header["options"] == options.to_json()


def generator_facts(folds: Sequence[FoldGenerators]) -> dict[str, dict[str, Any]]:
    """Return for each class what its generators are and how their trainings ended, mean over the folds.

    Folds may have chosen other recipes: all are named, the most frequent first, and counted in ``recipes``.
    """
    recipes = dict(Counter(recipe_text(fold.options) for fold in folds).most_common())
    facts = {}
    for label in folds[0].train.classes:
        last = [read_jsonl(fold.folder / label / "stats.jsonl")[-1] for fold in folds]
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
