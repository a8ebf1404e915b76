"""Handlers of the results of a reader study. They hold the truth: for the owner only."""

from __future__ import annotations

import io
from urllib.parse import quote
from zipfile import ZIP_DEFLATED, ZipFile

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from fewray.app.context import context_of
from fewray.app.library import READER_STUDY, Found
from fewray.app.pages import name_of
from fewray.errors import InputError


def results(request: Request) -> Response:
    """Show what the readers who have finished found; nothing is written."""
    from fewray.readers.analyse import analyse_study
    from fewray.report.blocks import Drawing
    from fewray.report.html.svg import themed_svg
    from fewray.report.html.tables import to_html
    from fewray.report.pages.readers.page import most_convincing, reader_tables
    from fewray.report.pages.readers.plots import click_maps
    from fewray.results.readers.text import limits, methods, sentences

    context = context_of(request)
    run = found_study(request, name_of(request))
    measured = analyse_study(context.readers.open(run.folder))
    # The last table lists the images that the page shows.
    tables = [Markup(to_html(table, 2)) for table in reader_tables(measured)[:-1]]
    return context.pages.show(
        request,
        "reader_results.html.j2",
        measured,
        section="readers",
        name=run.name,
        sentences=sentences(measured),
        limits=[each.text for each in limits(measured)],
        methods=methods(measured),
        tables=tables,
        fooled=most_convincing(measured),
        maps=[
            (each, Markup(themed_svg(each.svg, f"clicks{number}")))
            for group in click_maps(measured)
            for number, each in enumerate(group.blocks)
            if isinstance(each, Drawing)
        ],
    )


def picture(request: Request) -> Response:
    """Send a picture of the study to its owner."""
    name, _, image = request.path_params["name"].removesuffix(".png").rpartition("/")
    run = found_study(request, name)
    try:
        path = context_of(request).readers.open(run.folder).picture(image)
    except InputError:
        raise InputError("no_image", f"{name}: no such image.") from None
    return Response(path.read_bytes(), media_type="image/png")


def export(request: Request) -> Response:
    """Send the readings as CSV and in iMRMC's format, in one archive."""
    from fewray.readers.export import CSV, IMRMC, imrmc_text, readings_csv
    from fewray.readers.reading_table import reading_table

    run = found_study(request, request.path_params["name"].removesuffix(".zip"))
    study = context_of(request).readers.open(run.folder)
    table = reading_table(study)
    if not table.readers:
        raise InputError("no_reader_finished", f"{run.name}: no reader has finished.")
    stream = io.BytesIO()
    with ZipFile(stream, "w", ZIP_DEFLATED) as archive:
        archive.writestr(CSV, readings_csv(table, study.file.generators))
        archive.writestr(IMRMC, imrmc_text(table, study.file.generators))
    name = quote(f"{run.folder.name}-readings.zip")  # RFC 6266: names need not be ASCII
    headers = {"content-disposition": f"attachment; filename*=utf-8''{name}"}
    return Response(stream.getvalue(), media_type="application/zip", headers=headers)


def found_study(request: Request, name: str) -> Found:
    """Return the reader study called ``name``; InputError ``no_run`` if there is none."""
    run = context_of(request).library.find(name)
    if run.kind != "reader_study":
        raise InputError("no_run", f"{name}: not a reader study (no {READER_STUDY}).")
    return run
