"""Handlers of the pages of runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response

from fewray.app.context import context_of
from fewray.app.library import QUALITY, Found
from fewray.app.pages import name_of, see_other
from fewray.app.runs.charts import Chart, span_of
from fewray.app.runs.compare import comparison
from fewray.app.runs.curves import compared_charts, training_charts
from fewray.app.runs.listing import row_of
from fewray.app.runs.study import StudyView, view_study
from fewray.app.runs.training import view_training
from fewray.app.security import REPORT_POLICY
from fewray.errors import InputError
from fewray.report.html.drawings import interval_bar
from fewray.results.quality_sets import read_quality_sets

REPORT = "report.html"
PICTURE = re.compile(r"(reals|fakes-\d{6,})\.png")
"""Grids of a training run: the only files of it that are served."""


def runs(request: Request) -> Response:
    """Show the list of runs."""
    context = context_of(request)
    rows = [row_of(run) for run in context.library.runs()]
    rows.sort(key=lambda row: (row.state != "running", -(row.changed or 0.0), row.name))
    return context.pages.show(
        request, "runs.html.j2", rows, section="runs", live=any(r.state == "running" for r in rows)
    )


def run(request: Request) -> Response:
    """Show one run."""
    context = context_of(request)
    found = context.library.find(name_of(request))
    if found.kind == "images":
        return RedirectResponse(f"/images/synthetic/{quote(found.name)}")
    if found.kind == "reader_study":
        return RedirectResponse(f"/reader-studies/{quote(found.name)}")
    return {"study": _study, "training": _training, "quality": _quality}[found.kind](request, found)


def report(request: Request) -> Response:
    """Send the report of a run. Its scripts are cut off from the app and the network."""
    folder = context_of(request).library.folder(request.path_params["name"].strip("/"))
    path = folder / REPORT
    if not path.is_file() or path.is_symlink():
        raise InputError("no_page", f"{folder.name}: no report yet. Run `fewray report`.")
    headers = {"content-security-policy": REPORT_POLICY}
    return FileResponse(path, media_type="text/html; charset=utf-8", headers=headers)


def grid(request: Request) -> Response:
    """Send a grid of real or synthetic images that a training run wrote."""
    name, _, file = request.path_params["name"].rpartition("/")
    folder = context_of(request).library.folder(name)
    path = folder / file
    if not PICTURE.fullmatch(file) or not path.is_file() or path.is_symlink():
        raise InputError("no_image", f"{name}: no such grid.")
    return FileResponse(path, media_type="image/png")


def compare(request: Request) -> Response:
    """Show several runs side by side."""
    context = context_of(request)
    names = [name.strip("/") for name in request.query_params.getlist("run")][:8]
    found = [context.library.find(name) for name in dict.fromkeys(names)]
    if not found and not request.url.path.endswith(".json"):
        return see_other("/runs")
    made = comparison(found)
    return context.pages.show(request, "compare.html.j2", made, section="runs", **_tools())


def _study(request: Request, found: Found) -> Response:
    view = view_study(found.folder)
    return context_of(request).pages.show(
        request,
        "study.html.j2",
        view,
        section="runs",
        run=found,
        view=view,
        span=span_of(arm.ci for arm in view.arms),
        charts=_fold_charts(view),
        has_report=_has_report(found.folder),
        live=view.state == "running",
        **_tools(),
    )


def _training(request: Request, found: Found) -> Response:
    view = view_training(found.folder)
    charts = {each.label: training_charts(each.rows) for each in view.generators}
    return context_of(request).pages.show(
        request,
        "training.html.j2",
        view,
        section="runs",
        run=found,
        view=view,
        charts=charts,
        has_report=_has_report(found.folder),
        has_quality=(found.folder / QUALITY).is_file(),
        live=view.state == "running",
    )


def _quality(request: Request, found: Found) -> Response:
    from fewray.report.html.tables import to_html
    from fewray.report.pages.quality_sets import requirement_lines, terminal_tables

    measured = read_quality_sets(found.folder / QUALITY)
    return context_of(request).pages.show(
        request,
        "quality.html.j2",
        measured,
        section="runs",
        run=found,
        tables=[Markup(to_html(table, 2)) for table in terminal_tables(measured)],
        sentences=[*requirement_lines(measured), *measured.sentences],
        remarks=measured.remarks,
        has_report=_has_report(found.folder),
    )


def _has_report(folder: Path) -> bool:
    return (folder / REPORT).is_file()


def _fold_charts(view: StudyView) -> list[Chart]:
    """Return the curves of a running study, one line per fold, if each fold has one generator."""
    generators = {fold.name: fold.training.generators for fold in view.folds}
    if view.state != "running" or any(len(each) != 1 for each in generators.values()):
        return []
    logs = {name.replace("-", " "): each[0].rows for name, each in generators.items()}
    return compared_charts(logs)


def _tools() -> dict[str, Any]:
    """Return what the templates of studies call."""
    return {"interval_bar": lambda *given: Markup(interval_bar(*given))}
