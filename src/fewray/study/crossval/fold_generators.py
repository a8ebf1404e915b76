"""The generators of a study: one per class and fold, trained on that fold's training rows alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fewray.compute.machine import Machine
from fewray.compute.seeds import child_seed
from fewray.config import CrossvalOptions, GanOptions
from fewray.data.manifest import Manifest
from fewray.errors import InputError
from fewray.generators.checkpoint import provenance, read_header
from fewray.generators.log import LOG, read_log, read_options
from fewray.generators.run import CHECKPOINT, check_continues
from fewray.pipelines.train_class import train_class, training_set_of
from fewray.presets import recipe_text
from fewray.results.crossval import GeneratorSummary
from fewray.results.scores import FinalLosses
from fewray.results.training import EpochRow
from fewray.study.crossval.cohort import Cohort, FoldKey
from fewray.study.crossval.design import Condition, SelectedConfig
from fewray.study.leaks import check_generator_rows

Row = Mapping[str, Any]


class GeneratorKey(NamedTuple):
    """Names the generators of one fold: those with another ``replicate`` have another seed."""

    repeat: int
    fold: int
    replicate: int

    @property
    def fold_key(self) -> FoldKey:
        """Return the fold alone."""
        return FoldKey(self.repeat, self.fold)


@dataclass(frozen=True, kw_only=True)
class FoldGenerators:
    """Generators trained on ``train``, whose images may not be used where ``test`` is predicted."""

    key: GeneratorKey
    folder: Path
    train: Manifest
    test: Manifest
    options: GanOptions
    seed: int
    """The generator of a class takes the child seed of the class's name."""

    def checkpoint(self, label: str) -> Path:
        """Return where the checkpoint of a class lies."""
        return self.folder / label / CHECKPOINT


def fold_generators(
    cohort: Cohort,
    options: CrossvalOptions,
    folder: Path,
    conditions: Sequence[Condition],
    configs: Mapping[FoldKey, SelectedConfig],
) -> dict[GeneratorKey, FoldGenerators]:
    """Return the generators that the conditions need, trained or not; they lie below ``folder``."""
    replicates = sorted({c.replicate for c in conditions if c.needs_generators})
    found = {}
    for fold in cohort.folds():
        for replicate in replicates:
            key = GeneratorKey(*fold.key, replicate)
            suffix = f"-replicate-{replicate}" if replicate else ""
            found[key] = FoldGenerators(
                key=key,
                folder=folder / f"{fold.name}{suffix}",
                train=cohort.take(fold.train),
                test=cohort.take(fold.test),
                options=configs[fold.key].gan,
                seed=child_seed(options.seed, "generators", *key),
            )
    return found


def check_generator(generators: FoldGenerators, label: str) -> None:
    """Raise InputError if the generator saw a test row, or other rows than its training rows.

    The rows are named in the checkpoint, so renaming a folder changes nothing.
    """
    path = generators.checkpoint(label)
    check_generator_rows(
        hashes_seen(path),
        generators.train.where(label=label),
        generators.test,
        where=f"{path}, generator of {generators.folder.name}",
        all_rows=True,
    )


def hashes_seen(checkpoint: Path) -> set[str]:
    """Return the hashes of the rows that a generator was trained on or selected with."""
    known = read_header(checkpoint).training_set
    return {*known.training_hashes, *known.held_out_hashes}


def checkpoint_hashes(generators: FoldGenerators) -> dict[str, str]:
    """Return each class's checkpoint hash, after :func:`check_generator`."""
    found = {}
    for label in generators.train.classes:
        path = generators.checkpoint(label)
        if not path.exists():
            raise InputError(
                "generator_missing",
                f"{path}: not found. Run the study again to train it.",
                path=path,
            )
        check_generator(generators, label)
        found[label] = provenance(path).checkpoint_sha256
    return found


def train_fold_generators(
    folds: Sequence[FoldGenerators], machine: Machine, *, on_progress: Callable[[str, Row], None]
) -> None:
    """Train the generators that are missing or not finished, several at a time.

    InputError, before any training, for a generator that saw wrong rows, was trained with another
    precision, device, seed or number of threads, or has lost its log.
    """
    tasks: list[dict[str, Any]] = []
    for fold in folds:
        for label in fold.train.classes:
            if fold.checkpoint(label).exists():
                check_generator(fold, label)
                if _is_finished(fold, label, machine):
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
                    "checkpoint_every": 5,
                    "probe_every": 0,
                    "extractor": "lite0",
                }
            )
    machine.run(train_class, tasks, on_message=lambda message: on_progress(*message))


def _is_finished(fold: FoldGenerators, label: str, machine: Machine) -> bool:
    """Return whether the training run has ended; InputError if it is of another generator."""
    folder, path = fold.folder / label, fold.checkpoint(label)
    rows = fold.train.where(label=label)
    known = training_set_of(rows, rows.where(label=""), label, fold.options)
    check_continues(path, fold.options, seed=child_seed(fold.seed, label), training_set=known)
    given = {
        "precision": machine.precision,
        "threads": machine.threads,
        "device": machine.device.split(":")[0],
    }
    before = read_options(folder)
    for name in given if before else ():
        if (then := getattr(before, name)) != given[name]:
            raise InputError(
                "generator_trained_otherwise",
                f"{folder}: this generator was trained with --{name} {then}, but this study uses "
                f"--{name} {given[name]}. Give the same, or choose another --out.",
                path=folder,
                option=name,
                found=then,
                expected=given[name],
            )
    if read_header(path).epoch < fold.options.epochs:
        return False
    _last_row(folder, fold.options.epochs)
    return True


def as_recorded(machine: Machine, folder: Path) -> Machine:
    """Return ``machine`` with the precision and threads of generators in ``folder``, if not given.

    So a study that is moved to another machine continues with its own settings.
    """
    found = (read_options(path.parent) for path in sorted(folder.glob(f"*/*/{CHECKPOINT}")))
    before = next((options for options in found if options), None)
    if before is None:
        return machine
    precision = before.precision if machine.precision == "auto" else machine.precision
    return replace(machine, precision=precision, threads=machine.threads or before.threads)


def _last_row(folder: Path, epochs: int) -> EpochRow:
    rows = read_log(folder)
    last = rows[-1].epoch if rows else 0
    if last != epochs:
        path = folder / LOG
        raise InputError(
            "log_incomplete",
            f"{path}: ends at epoch {last}, expected {epochs}. Restore the whole log, or remove "
            "the folder to train the generator again.",
            path=path,
            found=last,
            expected=epochs,
        )
    return rows[-1]


def summaries(folds: Sequence[FoldGenerators]) -> dict[str, GeneratorSummary]:
    """Return by class what its generators are and how their training ended, means over folds."""
    recipes = dict(Counter(recipe_text(fold.options) for fold in folds).most_common())
    found = {}
    for label in folds[0].train.classes if folds else ():
        last = [_last_row(fold.folder / label, fold.options.epochs) for fold in folds]

        def mean(name: str, rows: Sequence[EpochRow] = last) -> float | None:
            values = [getattr(row, name) for row in rows]
            return None if None in values else float(np.mean(values))

        found[label] = GeneratorSummary(
            recipe=" or ".join(recipes),
            recipes=recipes,
            generators=len(folds),
            epochs=round(float(np.mean([fold.options.epochs for fold in folds]))),
            steps=round(np.mean([row.step for row in last])),
            images_seen=round(np.mean([row.images_seen for row in last])),
            final=FinalLosses(**{name: mean(name) for name in FinalLosses.__struct_fields__}),
        )
    return found
