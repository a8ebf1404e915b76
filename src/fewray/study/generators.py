"""Generators of all classes, side by side, in one folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fewray.cluster import connected
from fewray.config import GanOptions
from fewray.data.hold_out import check_no_synthetic, split_hold_out
from fewray.data.manifest import Manifest
from fewray.device import child_seed
from fewray.errors import InputError
from fewray.runs import locked, read_json, write_json
from fewray.study.class_generator import check_class, train_class
from fewray.study.machine import Machine


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
            raise InputError(f"--classes {label}: no such class; there are {', '.join(manifest.classes)}")
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
        label: split_hold_out(manifest.where(label=label), hold_out, seed=child_seed(seed, "hold-out", label))
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
            "resume": resume,
            "checkpoint_every": checkpoint_every,
            "probe_every": probe_every,
            "extractor": extractor,
        }
        for label in wanted
    ]
    for task in tasks:
        check_class(**task)
    with locked(out), connected(machine.executor, out):
        machine = _recorded(out, machine, len(wanted), resume)
        write_json(
            out / "options.json",
            {
                "gan": options.to_json(),
                "data": manifest.name,
                "data_sha256": manifest.sha256(),
                "group_regex": manifest.notes.get("group_regex"),
                "classes": sorted({*wanted, *_classes_before(out)}),
                "seed": seed,
                "device": machine.device,
                "precision": machine.precision,
                "threads": machine.threads,
                "hold_out": hold_out,
                "patience": patience,
            },
        )
        results = machine.run(
            train_class,
            [{**task, "machine": machine} for task in tasks],
            on_message=lambda message: (on_batch if "batch" in message[1] else on_epoch)(*message),
        )
    return dict(zip(wanted, results, strict=True))


def _recorded(out: Path, machine: Machine, tasks: int, resume: bool) -> Machine:
    """Settle the machine; a resumed run keeps the precision and threads it began with, so that its bits agree."""
    settled = machine.settled(tasks)
    path = out / "options.json"
    if not (resume and path.exists()):
        return settled
    before = read_json(path)
    return Machine(
        device=settled.device,
        precision=before.get("precision", settled.precision) if machine.precision == "auto" else settled.precision,
        processes=settled.processes,
        threads=machine.threads or before.get("threads", settled.threads),
        executor=settled.executor,
    )


def _classes_before(out: Path) -> list[str]:
    path = out / "options.json"
    return list(read_json(path).get("classes", [])) if path.exists() else []
