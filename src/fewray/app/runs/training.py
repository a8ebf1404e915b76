"""What the page of a training run shows, read from its files while they are being written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from fewray.app.runs.state import Progress, State, is_locked, last_change, training_progress
from fewray.errors import InputError
from fewray.generators.health import best_epoch, findings
from fewray.generators.log import LOG, OPTIONS, read_log, read_options
from fewray.results.training import ALL_CLASSES, EpochRow, piece_warnings

GRID = re.compile(r"fakes-(\d{6,})\.png")
REALS = "reals.png"
CHECKPOINTS = "[!.]*.safetensors"
STRIP = 8
"""Grids in the filmstrip."""


class GeneratorView(msgspec.Struct, frozen=True, kw_only=True):
    """One generator of a training run."""

    label: str
    """The class, or ``all_classes``."""
    classes: tuple[str, ...]
    state: State
    progress: Progress
    problem: str = ""
    """Why it cannot be shown in full, in one line."""
    rows: tuple[EpochRow, ...] = ()
    grids: tuple[int, ...] = ()
    """Epochs of which there is a grid of synthetic images."""
    reals: bool = False
    has_checkpoint: bool = False
    findings: tuple[str, ...] = ()
    best_epoch: int | None = None

    @property
    def strip(self) -> tuple[int, ...]:
        """Return up to eight epochs with a grid, spread evenly, the last included."""
        n = len(self.grids)
        if n <= STRIP:
            return self.grids
        return tuple(self.grids[round(i * (n - 1) / (STRIP - 1))] for i in range(STRIP))

    @property
    def last(self) -> EpochRow | None:
        """Return the last row of the log."""
        return self.rows[-1] if self.rows else None

    @property
    def name(self) -> str:
        """Return how the generator is called."""
        return "all classes" if self.label == ALL_CLASSES else self.label


class TrainingView(msgspec.Struct, frozen=True, kw_only=True):
    """A folder of generators."""

    recipe: str
    family: str
    data: str
    facts: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    generators: tuple[GeneratorView, ...]
    state: State
    progress: Progress
    changed: float | None
    """When a log was last written, in seconds since 1970."""
    problem: str = ""

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the classes that can be generated now."""
        found = [c for each in self.generators if each.has_checkpoint for c in each.classes]
        return tuple(dict.fromkeys(found))


class _Head(msgspec.Struct):
    """What is shown of the run's own options, if they can be read."""

    data: str = ""


def view_training(folder: Path) -> TrainingView:
    """Return the view of the generators in ``folder``; damaged files become a ``problem``."""
    folders = sorted(
        child
        for child in folder.iterdir()
        if child.is_dir() and ((child / LOG).exists() or (child / OPTIONS).exists())
    )
    generators = tuple(view_generator(child) for child in folders)
    options = next((o for o in map(read_options, folders) if o is not None), None)
    head = _Head()
    # Generators of a study have options in the folders of the classes only.
    with suppress(OSError, msgspec.DecodeError):
        head = msgspec.json.decode((folder / OPTIONS).read_bytes(), type=_Head)
    facts: list[tuple[str, str]] = []
    warnings: list[str] = []
    if options is not None:
        gan = options.options
        facts = [
            ("Recipe", gan.recipe),
            ("Image size", f"{gan.image_size} px"),
            ("Batch size", str(gan.batch_size)),
            ("Device", f"{options.device}, {options.precision}"),
            ("Training images", str(sum(_images(child) for child in folders))),
        ]
        warnings = [w.text for w in piece_warnings({each.label: gan for each in generators})]
    done = sum(each.progress.done for each in generators)
    left = [e.progress.seconds_left for e in generators if e.progress.seconds_left is not None]
    return TrainingView(
        recipe=options.options.recipe if options else "",
        family=options.options.family if options else "",
        data=head.data,
        facts=tuple(facts),
        warnings=tuple(warnings),
        generators=generators,
        state=overall([each.state for each in generators]),
        progress=Progress(
            done=done,
            total=sum(each.progress.total for each in generators),
            seconds_left=max(left, default=None),
        ),
        changed=last_change(child / LOG for child in folders),
        problem="" if options else "The options of this run cannot be read.",
    )


def view_generator(folder: Path) -> GeneratorView:
    """Return the view of one generator's folder."""
    rows: list[EpochRow] = []
    problem = ""
    try:
        rows = read_log(folder)
    except InputError as error:
        problem = str(error)
    except OSError as error:
        problem = f"{folder / LOG}: cannot be read ({error.strerror})."
    options = read_options(folder)
    known = options.training_set.classes if options else ()
    names = [path.name for path in folder.glob("fakes-*.png")]
    last = rows[-1] if rows else None
    if problem:
        state: State = "damaged"
    elif is_locked(folder):
        state = "running"
    else:
        whole = last is not None and last.finite and last.epoch >= last.epochs
        state = "complete" if whole else "stopped"
    return GeneratorView(
        label=folder.name,
        classes=known or (folder.name,),
        state=state,
        progress=training_progress(rows),
        problem=problem,
        rows=tuple(rows),
        grids=tuple(sorted(int(m[1]) for name in names if (m := GRID.fullmatch(name)))),
        reals=(folder / REALS).is_file(),
        has_checkpoint=any(folder.glob(CHECKPOINTS)),
        findings=tuple(str(each) for each in findings(rows)),
        best_epoch=best_epoch(rows),
    )


def overall(states: Sequence[State]) -> State:
    """Return the state of a run from those of its parts."""
    for state in ("running", "damaged", "stopped"):
        if state in states:
            return state
    return "complete" if states else "stopped"


def _images(folder: Path) -> int:
    options = read_options(folder)
    return options.training_set.num_train if options else 0
