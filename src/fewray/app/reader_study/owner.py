"""Handlers of the owner's pages: define a study, invite readers, see how far they are."""

from __future__ import annotations

import re
from dataclasses import replace

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from fewray.app.context import Context, context_of
from fewray.app.library import Found
from fewray.app.pages import integer, name_of, owner_form, problem_of, see_other
from fewray.app.reader_study.access import GRADE_OF
from fewray.app.reader_study.results import found_study
from fewray.config import ReaderStudyOptions
from fewray.errors import InputError
from fewray.readers.api import new_reader_study
from fewray.readers.invitations import invite_reader, renew_token
from fewray.readers.session import Progress, ReadingSession
from fewray.readers.study import ReaderStudy
from fewray.results.readers.study import GRADES, Grade

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")
USE = "use:"
"""Start of the form's fields that choose sets of synthetic images."""


class ReaderView(msgspec.Struct, frozen=True, kw_only=True):
    """A reader and how far this reader is."""

    id: str
    grade: Grade | None
    progress: Progress | None
    problem: str = ""


class ReaderStudyView(msgspec.Struct, frozen=True, kw_only=True):
    """A reader study: its design and its readers."""

    name: str
    title: str
    real: str = ""
    generators: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    readers: tuple[ReaderView, ...] = ()
    warnings: tuple[str, ...] = ()
    problem: str = ""

    @property
    def complete(self) -> int:
        """Return how many readers have answered everything."""
        return sum(bool(each.progress and each.progress.complete) for each in self.readers)


def studies(request: Request) -> Response:
    """Show the reader studies, and the form for a new one."""
    context = context_of(request)
    found = [run for run in context.library.runs() if run.kind == "reader_study"]
    synthetic = [f"synthetic/{r.name}" for r in context.library.runs() if r.kind == "images"]
    return context.pages.show(
        request,
        "reader_studies.html.j2",
        [view_of(context, run) for run in found],
        section="readers",
        real=[(each.key, each.title) for each in context.images.real()],
        synthetic=synthetic,
        defaults=ReaderStudyOptions(),
        can_define=context.library.only is None,
        use=USE,
    )


def study(request: Request) -> Response:
    """Show one reader study."""
    context = context_of(request)
    run = found_study(request, name_of(request))
    view = view_of(context, run)
    return _study_page(request, context, view)


async def define(request: Request) -> Response:
    """Make a new study from the form."""
    context = context_of(request)
    form = await owner_form(request, context.forms)
    name = await run_in_threadpool(_define, context, form)
    return see_other(f"/reader-studies/{name}")


async def invite(request: Request) -> Response:
    """Invite a reader, or give one a new link; show the link, which is stored nowhere."""
    context = context_of(request)
    form = await owner_form(request, context.forms)

    def change() -> tuple[ReaderStudyView, str, str]:
        run = found_study(request, request.path_params["name"])
        if reader := form.get("renew"):
            made = renew_token(run.folder, reader)
        else:
            grade = GRADE_OF.get(form.get("grade", ""))
            made = invite_reader(run.folder, grade)
        return view_of(context, run), made.reader.id, made.token

    view, reader, token = await run_in_threadpool(change)
    link = f"{context.origin}/read/{token}"
    return _study_page(request, context, view, reader=reader, link=link)


def view_of(context: Context, run: Found) -> ReaderStudyView:
    """Return the view of a study; what is wrong with it becomes its ``problem``."""
    try:
        opened = context.readers.open(run.folder)
        file, options = opened.file, opened.options
        readers = tuple(_reader(opened, each.id, each.grade) for each in opened.readers)
    except (InputError, OSError) as error:
        return ReaderStudyView(name=run.name, title=run.name, problem=problem_of(error))
    test = sum(not item.practice for item in file.items)
    limit = f"{options.seconds:g} s per image" if options.seconds else "none"
    facts = (
        ("Real images", f"{options.num_real} of {file.real}"),
        ("Synthetic images", f"{options.num_synthetic} per generator"),
        ("Test images", f"{test}, {options.num_repeats} of them twice"),
        ("Practice images", str(options.num_practice)),
        ("Size", f"{options.image_size} px, {options.fit}"),
        ("Time limit", limit),
        ("Asked", ", ".join(_asked(options))),
        ("Seed", str(options.seed)),
    )
    return ReaderStudyView(
        name=run.name,
        title=file.name,
        real=file.real,
        generators=file.generators,
        classes=file.classes,
        facts=facts,
        readers=readers,
        warnings=tuple(warning.text for warning in file.warnings),
    )


def _study_page(
    request: Request, context: Context, view: ReaderStudyView, *, reader: str = "", link: str = ""
) -> Response:
    return context.pages.show(
        request,
        "reader_study.html.j2",
        view,
        section="readers",
        view=view,
        grades=GRADES,
        reader=reader,
        link=link,
        live=not link,
    )


def _asked(options: ReaderStudyOptions) -> list[str]:
    asked = ["real or synthetic", "confidence"]
    return asked + ["class"] * options.ask_class + ["click"] * options.ask_click


def _reader(opened: ReaderStudy, reader: str, grade: Grade | None) -> ReaderView:
    try:
        progress = ReadingSession(opened, reader).progress()
    except (InputError, OSError) as error:
        return ReaderView(id=reader, grade=grade, progress=None, problem=problem_of(error))
    return ReaderView(id=reader, grade=grade, progress=progress)


def _define(context: Context, form: dict[str, str]) -> str:
    """Write the study that the form describes into the served folder; return its name."""
    from fewray.pipelines.provenance import patient_pattern

    name = form.get("name", "").strip()
    if not NAME.fullmatch(name):
        message = f"name {name[:60]!r}: expected letters, digits, hyphens and underscores."
        raise InputError("study_name", message, name=name[:60])
    if context.library.only is not None:
        message = "Start `fewray serve` with the folder that holds the runs to define a study."
        raise InputError("single_run", message)
    real = context.images.get(form.get("real", ""))
    keys = [key.removeprefix(USE) for key in form if key.startswith(USE)]
    chosen = [context.images.get(key) for key in keys]
    if real.origin != "real" or any(each.folder is None for each in chosen) or not chosen:
        message = "Choose real images and at least one set of synthetic images."
        raise InputError("no_generator", message)
    options = ReaderStudyOptions(
        num_real=integer(form, "num_real", 60, 2, 1000),
        num_synthetic=integer(form, "num_synthetic", 60, 2, 1000),
        num_practice=integer(form, "num_practice", 8, 0, 100),
        num_repeats=integer(form, "num_repeats", 10, 0, 1000),
        image_size=integer(form, "image_size", 64, 8, 2048),
        seconds=float(integer(form, "seconds", 0, 0, 3600)),
        ask_class=form.get("ask_class") == "1",
        ask_click=form.get("ask_click") == "1",
        seed=integer(form, "seed", 0, 0, 2**31 - 1),
    )
    folder = context.library.base / name
    if folder.exists():
        raise InputError("study_exists", f"{name}: this folder exists; choose another name.")
    # Patients are found as in the generators' training; without a pattern they are known already.
    patterned = any(patient_pattern(each.generators) for each in chosen)
    made = [replace(each.manifest, name=each.title) for each in chosen]
    new_reader_study(folder, real.source if patterned else real.manifest, made, options=options)
    return name
