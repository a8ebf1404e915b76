"""All subjects in one run, and what machine it was."""

from __future__ import annotations

import datetime
import importlib
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.ceiling import ceilings
from benchmarks.equality import equality
from benchmarks.rows import Row
from fewray.compute.device import choose_device, choose_precision
from fewray.compute.process import busy, cores
from fewray.errors import InputError

SUBJECTS = ("gan", "classifier", "features", "quality", "loading", "study", "gpu")


def measure(
    subjects: Sequence[str] = SUBJECTS,
    *,
    rounds: int = 3,
    equal: bool = True,
    on_row: Callable[[Row], None] = lambda row: None,
) -> dict[str, Any]:
    """Measure ``subjects`` one after another and return plain numbers for JSON; each row is handed on when it is there.

    ``equal`` adds to the subject gan whether the fast path's losses and KID lie where the textbook's do, which takes
    minutes. On a machine without a GPU its rows say so.
    """
    for name in subjects:
        if name not in SUBJECTS:
            raise InputError(f"bench {name}: no such subject; there are {', '.join(SUBJECTS)}")
    import torch

    where, at_first = choose_device("auto"), busy()
    limits = ceilings()
    found: dict[str, Any] = {
        "command": " ".join(
            ["python -m benchmarks", *(subjects if tuple(subjects) != SUBJECTS else ())]
        ),
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "hardware": hardware(),
        "torch": torch.__version__.split("+")[0],
        "precision": choose_precision(where),
        "rounds": rounds,
        "busy": at_first,
        "ceilings": limits,
        "rows": [],
    }

    def add(row: Row) -> None:
        found["rows"].append(row.to_json())
        on_row(row)

    for name in subjects:
        module = importlib.import_module(f"benchmarks.{name}")
        for row in module.measure(limits, rounds=rounds):
            add(row)
        if name == "gan" and equal:
            found["equality"] = {"The fast path's trainings are the textbook's": equality()}
    return found


def hardware() -> str:
    """Return the processor's name and number of cores, and the GPU's where there is one."""
    import torch

    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ", no GPU"
    return f"{cores()} cores ({name}){gpu}"
