"""The list of runs: what each is, how far it is, and its result in one line."""

from __future__ import annotations

import msgspec

from fewray.app.library import QUALITY, READER_STUDY, Found, Kind
from fewray.app.runs.state import Progress, State, last_change
from fewray.app.runs.study import view_study
from fewray.app.runs.training import view_training
from fewray.data.manifest import MANIFEST, SOURCES
from fewray.errors import InputError
from fewray.readers.session import ReadingSession
from fewray.readers.study import open_study
from fewray.report.text import number
from fewray.results.quality_sets import read_quality_sets, sets_of

KINDS: dict[Kind, str] = {
    "study": "Study",
    "training": "Training run",
    "quality": "Quality report",
    "images": "Synthetic images",
    "reader_study": "Reader study",
}

MISNAMED = "No address can name this folder: it is not UTF-8, has a line feed, or ends with .json."


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """One run in the list."""

    name: str
    kind: Kind
    state: State
    about: str
    """Data and recipe, in a few words."""
    result: str = ""
    """What came out, in one line."""
    progress: Progress | None = None
    changed: float | None = None
    """When a file was last written, in seconds since 1970."""
    problem: str = ""
    has_report: bool = False
    misnamed: bool = False
    """Whether no page can show it."""

    @property
    def kind_name(self) -> str:
        """Return the kind in words."""
        return KINDS[self.kind]


def row_of(run: Found) -> RunRow:
    """Return the row of a run; whatever is wrong with it becomes its ``problem``."""
    if run.misnamed:
        return msgspec.structs.replace(_damaged(run, MISNAMED), misnamed=True)
    try:
        row = ROWS[run.kind](run)
    except InputError as error:
        row = _damaged(run, str(error))
    except OSError as error:
        row = _damaged(run, f"cannot be read ({error.strerror})")
    return msgspec.structs.replace(row, has_report=(run.folder / "report.html").is_file())


def _damaged(run: Found, problem: str) -> RunRow:
    return RunRow(name=run.name, kind=run.kind, state="damaged", about="", problem=problem)


def _study(run: Found) -> RunRow:
    view = view_study(run.folder)
    about = ", ".join(part for part in (view.data, view.preset) if part)
    result = " ".join(view.verdicts) or view.stage
    return RunRow(
        name=run.name,
        kind=run.kind,
        state=view.state,
        about=about,
        result=result,
        progress=view.progress if view.state in ("running", "stopped") else None,
        changed=view.changed,
        problem=view.problem,
    )


def _training(run: Found) -> RunRow:
    view = view_training(run.folder)
    about = ", ".join(part for part in (view.data, view.recipe) if part)
    measured = [
        f"{each.name}: {number(row.kid, 2)}"
        for each in view.generators
        if (row := next((r for r in reversed(each.rows) if r.kid is not None), None)) is not None
        and row.kid is not None
    ]
    problems = [each.problem for each in view.generators if each.problem]
    return RunRow(
        name=run.name,
        kind=run.kind,
        state=view.state,
        about=about,
        result=f"KID {', '.join(measured)}" if measured else "",
        progress=view.progress,
        changed=view.changed,
        problem=problems[0] if problems else view.problem,
    )


def _quality(run: Found) -> RunRow:
    path = run.folder / QUALITY
    sets = sets_of(read_quality_sets(path))
    first = next(iter(sets.values()))
    scores = [
        f"{name} KID {number(found.pooled.kid, 2)}, FID {number(found.pooled.fid, 1)}".strip()
        for name, found in sets.items()
    ]
    return RunRow(
        name=run.name,
        kind=run.kind,
        state="complete",
        about=f"{len(first.classes)} classes, {first.extractor}",
        result="; ".join(scores),
        changed=last_change([path]),
    )


def _images(run: Found) -> RunRow:
    from fewray.generators.output_folder import read_sources

    sources = read_sources(run.folder)
    complete = (run.folder / MANIFEST).is_file()
    images = sum(1 for label in sources for _ in (run.folder / label).glob("seed*"))
    return RunRow(
        name=run.name,
        kind=run.kind,
        state="complete" if complete else "stopped",
        about=", ".join(sorted({source.options.recipe for source in sources.values()})),
        result=f"{images} images of {', '.join(sources)}" if complete else "",
        changed=last_change([run.folder / MANIFEST, run.folder / SOURCES]),
        problem="" if complete else "Images are being generated, or an earlier call failed.",
    )


def _reader_study(run: Found) -> RunRow:
    study = open_study(run.folder)
    readers = study.readers
    done = sum(ReadingSession(study, each.id).progress().complete for each in readers)
    logs = [study.answers_folder(each.id) / "answers.jsonl" for each in readers]
    return RunRow(
        name=run.name,
        kind=run.kind,
        state="complete" if readers and done == len(readers) else "stopped",
        about=f"{study.file.real} against {', '.join(study.file.generators)}",
        result=f"{done} of {len(readers)} readers have finished" if readers else "nobody invited",
        changed=last_change([run.folder / READER_STUDY, *logs]),
    )


ROWS = {
    "study": _study,
    "training": _training,
    "quality": _quality,
    "images": _images,
    "reader_study": _reader_study,
}
