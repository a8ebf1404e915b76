"""A whole small trial: its jobs side by side against one at a time, two Dask workers against one; and the time to start."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from benchmarks.pairs import RunContext, Side, alternate
from benchmarks.rows import Row, paired
from fewray.compute.process import cores
from fewray.presets import CROSSVAL_PRESETS
from fewray.storage.files import sha256_of

HELP_SECONDS, IMPORT_SECONDS = 0.3, 0.1
DATA = "phantom:train=16,test=0"
WORKERS_TARGET = 1.8
LONGER = 2
"""How many times the steps of the small trial the cluster's has: starting workers and writing the report take as long in both."""


def measure(limits: dict[str, float], *, rounds: int, device: str = "auto") -> list[Row]:
    """Return the rows: the trial, ``fewray --help`` and ``import fewray``."""
    n = cores()
    sides = [
        Side(name="trial", make=trial, options={"processes": n, "threads": 1}),
        Side(name="trial, one job at a time", make=trial, options={"processes": 1, "threads": n}),
    ]
    ours, reference = alternate(sides, 1, warm_up=False)
    what = f"a small trial, {n} jobs side by side against one with {n} threads"
    note = "one round; starting the processes is counted; memory without that of the jobs"
    whole = paired("study", what, ours, reference, work=1, unit="trials/s", target=1.0, note=note)
    commands = {
        "fewray --help": (
            [sys.executable, "-c", "from fewray.cli import main; main()", "--help"],
            HELP_SECONDS,
        ),
        "import fewray": ([sys.executable, "-c", "import fewray"], IMPORT_SECONDS),
    }
    sides = [
        Side(name=what, make=starting, options={"command": command})
        for what, (command, _) in commands.items()
    ]
    started = alternate(sides, 2 * rounds + 1)
    return [
        whole,
        clustered(),
        *(
            Row(
                subject="study",
                what=what,
                unit="s",
                ours=timed.median,
                rounds=len(timed.seconds),
                target=f"{limit:g} s",
                reached=timed.median <= limit,
                note="Python's own start is in it",
            )
            for (what, (_, limit)), timed in zip(commands.items(), started, strict=True)
        ),
    ]


def clustered(*, longer: int = LONGER) -> Row:
    """Return the row of the trial on a Dask cluster of two workers against one of one worker."""
    what = f"a trial of {longer} times the steps, two Dask workers of one thread against one"
    if not find_spec("distributed"):
        note = "the package distributed is not installed"
        return Row(subject="study", what=what, target=f"{WORKERS_TARGET} x", note=note)
    two, one = (
        Side(name=name, make=trial, options={"executor": name, "longer": longer})
        for name in ("dask:2", "dask:1")
    )
    fast, slow = alternate([two, one], 1, warm_up=False)
    note = "one round; starting the workers is counted; memory without that of the workers"
    row = paired(
        "study", what, fast, slow, work=1, unit="trials/s", target=WORKERS_TARGET, note=note
    )
    if fast.results == slow.results:
        return row
    return replace(row, reached=False, note=f"{note}; study.json of two workers IS NOT that of one")


def trial(
    part: int, *, processes: int = 0, threads: int = 1, executor: str = "local", longer: int = 1
) -> RunContext:
    """Prepare a trial small enough for half a minute, or ``longer`` times its steps; each round is run in a new folder.

    The work returns the hash of ``study.json``.
    """
    from fewray.api import run_study
    from fewray.data.loading import load_dataset

    preset = CROSSVAL_PRESETS["quick"]
    options = preset.with_(
        arms=("no_augmentation", "classic", "synthetic"),
        gan=preset.gan.with_(epochs=4 * longer, classic_images=100),
        classifier=preset.classifier.with_(steps=40 * longer),
    )
    rows = load_dataset(DATA)

    def work() -> str:
        folder = tempfile.mkdtemp()
        try:
            run_study(
                rows,
                Path(folder) / "run",
                options=options,
                processes=processes,
                threads=threads,
                executor=executor,
            )
            return sha256_of(Path(folder) / "run" / "study.json")
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    return work


def starting(part: int, *, command: list[str]) -> RunContext:
    """Prepare the start of a command."""

    def work() -> None:
        subprocess.run(command, check=True, capture_output=True)

    return work
