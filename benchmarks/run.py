"""Measure all subjects in one run and describe the machine."""

from __future__ import annotations

import datetime
import importlib
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.equality import equality
from benchmarks.peak import measure_peak
from benchmarks.table import TableRow
from fewray.compute.device import choose_device, choose_precision
from fewray.compute.process import busy, cores
from fewray.errors import InputError

SUBJECTS = ("gan", "families", "classifier", "features", "quality", "loading", "study", "gpu")


def measure(
    subjects: Sequence[str] = SUBJECTS,
    *,
    rounds: int = 3,
    equal: bool = True,
    on_row: Callable[[TableRow], None] = lambda row: None,
) -> dict[str, Any]:
    """Measure ``subjects`` in turn and return JSON values; ``on_row`` gets each row at once.

    With ``equal``, subject ``gan`` also checks that losses and KID of the fast path agree with the
    textbook's, which takes minutes. Without a GPU the rows of subject ``gpu`` are marked as not
    measured.
    """
    for name in subjects:
        if name not in SUBJECTS:
            raise InputError(
                "unknown_subject",
                f"unknown subject {name!r}; expected one of {', '.join(SUBJECTS)}",
                found=name,
                expected=SUBJECTS,
            )
    import torch

    device, at_start = choose_device("auto"), busy()
    peak = measure_peak()
    found: dict[str, Any] = {
        "command": " ".join(
            ["python -m benchmarks", *(subjects if tuple(subjects) != SUBJECTS else ())]
        ),
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "hardware": hardware(),
        "torch": torch.__version__.split("+")[0],
        "precision": choose_precision(device),
        "rounds": rounds,
        "busy": at_start,
        "peak": peak,
        "rows": [],
    }

    def add(row: TableRow) -> None:
        found["rows"].append(row.to_json())
        on_row(row)

    for name in subjects:
        module = importlib.import_module(f"benchmarks.{name}")
        for row in module.measure(peak, rounds=rounds):
            add(row)
        if name == "gan" and equal:
            found["equality"] = {
                "Training with the fast path compared with the textbook": equality()
            }
    return found


def hardware() -> str:
    """Return the number of cores and the names of the processor and the GPU."""
    import torch

    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ", no GPU"
    return f"{cores()} cores ({name}){gpu}"
