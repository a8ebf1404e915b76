"""Handlers of walks between seeds, and of marks."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from fewray.app.context import Context, context_of
from fewray.app.images.pages import png, reject_of
from fewray.app.images.walk import MAX_SEED, STEPS, checkpoint_of
from fewray.app.pages import integer, name_of, owner_form, see_other
from fewray.errors import InputError
from fewray.imaging.arrays import png_bytes
from fewray.storage.files import sha256_of
from fewray.storage.rejects import Reject, mark, rejected_seeds


class WalkView(msgspec.Struct, frozen=True, kw_only=True):
    """A walk between two seeds of a generator."""

    run: str
    classes: tuple[str, ...]
    label: str
    first: int
    second: int
    step: int = 0
    """The step that is shown large."""
    steps: int = STEPS
    checkpoint: str = ""
    """Start of the checkpoint's SHA-256: the addresses of frames change with it."""
    marks: tuple[tuple[int, bool], ...] = ()
    """The two seeds, and whether they are marked as artefacts."""
    problem: str = ""


def walk(request: Request) -> Response:
    """Show the walk between two seeds."""
    from fewray.generators.generate import run_classes

    context = context_of(request)
    name = name_of(request)
    folder = context.library.folder(name)
    classes = tuple(run_classes(folder))
    query = request.query_params
    label = query.get("class") or classes[0]
    first = integer(query, "from", 0, 0, MAX_SEED)
    second = integer(query, "to", 1, 0, MAX_SEED)
    step = integer(query, "step", 0, 0, STEPS - 1)
    view = WalkView(run=name, classes=classes, label=label, first=first, second=second, step=step)
    checkpoint = checkpoint_of(folder, label)
    try:
        context.walks.between(checkpoint, label, first, second)
    except InputError as error:
        if error.code != "no_interpolation":
            raise
        view = msgspec.structs.replace(view, problem=str(error))
    else:
        sha256 = sha256_of(checkpoint)
        marked = rejected_seeds((folder,), {label: sha256})[label]
        marks = tuple((seed, seed in marked) for seed in dict.fromkeys((first, second)))
        view = msgspec.structs.replace(view, checkpoint=sha256[:16], marks=marks)
    return context.pages.show(request, "walk.html.j2", view, section="images", view=view)


def frame(request: Request) -> Response:
    """Send one image of a walk."""
    context, query = context_of(request), request.query_params
    name, _, step = request.path_params["name"].removesuffix(".png").rpartition("/")
    folder = context.library.folder(name)
    label = query.get("class", "")
    made = context.walks.between(
        checkpoint_of(folder, label),
        label,
        integer(query, "from", 0, 0, MAX_SEED),
        integer(query, "to", 1, 0, MAX_SEED),
    )
    return png(png_bytes(made[integer({"step": step}, "step", 0, 0, STEPS - 1)]))


async def change_mark(request: Request) -> Response:
    """Mark a synthetic image as an artefact, or remove the mark."""
    from starlette.concurrency import run_in_threadpool

    context = context_of(request)
    form = await owner_form(request, context.forms)
    return see_other(await run_in_threadpool(_change, context, form))


def _change(context: Context, form: dict[str, str]) -> str:
    """Store the mark in ``form``; return the address to go back to."""
    marked, reason = form.get("marked") == "1", form.get("reason", "").strip()
    if "run" in form:
        folder = context.library.folder(form["run"])
        label = form.get("class", "")
        seed = integer(form, "seed", 0, 0, MAX_SEED)
        mark(folder, _of_seed(folder, label, seed, reason), marked=marked)
        first, _, second = form.get("back", "").partition("-")
        query = {"class": label, "from": first or seed, "to": second or seed}
        return f"/walk/{quote(form['run'])}?{urlencode(query)}"
    found = context.images.get(form.get("set", ""))
    row = found.row(form.get("image", ""))
    if found.folder is None:
        raise InputError("not_synthetic", "Only synthetic images can be marked.")
    mark(found.folder, reject_of(found, row, reason), marked=marked)
    return f"/image/{quote(found.key)}/{form['image']}"


def _of_seed(folder: Path, label: str, seed: int, reason: str) -> Reject:
    sha256 = sha256_of(checkpoint_of(folder, label))
    return Reject(label=label, seed=seed, checkpoint_sha256=sha256, reason=reason)
