"""Render pages, as HTML or as JSON where the address ends with ``.json``, and read forms."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

import jinja2
import msgspec
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from fewray.app.security import OPEN_PATHS, Forms
from fewray.errors import InputError, RunFailed

HERE = Path(__file__).parent
STATIC = HERE / "static"
NOT_FOUND = (
    "no_run",
    "no_image",
    "no_set",
    "reader_not_found",
    "no_page",
    "no_reader_finished",
    "file_not_found",
)
"""Codes of InputError that mean that an address leads nowhere."""
POLL_SECONDS = 5.0
"""How often a page of a running job fetches itself."""
FIELDS = 40
"""Fields of a form at most."""
WHOLE = re.compile(r"-?\d{1,11}")
UNREADABLE = "This page cannot be shown now. Tell the person who invited you."
NOT_STORED = "Nothing was stored. Try again, or tell the person who invited you."
"""What readers see of an error whose message names a file."""


class Pages:
    """The templates, and what all pages share."""

    def __init__(self, forms: Forms, runs_name: str) -> None:
        self.forms = forms
        self.environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.environment.filters.update(
            path=quote, ago=ago, duration=duration, number=number, signed=signed
        )
        self.poll_seconds = POLL_SECONDS
        self.environment.globals.update(runs_name=runs_name, live_mark=self._live_mark)

    def _live_mark(self, live: bool) -> Markup:
        """Return the attribute of a part of a page that fetches itself again while it is live."""
        return Markup(f'data-live="{self.poll_seconds:g}"' if live else "data-still")

    def html(
        self, template: str, *, status: int = 200, section: str = "", **values: Any
    ) -> HTMLResponse:
        """Return a page; ``section`` is the part of the app that it belongs to."""
        token = self.forms.token()
        text = self.environment.get_template(template).render(
            {"section": section, "csrf": token, **values}
        )
        return HTMLResponse(encodable(text).encode(), status)

    def show(
        self,
        request: Request,
        template: str,
        data: Any,
        *,
        status: int = 200,
        section: str = "",
        **values: Any,
    ) -> Response:
        """Return ``data`` as JSON if the address asks for it, else as a page."""
        if wants_json(request):
            return json_response(data)
        json_url = quote(f"{request.url.path.rstrip('/')}.json")
        if request.url.query:
            json_url += f"?{request.url.query}"
        shared = {"section": section, "json_url": json_url, "data": data}
        return self.html(template, status=status, **shared, **values)

    def problem(self, request: Request, error: Exception) -> Response:
        """Return the page of an error: one line that says what is wrong.

        Readers may be on other machines: they see no path and no link to the owner's pages.
        """
        status, code, text = 500, "internal", "The page cannot be shown. See the terminal."
        match error:
            case InputError() if error.code in NOT_FOUND:
                status, code, text = 404, error.code, error.message
            case InputError() if error.code == "folder_in_use":
                status, code, text = 409, error.code, error.message
            case InputError():
                status, code, text = 422, error.code, error.message
            case RunFailed():
                status, code, text = 500, error.code, error.message
            case OSError():
                status, code, text = 422, "unreadable", problem_of(error)
            case HTTPException():
                status, code = error.status_code, "http"
                text = {404: "There is no such page.", 405: "This page takes no such request."}.get(
                    status, error.detail
                )
        open_to_all = request.url.path.startswith(OPEN_PATHS)
        if open_to_all and _names_a_file(error):
            text = UNREADABLE if request.method in ("GET", "HEAD") else NOT_STORED
        if wants_json(request):
            return json_response({"error": code, "message": encodable(text)}, status)
        template = "read_error.html.j2" if open_to_all else "error.html.j2"
        return self.html(template, status=status, title="Not shown", text=text)


def problem_of(error: Exception) -> str:
    """Return what is wrong, in one line: the error's own text, or the file that cannot be read."""
    if isinstance(error, OSError):
        named = f"{error.filename or 'A file'}: cannot be read ({error.strerror or error})."
        return encodable(named)
    return encodable(str(error))


def encodable(text: str) -> str:
    """Return ``text`` with what is not UTF-8, as in names of files, written as an escape."""
    return text.encode(errors="backslashreplace").decode()


def _names_a_file(error: Exception) -> bool:
    """Return whether an error is about a file or folder of this machine."""
    if isinstance(error, InputError | RunFailed):
        return not {"path", "folder"}.isdisjoint(error.fields)
    return isinstance(error, OSError)


def wants_json(request: Request) -> bool:
    """Return whether the address ends with ``.json``."""
    return request.url.path.endswith(".json")


def json_response(data: Any, status: int = 200) -> Response:
    """Return ``data``, built-in values or typed structs, as JSON."""
    try:
        content = msgspec.json.format(msgspec.json.encode(data), indent=1)
    except UnicodeEncodeError:  # the name of a file is not UTF-8
        content = json.dumps(msgspec.to_builtins(data), indent=1)
    return Response(content, status, media_type="application/json")


def name_of(request: Request) -> str:
    """Return the run's name in the address, without ``.json``."""
    return request.path_params["name"].removesuffix(".json").strip("/")


async def form_of(request: Request) -> dict[str, str]:
    """Return the fields of a posted form; InputError for anything but a short, valid one."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind != "application/x-www-form-urlencoded":
        raise HTTPException(415, "expected a form")
    try:
        text = (await request.body()).decode("ascii")
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS))
    except ValueError:
        raise HTTPException(400, "this form cannot be read") from None


async def owner_form(request: Request, forms: Forms) -> dict[str, str]:
    """Return the fields of a form of the owner's pages; 403 without its token."""
    fields = await form_of(request)
    if not forms.is_genuine(fields.get("csrf", "")):
        raise HTTPException(403, "This form is out of date. Reload the page and try again.")
    return fields


def integer(values: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    """Return a whole number of an address or form; InputError outside ``low`` to ``high``."""
    text = values.get(name, "").strip() or str(default)
    if WHOLE.fullmatch(text) and low <= int(text) <= high:
        return int(text)
    message = f"{name} {text[:40]}: expected a whole number from {low} to {high}."
    raise InputError("out_of_range", message, option=name, value=text[:40])


def see_other(address: str) -> RedirectResponse:
    """Return the redirect after a form was accepted."""
    return RedirectResponse(address, 303)


def ago(moment: float | None) -> str:
    """Return how long ago a time was, in words."""
    if moment is None:
        return ""
    seconds = max(0.0, time.time() - moment)
    return "just now" if seconds < 10 else f"{duration(seconds)} ago"


def duration(seconds: float | None) -> str:
    """Return a time span with one unit, as "4 min"."""
    if seconds is None:
        return ""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size or (seconds >= size and unit == "min"):
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def number(value: float | None, digits: int = 3) -> str:
    """Return a number with so many significant digits, a dash for None."""
    return "–" if value is None else f"{value:.{digits}g}"


def signed(value: float | None, digits: int = 1) -> str:
    """Return a number with its sign, 0 without one, a dash for None."""
    if value is None:
        return "–"
    shown = f"{value:+.{digits}f}"
    return shown.replace("-", "−") if float(shown) else shown[1:]
