"""Training of the generators of all classes, in parallel, into one folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from fewray.compute.dask.cluster import connected
from fewray.compute.machine import Machine
from fewray.compute.seeds import child_seed
from fewray.config import GanOptions
from fewray.data.hold_out import check_no_synthetic, split_hold_out
from fewray.data.layout.outputs import check_out_folder
from fewray.data.manifest import Manifest
from fewray.errors import InputError, check_range
from fewray.generators.log import read_options
from fewray.generators.run import CHECKPOINT
from fewray.pipelines.train_one import check_one, train_one
from fewray.presets import AUTO, choose_recipe, recipe
from fewray.results.training import (
    ALL_CLASSES,
    EpochRow,
    RunOptions,
    generator_names,
    read_run_options,
)
from fewray.storage.files import locked, write_bytes

OnRow = Callable[[str, Mapping[str, Any]], None]
"""Called with a class and a row of its log, or its progress within an epoch, as plain JSON."""


def recipe_for(
    rows: Manifest, name: str, *, classes: Sequence[str] | None = None, image_size: int = 64
) -> tuple[GanOptions, str]:
    """Return the options of the recipe ``name`` at a size; for ``auto``, also why it was chosen."""
    if name != AUTO:
        return recipe(name, image_size), ""
    counts = Counter(row.label for row in rows.rows)
    images = {label: counts[label] for label in classes or rows.classes}
    return choose_recipe(images, image_size)


def train_generators(
    manifest: Manifest,
    options: GanOptions | str,
    out: Path,
    *,
    classes: Sequence[str] | None = None,
    seed: int = 0,
    machine: Machine | None = None,
    resume: bool = False,
    checkpoint_every: int = 5,
    probe_every: int = 20,
    extractor: str = "lite0",
    hold_out: float = 0.0,
    patience: int = 0,
    on_epoch: OnRow = lambda label, row: None,
    on_batch: OnRow = lambda label, progress: None,
) -> dict[str, EpochRow | None]:
    """Train one generator per class into ``out/<class>``; return the last row of each one's log.

    A pooled recipe trains one generator of all classes into ``out/all_classes``. Every row of
    ``manifest`` is used: pass training rows only. ``options`` may be the name of a recipe.
    ``probe_every`` 0 measures no quality during training. A share ``hold_out`` of each class's
    patients is kept from the generators, for the KID to unseen images; with ``patience`` above 0
    training stops after so many measurements of it that are no better. InputError for an unknown
    class, a class without images, synthetic images, or a folder that holds other generators.
    """
    if isinstance(options, str):
        options, _ = recipe_for(manifest, options, classes=classes)
    check_range("--seed", seed, 0)
    check_range("--checkpoint-every", checkpoint_every, 1)
    check_range("--quality-every", probe_every, 0)
    check_no_synthetic(manifest)
    check_out_folder(manifest, out, (*manifest.classes, ALL_CLASSES))
    for label in classes or ():
        if label not in manifest.classes:
            message = f"--classes {label}: the classes are {', '.join(manifest.classes)}."
            raise InputError("class_unknown", message, label=label)
    # In the order of the data set: a class is a number for a pooled generator.
    selected = tuple(label for label in manifest.classes if not classes or label in classes)
    names = generator_names(selected, options)
    for label in selected:
        if len(manifest.where(label=label)) == 0:
            message = f"class {label}: no training images, expected at least 1."
            raise InputError("too_few_images", message, label=label)
    for name in names:
        if not resume and (out / name / CHECKPOINT).exists():
            message = f"{out / name}: already holds a generator. Continue it with --resume"
            message += " (in Python: resume=True), or choose another --out."
            raise InputError("already_trained", message, folder=str(out / name))
    if patience and not (hold_out and probe_every):
        message = "--stop-when-done needs --hold-out and --quality-every above 0."
        raise InputError("options_conflict", message)
    tasks: list[dict[str, Any]] = []
    for name, learnt in names.items():
        rows, held_out = _split(manifest, learnt, hold_out, seed)
        tasks.append(
            {
                "rows": rows,
                "held_out": held_out,
                "patience": patience,
                "label": name,
                "options": options,
                "folder": out / name,
                "seed": child_seed(seed, "generator", name),
                "checkpoint_every": checkpoint_every,
                "probe_every": probe_every,
                "extractor": extractor,
            }
        )
    run = RunOptions(
        gan=options,
        data=manifest.name,
        source=manifest.source,
        data_sha256=manifest.sha256(),
        group_regex=manifest.group_regex,
        seed=seed,
        hold_out=hold_out,
        patience=patience,
        classes=selected,
        device="",
        precision="",
        threads=0,
    )
    others = _others(out, run)
    for task in tasks:
        check_one(**task)
    machine = machine or Machine()
    with locked(out), connected(machine.executor, out):
        settled = machine.settled()
        for task in tasks:
            task["machine"] = settled
            if resume:
                task["machine"] = _as_started(task["folder"], machine, settled)
        first: Machine = tasks[0]["machine"]
        run = msgspec.structs.replace(
            run,
            classes=tuple(sorted({*selected, *others})),
            device=first.device,
            precision=first.precision,
            threads=first.threads,
        )
        content = msgspec.json.format(msgspec.json.encode(run), indent=1)
        write_bytes(out / "options.json", content + b"\n")
        results = settled.run(
            train_one,
            tasks,
            on_message=lambda message: (on_batch if "batch" in message[1] else on_epoch)(*message),
        )
    return dict(zip(names, results, strict=True))


def _split(
    manifest: Manifest, classes: Sequence[str], share: float, seed: int
) -> tuple[Manifest, Manifest]:
    """Return the rows of ``classes`` to train on, and those that are held out of each class."""
    rows = tuple(row for label in classes for row in manifest.where(label=label).rows)
    learnt = replace(manifest, classes=tuple(classes), rows=rows)
    return split_hold_out(learnt, share, seed=seed)


def _as_started(folder: Path, asked: Machine, settled: Machine) -> Machine:
    """Return the machine to resume with: what ``asked`` leaves open is as the run was started."""
    before = read_options(folder)
    if before is None:
        return settled
    precision = before.precision if asked.precision == "auto" else settled.precision
    return replace(settled, precision=precision, threads=asked.threads or before.threads)


def _others(out: Path, run: RunOptions) -> list[str]:
    """Return the other classes with a generator in ``out``.

    InputError if they were trained with other options than ``run``, epochs aside, or if a pooled
    generator would lie beside those of single classes.
    """
    path = out / "options.json"
    if not path.exists():
        return []
    before = read_run_options(path)
    names = generator_names(run.classes, run.gan)
    others = [
        name
        for name in generator_names(before.classes, before.gan)
        if name not in names and (out / name / CHECKPOINT).exists()
    ]
    changed = [
        name
        for name in ("data", "data_sha256", "group_regex", "seed", "hold_out", "patience")
        if getattr(before, name) != getattr(run, name)
    ]
    if before.gan.continued() != run.gan.continued():
        changed.insert(0, "gan")
    if others and changed:
        message = f"{out}: {', '.join(others)} trained with other {', '.join(changed)}."
        raise InputError(
            "other_training_run",
            f"{message} Use the same values, or another --out.",
            others=others,
            changed=changed,
        )
    return others
