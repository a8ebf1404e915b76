"""What the page of a study shows: its progress while it runs, its verdicts when it is done."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import msgspec

from fewray.app.library import QUALITY, STARTED, generator_runs, kind_of
from fewray.app.runs.state import Progress, State, is_locked, last_change
from fewray.app.runs.training import TrainingView, view_training
from fewray.errors import InputError
from fewray.report.pages.first_screen import memorised_sentence
from fewray.results.crossval import CrossvalStudy
from fewray.results.files import STUDY, read_study
from fewray.results.names import VERDICT_NAMES, arm_name
from fewray.results.published import PublishedStudy
from fewray.results.scores import Interval

T = TypeVar("T")


class Timing(msgspec.Struct, frozen=True):
    """What is shown of ``timing.json``."""

    seconds: float = 0.0
    host: str = ""
    started: str = ""
    jobs: tuple[dict[str, str | float], ...] = ()


class Assignment(msgspec.Struct, frozen=True):
    """What is shown of ``fold_assignment.json``."""

    folds: int = 0
    data: str = ""


class ArmView(msgspec.Struct, frozen=True, kw_only=True):
    """An arm of a study, in percent and percentage points."""

    arm: str
    name: str
    accuracy: float | None
    difference: float | None
    ci: Interval | None
    verdict: str
    is_reference: bool = False


class FoldView(msgspec.Struct, frozen=True, kw_only=True):
    """The generators of one repeat and fold."""

    name: str
    training: TrainingView


class StudyView(msgspec.Struct, frozen=True, kw_only=True):
    """A study, complete or not."""

    state: State
    data: str
    protocol: str = ""
    preset: str = ""
    verdicts: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    memorised: str = ""
    """How many synthetic images were copies of training images."""
    reference: str = ""
    arms: tuple[ArmView, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    folds: tuple[FoldView, ...] = ()
    classifiers: int = 0
    """Classifiers whose results are stored."""
    stage: str = ""
    progress: Progress | None = None
    """Of the generators; None where the study has none yet."""
    changed: float | None = None
    has_quality: bool = False
    problem: str = ""


def view_study(folder: Path) -> StudyView:
    """Return the view of the study in ``folder``; damaged files become a ``problem``."""
    timing = _read(folder / "timing.json", Timing) or Timing()
    pinned = next((a for n in STARTED if (a := _read(folder / n, Assignment))), Assignment())
    folds = tuple(FoldView(name=run.name, training=view_training(run)) for run in _runs(folder))
    jobs = _count(folder / "jobs", "classifier-*.json")
    running = is_locked(folder)
    trained = [fold.training for fold in folds]
    progress = None
    if trained:
        progress = _progress(trained, pinned.folds)
    view = StudyView(
        state="running" if running else "stopped",
        data=pinned.data,
        folds=folds,
        classifiers=jobs,
        stage=_stage(trained, jobs, pinned) if running else "",
        progress=progress,
        facts=_facts(timing, pinned),
        changed=_changed(folder, trained),
        has_quality=(folder / QUALITY).is_file(),
    )
    if not (folder / STUDY).is_file():
        return view
    try:
        study = _study_of(folder)
    except InputError as error:
        state: State = "running" if running else "damaged"
        stage = view.stage if running else ""
        return msgspec.structs.replace(view, state=state, stage=stage, problem=str(error))
    conclusion = study.conclusion
    view = msgspec.structs.replace(
        view,
        state="running" if running else "complete",
        data=study.data.name,
        preset=study.preset,
        stage="",
        protocol="crossval" if isinstance(study, CrossvalStudy) else "published",
        verdicts=tuple(dict.fromkeys(verdict.text for verdict in conclusion.verdicts)),
        warnings=tuple(warning.text for warning in study.warnings),
        reference=conclusion.reference,
        arms=tuple(_arms(study)) if isinstance(study, CrossvalStudy) else (),
    )
    if isinstance(study, CrossvalStudy):
        facts = [("Images", str(study.data.images)), ("Patients", str(study.data.patients))]
        facts += [("Preset", study.preset), ("Seeds", str(len(study.seeds)))]
        view = msgspec.structs.replace(
            view, facts=(*facts, *view.facts), memorised=memorised_sentence(study)
        )
    else:
        arms = tuple(
            ArmView(
                arm=arm,
                name=arm_name(arm),
                accuracy=100 * found.accuracy.mean,
                difference=None,
                ci=None,
                verdict="",
            )
            for arm, found in study.arms.items()
        )
        view = msgspec.structs.replace(view, arms=arms)
    return view


def _study_of(folder: Path) -> CrossvalStudy | PublishedStudy:
    """Return ``study.json``, read again only when it has changed."""
    try:
        found = (folder / STUDY).stat()
    except OSError:
        return read_study(folder)  # which says what is wrong
    return _read_once(folder, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=64)
def _read_once(folder: Path, changed: int, size: int) -> CrossvalStudy | PublishedStudy:
    return read_study(folder)


def _arms(study: CrossvalStudy) -> list[ArmView]:
    """Return the arms, the reference first."""
    found = []
    for arm, result in study.arms.items():
        compared = study.comparisons.get(arm)
        value = result.accuracy.value
        found.append(
            ArmView(
                arm=arm,
                name=arm_name(arm),
                accuracy=None if value is None else 100 * value,
                difference=None if compared is None else 100 * compared.difference,
                ci=None if compared is None else (100 * compared.ci[0], 100 * compared.ci[1]),
                verdict="" if compared is None else VERDICT_NAMES[compared.verdict],
                is_reference=arm == study.reference,
            )
        )
    return sorted(found, key=lambda arm: not arm.is_reference)


def _runs(folder: Path) -> list[Path]:
    """Return the folders of generators: one per fold, or the one of the published protocol."""
    below = folder / "generators"
    return [below] if kind_of(below) == "training" else generator_runs(folder)


def _progress(trained: Sequence[TrainingView], folds: int) -> Progress:
    """Return the epochs done and to come; folds that have not begun count as the others do."""
    done = sum(each.progress.done for each in trained)
    total = sum(each.progress.total for each in trained)
    total += max(0, folds - len(trained)) * (total // len(trained))
    running = [each.progress for each in trained if each.state == "running"]
    pace = sum(
        (each.total - each.done) / each.seconds_left for each in running if each.seconds_left
    )
    return Progress(done=done, total=total, seconds_left=(total - done) / pace if pace else None)


def _stage(trained: Sequence[TrainingView], jobs: int, pinned: Assignment) -> str:
    """Return what the study is doing, as far as its files show."""
    if jobs:
        return "Classifiers are being trained."
    if any(each.state != "complete" for each in trained):
        return "Generators are being trained."
    if trained and len(trained) >= pinned.folds:
        return "Image sets are being made."
    return "Generators are being trained." if trained else "Images are being read."


def _facts(timing: Timing, pinned: Assignment) -> tuple[tuple[str, str], ...]:
    facts = []
    if pinned.folds:
        facts.append(("Folds", str(pinned.folds)))
    if timing.started:
        facts.append(("Started", timing.started[:16].replace("T", " ")))
    if timing.seconds:
        facts.append(("Computing time", f"{timing.seconds / 60:.0f} min"))
    if timing.host:
        facts.append(("Machine", timing.host))
    return tuple(facts)


def _changed(folder: Path, trained: Sequence[TrainingView]) -> float | None:
    times = [each.changed for each in trained if each.changed is not None]
    own = last_change(folder / name for name in (STUDY, "timing.json", "jobs", *STARTED))
    return max([*times, *([own] if own is not None else [])], default=None)


def _read(path: Path, model: type[T]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=model)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _count(folder: Path, pattern: str) -> int:
    try:
        return sum(1 for path in folder.glob(f"*{pattern}"))
    except OSError:
        return 0
