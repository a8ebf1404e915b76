"""Time a small study with parallel jobs and on Dask, and the start of fewray."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from benchmarks.pairs import Side, Task, alternate
from benchmarks.table import TableRow, paired
from fewray.compute.process import cores
from fewray.presets import CROSSVAL_PRESETS
from fewray.storage.files import sha256_of

HELP_SECONDS, IMPORT_SECONDS = 0.3, 0.1
DATA = "phantom:train=16,test=0"
WORKERS_TARGET = 1.8
LONGER = 2
"""Factor on the training steps for the cluster, where the start of workers takes longer."""
COMMANDS = {
    "fewray --help": (["-c", "from fewray.cli import main; main()", "--help"], HELP_SECONDS),
    "import fewray": (["-c", "import fewray"], IMPORT_SECONDS),
}


def measure(peak: dict[str, float], *, rounds: int, device: str = "auto") -> list[TableRow]:
    """Return the rows of the study by local processes and by Dask, and of the start."""
    return [side_by_side(), clustered(), *starts(rounds=rounds)]


def side_by_side() -> TableRow:
    """Return the row of a study with one process per core against one process with all threads."""
    n = cores()
    sides = [
        Side(name="study", make=study, options={"processes": n, "threads": 1}),
        Side(name="study, one job at a time", make=study, options={"processes": 1, "threads": n}),
    ]
    ours, reference = alternate(sides, 1, warm_up=False)
    what = f"a small study, {n} jobs in parallel against one job with {n} threads"
    note = "one round, including the start of the processes; memory excludes the jobs"
    return paired("study", what, ours, reference, work=1, unit="studies/s", target=1.0, note=note)


def clustered(*, longer: int = LONGER) -> TableRow:
    """Return the row of the study on a Dask cluster of two workers against one of one worker."""
    what = f"a study with {longer} times the steps, two Dask workers of one thread against one"
    if not find_spec("distributed"):
        note = "the package distributed is not installed"
        return TableRow(subject="study", what=what, target=f"{WORKERS_TARGET} x", note=note)
    two, one = (
        Side(name=name, make=study, options={"executor": name, "longer": longer})
        for name in ("dask:2", "dask:1")
    )
    fast, slow = alternate([two, one], 1, warm_up=False)
    note = "one round, including the start of the workers; memory excludes the workers"
    row = paired(
        "study", what, fast, slow, work=1, unit="studies/s", target=WORKERS_TARGET, note=note
    )
    if fast.results == slow.results:
        return row
    note = f"{note}; study.json of two workers DIFFERS from that of one"
    return replace(row, reached=False, note=note)


def starts(*, rounds: int) -> list[TableRow]:
    """Return the rows of the time to start."""
    sides = [
        Side(name=what, make=starting, options={"command": [sys.executable, *words]})
        for what, (words, _) in COMMANDS.items()
    ]
    return [
        TableRow(
            subject="study",
            what=what,
            unit="s",
            ours=timed.median,
            rounds=len(timed.seconds),
            target=f"{limit:g} s",
            reached=timed.median <= limit,
            note="includes the start of Python",
        )
        for (what, (_, limit)), timed in zip(
            COMMANDS.items(), alternate(sides, 2 * rounds + 1), strict=True
        )
    ]


def study(
    part: int, *, processes: int = 0, threads: int = 1, executor: str = "local", longer: int = 1
) -> Task:
    """Prepare a study of half a minute, or of ``longer`` times its steps, in a new folder.

    The task returns the hash of ``study.json``.
    """
    from fewray.api import run_study
    from fewray.data.loading import load_dataset

    preset = CROSSVAL_PRESETS["quick"]
    options = preset.with_(
        arms=("no_augmentation", "classic", "synthetic"),
        gan=preset.gan.with_(epochs=4 * longer, classic_images=100),
        classifier=preset.classifier.with_(steps=40 * longer),
    )
    data = load_dataset(DATA)

    def work() -> str:
        folder = Path(tempfile.mkdtemp())
        try:
            run_study(
                data,
                folder / "run",
                options=options,
                processes=processes,
                threads=threads,
                executor=executor,
            )
            return sha256_of(folder / "run" / "study.json")
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    return work


def starting(part: int, *, command: list[str]) -> Task:
    """Prepare the start of a command."""

    def work() -> None:
        subprocess.run(command, check=True, capture_output=True)

    return work
