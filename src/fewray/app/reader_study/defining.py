"""Handlers of the list of reader studies and of the form that defines a new one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from fewray.app.context import Context, context_of
from fewray.app.images.image_set import ImageSet
from fewray.app.pages import encodable, integer, owner_form, see_other
from fewray.app.reader_study.owner import view_of
from fewray.config import ReaderStudyOptions
from fewray.data.manifest import PATIENTS
from fewray.errors import InputError
from fewray.readers.api import new_reader_study

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")
USE = "use:"
"""Start of the form's fields that choose sets of synthetic images."""
LABELS = {
    "num_real": "Real",
    "num_synthetic": "Per generator",
    "num_practice": "Practice",
    "num_repeats": "Shown twice",
    "image_size": "Size (px)",
    "seconds": "Time limit (s), 0: none",
    "seed": "Seed",
}
"""What the form calls its numbers."""


def studies(request: Request) -> Response:
    """Show the reader studies, and the form for a new one."""
    return _page(request)


async def define(request: Request) -> Response:
    """Make a new study from the form; show it again, as it was filled in, if it cannot be made."""
    context = context_of(request)
    form = await owner_form(request, context.forms)
    try:
        name = await run_in_threadpool(_define, context, form)
    except InputError as error:
        field = LABELS.get(str(error.fields.get("option")), "")
        said = f"{field}: {error.message}" if field else error.message
        return await run_in_threadpool(_page, request, form, encodable(said))
    return see_other(f"/reader-studies/{name}")


def _page(request: Request, posted: Mapping[str, str] | None = None, problem: str = "") -> Response:
    """Return the list with the form: with what was ``posted``, or with the defaults."""
    context = context_of(request)
    runs = context.library.runs()
    synthetic = [f"synthetic/{run.name}" for run in runs if run.kind == "images"]
    return context.pages.show(
        request,
        "reader_studies.html.j2",
        [view_of(context, run) for run in runs if run.kind == "reader_study"],
        status=422 if problem else 200,
        section="readers",
        real=[(each.key, each.title, available(each)) for each in context.images.real()],
        synthetic=[(key, _available(context, key)) for key in synthetic],
        labels=LABELS,
        values=_defaults(synthetic) if posted is None else posted,
        problem=problem,
        can_define=context.library.only is None,
        use=USE,
    )


def _defaults(synthetic: list[str]) -> dict[str, str]:
    options = ReaderStudyOptions()
    numbers = ("num_real", "num_synthetic", "num_practice", "num_repeats", "image_size", "seed")
    values = {"name": "reader-study", "seconds": "0", "ask_click": "1"}
    values |= {name: str(getattr(options, name)) for name in numbers}
    return values | {f"{USE}{key}": "1" for key in synthetic[:1]}


def available(images: ImageSet) -> str:
    """Return how many images a study can draw from a set, in all and of the smallest class.

    The same file counts once, and so does each patient of real images.
    """
    rows = images.manifest.rows
    files = len({row.sha256 for row in rows})
    real = images.origin == "real"
    known = real and all(each.code != PATIENTS for each in images.manifest.warnings)
    drawn = {(row.label, row.group if real else row.sha256) for row in rows}
    by_class = Counter(label for label, _ in drawn)
    if not by_class:
        return "no images"
    unit = "patients" if known else "images"
    label = min(sorted(by_class), key=lambda each: by_class[each])
    if len(set(by_class.values())) == 1:
        return f"{files} images; {by_class[label]} {unit} per class"
    shown = images.manifest.display_names.get(label, label)
    return f"{files} images; smallest class: {shown}, {by_class[label]} {unit}"


def _available(context: Context, key: str) -> str:
    try:
        return available(context.images.get(key))
    except (InputError, OSError):
        return "cannot be read"


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
