"""Generators of all classes, side by side, in one folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fewray.compute.dask.cluster import connected
from fewray.compute.machine import Machine
from fewray.compute.seeds import child_seed
from fewray.config import GanOptions
from fewray.data.hold_out import check_no_synthetic, split_hold_out
from fewray.data.manifest import Manifest
from fewray.errors import InputError
from fewray.generators.log import trained_with
from fewray.generators.run import CHECKPOINT
from fewray.pipelines.train_class import check_class, train_class
from fewray.storage.files import locked, read_object, write_json


def train_generators(
    manifest: Manifest,
    options: GanOptions,
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
    on_epoch: Callable[[str, Mapping[str, Any]], None] = lambda label, row: None,
    on_batch: Callable[[str, Mapping[str, Any]], None] = lambda label, progress: None,
) -> dict[str, dict[str, Any]]:
    """Train a generator for each class of ``manifest``'s rows into ``out/<class>`` and return their last log rows.

    Every row of ``manifest`` is seen: hand over training rows only. ``probe_every`` 0 measures no quality on the way.
    A share ``hold_out`` of each class's patients is kept from the generator for KID to films it has not seen; with
    ``patience`` above 0 a training ends after so many measurements of it that are no better.
    InputError for an unknown class, a class without images, synthetic images, or a folder that holds another training.
    """
    check_no_synthetic(manifest)
    wanted = tuple(dict.fromkeys(classes or manifest.classes))
    for label in wanted:
        if label not in manifest.classes:
            raise InputError(
                f"--classes {label}: no such class; there are {', '.join(manifest.classes)}"
            )
        if len(manifest.where(label=label)) == 0:
            raise InputError(f"class {label}: 0 training images; at least 1 is wanted")
        if not resume and (out / label / "checkpoint.safetensors").exists():
            raise InputError(
                f"{out / label}: holds a training already; add --resume (in Python: resume=True) to continue it or choose "
                "another --out"
            )
    if patience and not (hold_out and probe_every):
        raise InputError("--stop-when-done: needs --hold-out and --quality-every above 0")
    parts = {
        label: split_hold_out(
            manifest.where(label=label), hold_out, seed=child_seed(seed, "hold-out", label)
        )
        for label in wanted
    }
    machine = machine or Machine()
    tasks = [
        {
            "rows": parts[label][0],
            "held_out": parts[label][1],
            "patience": patience,
            "label": label,
            "options": options,
            "folder": out / label,
            "seed": child_seed(seed, "generator", label),
            "resume": True,  # checked above; a task repeated after a crash must resume
            "checkpoint_every": checkpoint_every,
            "probe_every": probe_every,
            "extractor": extractor,
        }
        for label in wanted
    ]
    about = {
        "gan": options.to_json(),
        "data": manifest.name,
        "data_sha256": manifest.sha256(),
        "group_regex": manifest.group_regex,
        "seed": seed,
        "hold_out": hold_out,
        "patience": patience,
    }
    others = _others(out, about, wanted)
    for task in tasks:
        check_class(**task)
    with locked(out), connected(machine.executor, out):
        settled = machine.settled()
        machines = [
            _as_begun(task["folder"], machine, settled) if resume else settled for task in tasks
        ]
        first = machines[0]
        where = {"device": first.device, "precision": first.precision, "threads": first.threads}
        write_json(out / "options.json", {**about, "classes": sorted({*wanted, *others}), **where})
        results = settled.run(
            train_class,
            [{**task, "machine": each} for task, each in zip(tasks, machines, strict=True)],
            on_message=lambda message: (on_batch if "batch" in message[1] else on_epoch)(*message),
        )
    return dict(zip(wanted, results, strict=True))


def _as_begun(folder: Path, asked: Machine, settled: Machine) -> Machine:
    """Return the machine that a class goes on with: what ``asked`` leaves open is as it began, so that its bits agree."""
    before = trained_with(folder)
    return replace(
        settled,
        precision=before.get("precision", settled.precision)
        if asked.precision == "auto"
        else settled.precision,
        threads=asked.threads or before.get("threads", settled.threads),
    )


def _others(out: Path, about: Mapping[str, Any], wanted: Sequence[str]) -> list[str]:
    """Return the other classes with a generator in ``out``; InputError unless all but their epochs is as in ``about``."""
    path = out / "options.json"
    before = read_object(path) if path.exists() else {}
    named = before.get("classes", [])
    if not (isinstance(named, list) and all(isinstance(label, str) for label in named)):
        raise InputError(
            f"{path}: classes {named!r:.40}; names are wanted; remove the file, or choose another --out"
        )
    others = [
        label for label in named if label not in wanted and (out / label / CHECKPOINT).exists()
    ]
    changed = [
        name
        for name, value in about.items()
        if name in before and _timeless(before[name]) != _timeless(value)
    ]
    if others and changed:
        raise InputError(
            f"{out}: holds {', '.join(others)} trained with other {', '.join(changed)}; use the same, or another --out"
        )
    return others


def _timeless(value: Any) -> Any:
    """Return a generator's options without their epochs, and anything else as it is."""
    return (
        {name: each for name, each in value.items() if name != "epochs"}
        if isinstance(value, dict)
        else value
    )
