"""Handlers of the owner's pages of one study: invite readers, see how far they are."""

from __future__ import annotations

from urllib.parse import quote

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from fewray.app.context import Context, context_of
from fewray.app.library import Found
from fewray.app.pages import name_of, owner_form, problem_of, see_other, wants_json
from fewray.app.reader_study.access import GRADE_OF
from fewray.app.reader_study.results import found_study
from fewray.config import ReaderStudyOptions
from fewray.errors import InputError
from fewray.readers.invitations import invite_reader, renew_token
from fewray.readers.session import Progress, ReadingSession
from fewray.readers.study import ReaderStudy
from fewray.results.readers.study import GRADES, Grade


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


def study(request: Request) -> Response:
    """Show one reader study."""
    context = context_of(request)
    run = found_study(request, name_of(request))
    view = view_of(context, run)
    key, new = request.query_params.get("link", ""), None
    if key and request.method == "GET" and not wants_json(request):
        new = context.links.take(key)
    reader, link = new or ("", "")
    return context.pages.show(
        request,
        "reader_study.html.j2",
        view,
        section="readers",
        view=view,
        grades=GRADES,
        reader=reader,
        link=link,
        shown_before=bool(key) and new is None,
        live=not link,
    )


async def invite(request: Request) -> Response:
    """Invite a reader, or give one a new link; the next page shows the link, once."""
    context = context_of(request)
    form = await owner_form(request, context.forms)

    def change() -> tuple[str, str]:
        run = found_study(request, request.path_params["name"])
        if reader := form.get("renew"):
            made = renew_token(run.folder, reader)
        else:
            grade = GRADE_OF.get(form.get("grade", ""))
            made = invite_reader(run.folder, grade)
        return made.reader.id, made.token

    reader, token = await run_in_threadpool(change)
    key = context.links.keep(reader, f"{context.origin}/read/{token}")
    return see_other(f"{quote(request.url.path)}?link={key}")


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


def _asked(options: ReaderStudyOptions) -> list[str]:
    asked = ["real or synthetic", "confidence"]
    return asked + ["class"] * options.ask_class + ["click"] * options.ask_click


def _reader(opened: ReaderStudy, reader: str, grade: Grade | None) -> ReaderView:
    try:
        progress = ReadingSession(opened, reader).progress()
    except (InputError, OSError) as error:
        return ReaderView(id=reader, grade=grade, progress=None, problem=problem_of(error))
    return ReaderView(id=reader, grade=grade, progress=progress)
