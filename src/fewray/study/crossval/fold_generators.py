"""The generators of a study, trained on one fold's training rows alone, per class or pooled."""

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
from fewray.pipelines.train_one import train_one, training_set_of
from fewray.presets import recipe_text
from fewray.results.crossval import GeneratorSummary
from fewray.results.scores import FinalLosses, StudyWarning
from fewray.results.training import EpochRow, generator_names, piece_warnings
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
    """A generator takes the child seed of its name, which is that of its class if not pooled."""

    def names(self) -> dict[str, tuple[str, ...]]:
        """Return the name of each generator with the classes that it learns."""
        return generator_names(self.train.classes, self.options)

    def checkpoint(self, label: str) -> Path:
        """Return where the checkpoint of a class lies."""
        name = next(name for name, learnt in self.names().items() if label in learnt)
        return self.folder / name / CHECKPOINT

    def rows(self, name: str) -> Manifest:
        """Return the training rows of a generator."""
        return self.train if self.options.pooled else self.train.where(label=name)


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


def check_generator(generators: FoldGenerators, name: str) -> None:
    """Raise InputError if the generator saw a test row, or other rows than its training rows.

    The rows are named in the checkpoint, so renaming a folder changes nothing.
    """
    path = generators.folder / name / CHECKPOINT
    check_generator_rows(
        hashes_seen(path),
        generators.rows(name),
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
    for name, learnt in generators.names().items():
        path = generators.folder / name / CHECKPOINT
        if not path.exists():
            raise InputError(
                "generator_missing",
                f"{path}: not found. Run the study again to train it.",
                path=path,
            )
        check_generator(generators, name)
        found |= dict.fromkeys(learnt, provenance(path).checkpoint_sha256)
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
        for name in fold.names():
            if (fold.folder / name / CHECKPOINT).exists():
                check_generator(fold, name)
                if _is_finished(fold, name, machine):
                    continue
            rows = fold.rows(name)
            tasks.append(
                {
                    "rows": rows,
                    "held_out": rows.where(label=""),
                    "patience": 0,
                    "label": name,
                    "shown": f"{fold.folder.name} {name}",
                    "options": fold.options,
                    "folder": fold.folder / name,
                    "seed": child_seed(fold.seed, name),
                    "machine": machine,
                    "checkpoint_every": 5,
                    "probe_every": 0,
                    "extractor": "lite0",
                }
            )
    machine.run(train_one, tasks, on_message=lambda message: on_progress(*message))


def _is_finished(fold: FoldGenerators, name: str, machine: Machine) -> bool:
    """Return whether the training run has ended; InputError if it is of another generator."""
    folder, rows = fold.folder / name, fold.rows(name)
    path = folder / CHECKPOINT
    known = training_set_of(rows, rows.where(label=""), name, fold.options)
    check_continues(path, fold.options, seed=child_seed(fold.seed, name), training_set=known)
    given = {
        "precision": machine.precision,
        "threads": machine.threads,
        "device": machine.device.split(":")[0],
    }
    before = read_options(folder)
    for option in given if before else ():
        if (then := getattr(before, option)) != given[option]:
            raise InputError(
                "generator_trained_otherwise",
                f"{folder}: this generator was trained with --{option} {then}, but this study uses "
                f"--{option} {given[option]}. Give the same, or choose another --out.",
                path=folder,
                option=option,
                found=then,
                expected=given[option],
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


def copied_pieces(folds: Sequence[FoldGenerators]) -> list[StudyWarning]:
    """Return a warning per recipe that assembles images from pieces of training images."""
    found = [
        warning
        for fold in folds
        for warning in piece_warnings(dict.fromkeys(fold.train.classes, fold.options))
    ]
    return list(dict.fromkeys(found))


def summaries(folds: Sequence[FoldGenerators]) -> dict[str, GeneratorSummary]:
    """Return by class what its generators are and how their training ended, means over folds."""
    recipes = dict(Counter(recipe_text(fold.options) for fold in folds).most_common())
    found = {}
    for label in folds[0].train.classes if folds else ():
        last = [_last_row(fold.checkpoint(label).parent, fold.options.epochs) for fold in folds]

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
