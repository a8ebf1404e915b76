"""Handlers of the pages that readers see. They hold no truth but that of answered practice."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from fewray.app.context import Context, context_of
from fewray.app.pages import form_of, json_response, see_other, wants_json
from fewray.app.reader_study.access import GRADE_OF, Visit, answer_to, is_answered_practice
from fewray.errors import InputError
from fewray.readers.invitations import set_grade
from fewray.readers.session import Progress, Showing
from fewray.results.readers.study import CONFIDENCES, GRADES, LONGEST_MS, Answer, Grade

OUT_OF_STEP = ("not_due", "unknown_showing")
"""Codes of answers to an image that is not due, as from a second window."""


class ReadingView(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader sees of the study."""

    name: str
    grade: Grade | None
    progress: Progress
    due: Showing | None


def read(request: Request) -> Response:
    """Show the reader's next step: grade, practice, interlude, test image, or the end."""
    context = context_of(request)
    token = request.path_params["token"].removesuffix(".json")
    visit = context.readers.visit(token)
    session = visit.session
    view = ReadingView(
        name=visit.study.file.name,
        grade=visit.reader.grade,
        progress=session.progress(),
        due=session.next(),
    )
    if wants_json(request):
        return json_response(view)
    query = request.query_params
    after = query.get("after", "")
    if view.grade is None:
        return _page(context, visit, "read_welcome.html.j2", view, grades=GRADES)
    if after and is_answered_practice(session, after):
        item, answer = session.study.item_of[after], answer_to(session, after)
        names = session.study.file.display_names
        shown = names.get(item.label, item.label) if session.study.options.ask_class else ""
        return _page(
            context,
            visit,
            "read_truth.html.j2",
            view,
            showing=after,
            truth=item.kind,
            answer=answer,
            label=shown,
        )
    if view.due is None:
        return _page(context, visit, "read_end.html.j2", view)
    first = view.progress.practice_total and not view.due.practice and view.due.number == 1
    if first and not query.get("start"):
        return _page(context, visit, "read_start.html.j2", view)
    left = context.readers.seconds_left(visit, view.due)
    return _page(context, visit, "read_image.html.j2", view, due=view.due, left=left)


def picture(request: Request) -> Response:
    """Send the picture that is to be read now. Nothing in the answer depends on the truth."""
    context = context_of(request)
    visit = context.readers.visit(request.path_params["token"])
    showing = request.path_params["showing"].removesuffix(".png")
    return Response(context.readers.picture(visit, showing), media_type="image/png")


async def choose_grade(request: Request) -> Response:
    """Store the reader's grade."""
    return await _post(request, _grade)


async def answer(request: Request) -> Response:
    """Store an answer. It is on the disk before the next image is shown."""
    return await _post(request, _answer)


async def _post(
    request: Request, change: Callable[[Context, Visit, dict[str, str]], str]
) -> Response:
    """Check a reader's form, let ``change`` store it, and go to the address it returns."""
    context = context_of(request)
    form = await form_of(request)
    visit = await run_in_threadpool(context.readers.visit, request.path_params["token"])
    if not hmac.compare_digest(form.get("csrf", "").encode(), visit.csrf.encode()):
        raise HTTPException(403, "This form is not from this study. Reload the page.")
    return see_other(await run_in_threadpool(change, context, visit, form))


def _grade(context: Context, visit: Visit, form: dict[str, str]) -> str:
    grade = GRADE_OF.get(form.get("grade", ""))
    if grade is None:
        raise InputError("grade_missing", "Choose one of the grades.")
    set_grade(visit.study.folder, visit.reader.id, grade)
    return f"/read/{visit.token}"


def _answer(context: Context, visit: Visit, form: dict[str, str]) -> str:
    posted = read_answer(form, context.readers.seconds_since(visit, form.get("showing", "")))
    try:
        receipt = visit.session.answer(posted)
    except InputError as error:
        if error.code not in OUT_OF_STEP:
            raise
        return f"/read/{visit.token}?start=1"
    after = f"after={receipt.stored.showing}" if receipt.truth is not None else "start=1"
    return f"/read/{visit.token}?{after}"


def read_answer(form: dict[str, str], waited: float | None) -> Answer:
    """Return the answer in a form; InputError ``answer_incomplete`` or ``answer_invalid``.

    The time is that of the reader's browser or, without scripts, that since the picture was sent.
    It counts as a day at most, and as 0 if the clock was set back: an image can always be answered.
    """
    if form.get("choice") not in ("real", "synthetic"):
        raise InputError("answer_incomplete", "Choose whether the image is real or synthetic.")
    if not form.get("confidence"):
        raise InputError("answer_incomplete", "Choose how sure you are.")
    ms = form.get("ms") or min(max(0, round(1000 * (waited or 0.0))), LONGEST_MS)
    values = {
        "showing": form.get("showing", ""),
        "synthetic": form["choice"] == "synthetic",
        "confidence": form["confidence"],
        "label": form.get("label") or None,
        "x": form.get("x") or None,
        "y": form.get("y") or None,
        "ms": ms,
    }
    try:
        return msgspec.convert(values, Answer, strict=False)
    except msgspec.ValidationError as error:
        raise InputError("answer_invalid", f"This answer cannot be stored: {error}.") from None


def _page(
    context: Context, visit: Visit, template: str, view: ReadingView, **values: Any
) -> Response:
    options, file = visit.study.options, visit.study.file
    return context.pages.html(
        template,
        token=visit.token,
        reader_csrf=visit.csrf,
        view=view,
        options=options,
        names={label: file.display_names.get(label, label) for label in file.classes},
        phantom=file.phantom,
        confidences=CONFIDENCES,
        **values,
    )
