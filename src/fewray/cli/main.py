"""The command tree, and errors as one line: exit 2 for bad input, 1 for a failed run."""

from __future__ import annotations

import sys
from typing import Annotated, Any, NoReturn, cast

import typer

from fewray import __version__
from fewray.cli.data import app as data_app
from fewray.cli.generate import generate
from fewray.cli.params import Sectioned
from fewray.cli.quality import quality
from fewray.cli.readers import app as readers_app
from fewray.cli.recipes import recipes, summary
from fewray.cli.report import report
from fewray.cli.serve import serve
from fewray.cli.study import study
from fewray.cli.train import train
from fewray.errors import InputError, RunFailed

INTERRUPTED = 130
"""The status of a command ended by Ctrl-C."""

app = typer.Typer(
    name="fewray",
    epilog="Results go to stdout, progress to stderr. Not for clinical use.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
app.add_typer(data_app, name="data")
app.add_typer(readers_app, name="readers")
for command in (recipes, summary, train, generate, quality, study, report, serve):
    app.command(cls=Sectioned)(command)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"fewray {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Find out whether synthetic images help your X-ray classifier.

    Train generators, check their images, compare classifiers and write a report.
    """
    from fewray.compute.process import keep_freed_memory, wait_asleep

    wait_asleep()
    keep_freed_memory()  # without it, features take a third longer; the process ends soon anyway


ClickException = cast("type[Exception]", typer.BadParameter.__mro__[2])
"""What typer raises for a command line that it cannot parse; it may use a click of its own."""


def main() -> None:
    """Run the command line and exit with its status."""
    run(app)


def run(app: typer.Typer) -> None:
    """Run the commands of ``app`` and exit: 0, 2 for bad input, 1 for a failed run."""
    for stream in (sys.stdout, sys.stderr):
        if (reconfigure := getattr(stream, "reconfigure", None)) is not None:
            reconfigure(errors="replace")  # a sign the terminal lacks must not cost the result
    try:
        status = app(standalone_mode=False)
    except ClickException as error:
        _refuse(error)
    except (InputError, RunFailed) as error:
        print(f"fewray: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:
        where = error.filename or "input/output"
        print(f"fewray: {where}: {error.strerror or error}", file=sys.stderr)
        sys.exit(1)
    if status == INTERRUPTED:
        text = "interrupted; run the same command to resume (for `train`, add --resume)"
        print(f"fewray: {text}", file=sys.stderr)
    sys.exit(status if isinstance(status, int) else 0)


def _refuse(error: Any) -> NoReturn:
    """Print what is wrong with the command line in one line, or its help if empty, and exit."""
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
    else:
        print(f"fewray: {' '.join(error.format_message().split())}", file=sys.stderr)
    sys.exit(error.exit_code)
