"""On a GPU: the paper's four generators at full length against the textbook loop, and the whole trial, in seconds."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.pairs import RunContext, Side, alternate
from benchmarks.rows import Row
from fewray.compute.device import choose_device
from fewray.config import CrossvalOptions, GanOptions
from fewray.data.loading import load_dataset
from fewray.data.manifest import Manifest
from fewray.errors import InputError
from fewray.presets import CROSSVAL_PRESETS, RECIPES

GANS_SECONDS, GANS_TARGET, TRIAL_SECONDS = 30.0, 6.0, 300.0
TEXTBOOK_STEPS = 200
"""Steps a class that the textbook is timed for; its rate is taken for the whole length."""
TRIAL = CROSSVAL_PRESETS["full"].with_(repeats=1, generator_replicates=1)
"""Four folds of four full-length generators, every arm and analysis, five seeds."""


def measure(limits: dict[str, float], *, rounds: int, device: str = "auto") -> list[Row]:
    """Return both rows, each measured once, without a warm-up; without a GPU they say so."""
    if choose_device(device).type != "cuda":
        note = "no GPU on this machine"
        return [
            Row(
                subject="gpu",
                what=_GANS,
                target=f"{GANS_SECONDS:g} s, {GANS_TARGET:g} x",
                note=note,
            ),
            Row(subject="gpu", what=_TRIAL, target=f"{TRIAL_SECONDS:g} s", note=note),
        ]
    rows = _films()
    return [
        full_length(rows, RECIPES["paper"], device=device),
        whole_trial(rows, TRIAL, device=device),
    ]


_GANS = "four paper GANs at full length, files and quality on the way"
_TRIAL = "the whole trial, 16 full-length generators, all arms, 5 seeds"


def full_length(rows: Manifest, options: GanOptions, *, device: str) -> Row:
    """Return the row of one generator a class, with its log, grids, checkpoints and figures of quality."""
    side = Side(
        name="four generators",
        make=generators,
        options={"rows": rows, "options": options, "device": device},
    )
    book = Side(
        name="textbook gan", make=textbook, options={"classes": len(rows.classes), "device": device}
    )
    ours, slow = (alternate([one], 1, warm_up=one is book)[0] for one in (side, book))
    steps = sum(ours.results[0])
    per_step = slow.median / (len(rows.classes) * TEXTBOOK_STEPS)
    ratio = steps * per_step / ours.median
    return Row(
        subject="gpu",
        what=_GANS,
        unit="s",
        ours=ours.median,
        reference=steps * per_step,
        ratio=ratio,
        low=ratio,
        high=ratio,
        rounds=1,
        target=f"{GANS_SECONDS:g} s, {GANS_TARGET:g} x",
        reached=ours.median <= GANS_SECONDS and ratio >= GANS_TARGET,
        note=f"{rows.name}, {steps:,} steps, starting the process counted; the reference is the textbook's rate over "
        f"{TEXTBOOK_STEPS} steps a class, without files or figures of quality",
    )


def whole_trial(rows: Manifest, options: CrossvalOptions, *, device: str) -> Row:
    """Return the row of a trial with everything in it, from films to its report."""
    side = Side(
        name="trial", make=trial, options={"rows": rows, "options": options, "device": device}
    )
    (ours,) = alternate([side], 1, warm_up=False)
    return Row(
        subject="gpu",
        what=_TRIAL,
        unit="s",
        ours=ours.median,
        rounds=1,
        target=f"{TRIAL_SECONDS:g} s",
        reached=ours.median <= TRIAL_SECONDS,
        note=f"{rows.name}, {len(rows)} films",
    )


def generators(part: int, *, rows: Manifest, options: GanOptions, device: str) -> RunContext:
    """Prepare the training of a generator a class; the work returns the steps of each."""
    from fewray.api import train_generator

    def work(folder: Path) -> list[int]:
        last = train_generator(rows, folder / "run", options=options, device=device)
        return [row["step"] for row in last.values()]

    return partial(_in_a_new_folder, work)


def trial(part: int, *, rows: Manifest, options: CrossvalOptions, device: str) -> RunContext:
    """Prepare a trial."""
    from fewray.api import run_study

    return partial(
        _in_a_new_folder,
        lambda folder: str(run_study(rows, folder / "run", options=options, device=device)),
    )


def textbook(part: int, *, classes: int, device: str) -> RunContext:
    """Prepare the textbook loop of ``classes`` generators, one after another, for some steps each."""
    import itertools

    import numpy as np

    from benchmarks.textbook import TextbookGan

    noise = np.random.default_rng(0).integers(0, 256, (34 * 32, 1, 64, 64), dtype=np.uint8)
    where = str(choose_device(device))
    runs = [TextbookGan(noise, label, where).steps() for label in range(classes)]

    def work() -> list[float]:
        return [loss for run in runs for loss, _ in itertools.islice(run, TEXTBOOK_STEPS)]

    return work


def _in_a_new_folder(work: Callable[[Path], object]) -> object:
    folder = tempfile.mkdtemp()
    try:
        return work(Path(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _films() -> Manifest:
    try:
        return load_dataset("covid4")
    except InputError:
        return load_dataset("phantom")
