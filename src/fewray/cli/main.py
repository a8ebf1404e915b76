"""The commands' tree and the way errors reach the user: one line, exit 2 for bad input, 1 for a failed run."""

from __future__ import annotations

import sys
from typing import Annotated, Any, NoReturn, cast

import typer

from fewray import __version__
from fewray.cli import data, generators, measure, study
from fewray.errors import InputError, RunFailed

app = typer.Typer(
    name="fewray",
    help="Does GAN augmentation help your X-ray classifier? Train the generators, check the images, compare, report.",
    epilog="Results go to stdout, progress to stderr. Not for clinical use.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
app.add_typer(data.app, name="data")
app.command("summary")(generators.summary)
app.command("train")(generators.train)
app.command("generate")(generators.generate)
app.command("quality")(measure.quality)
app.command("study")(study.study)
app.command("report")(measure.report)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fewray {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Print the version and leave."
        ),
    ] = False,
) -> None:
    """Does GAN augmentation help your X-ray classifier? Train the generators, check the images, compare, report."""
    from fewray.compute.process import keep_freed_memory, wait_asleep

    wait_asleep()
    keep_freed_memory()  # this process ends with its command; a network's features take a third longer otherwise


ClickException = cast("type[Exception]", typer.BadParameter.__mro__[2])
"""What typer raises for words it cannot parse; it may carry a click of its own."""


def main() -> None:
    """Run the command line and exit with its status."""
    run(app)


def run(app: typer.Typer) -> None:
    """Run the commands of ``app`` and exit: 0, 2 for bad input, 1 for a failed run."""
    for stream in (sys.stdout, sys.stderr):
        if (reconfigure := getattr(stream, "reconfigure", None)) is not None:
            reconfigure(
                errors="replace"
            )  # a sign that the terminal's encoding lacks must not cost the result
    try:
        status = app(standalone_mode=False)
    except ClickException as error:
        _refuse(error)
    except (InputError, RunFailed) as error:
        print(f"fewray: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:
        print(
            f"fewray: {error.filename or 'input/output'}: {error.strerror or error}",
            file=sys.stderr,
        )
        sys.exit(1)
    if status == STOPPED:
        print(
            "fewray: stopped; the same command goes on from what is kept (train: with --resume)",
            file=sys.stderr,
        )
    sys.exit(status if isinstance(status, int) else 0)


STOPPED = 130
"""The status of a command ended by Ctrl-C."""


def _refuse(error: Any) -> NoReturn:
    """Print on one line what was wrong with the words of the command, or the help if there were none, and exit."""
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
    else:
        print(f"fewray: {' '.join(error.format_message().split())}", file=sys.stderr)
    sys.exit(error.exit_code)
