"""``fewray report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fewray.cli.output import print_json
from fewray.cli.params import AsJson, path
from fewray.errors import InputError


def report(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN", help="Folder made by `fewray study` or `fewray train`.", parser=path
        ),
    ],
    markdown: Annotated[
        bool,
        typer.Option(
            "--markdown", help="Print the report as Markdown instead of writing report.html."
        ),
    ] = False,
    pdf: Annotated[
        bool,
        typer.Option(
            "--pdf", help="Also print report.pdf. Needs Chromium or Chrome on this machine."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Regenerate the report of a study, or of generators alone."""
    if markdown and (as_json or pdf):
        other = "--json" if as_json else "--pdf"
        raise InputError("exclusive_options", f"--markdown and {other} exclude each other")
    if pdf:
        from fewray.report.html.pdf import find_chromium

        find_chromium()
    from fewray.report.render import render_markdown, write_report

    if markdown:
        print(render_markdown(run), end="")
        return
    written = {"report": str(write_report(run))}
    if pdf:
        from fewray.report.html.pdf import write_pdf

        written["pdf"] = str(write_pdf(Path(written["report"])))
    if as_json:
        print_json(written)
    else:
        print("\n".join(written.values()))
