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
    as_json: AsJson = False,
) -> None:
    """Regenerate the report of a study, or of generators alone."""
    if markdown and as_json:
        raise InputError("exclusive_options", "--markdown and --json exclude each other")
    from fewray.report.render import render_markdown, write_report

    if markdown:
        print(render_markdown(run), end="")
        return
    written = write_report(run)
    if as_json:
        print_json({"report": str(written)})
    else:
        print(written)
