"""Command line of the benchmark: ``python -m benchmarks [SUBJECT ...]``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer


def bench(
    subjects: Annotated[
        list[str] | None,
        typer.Argument(
            help="gan, families, classifier, features, quality, loading, study, gpu. Default: all."
        ),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds per comparison.")] = 3,
    equality: Annotated[
        bool, typer.Option(help="Also compare losses and KID with the textbook's (minutes).")
    ] = True,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for bench.json and README.md.", metavar="PATH"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare fewray with plain references and with the peak of an idle machine."""
    from benchmarks import table
    from benchmarks.run import SUBJECTS, measure
    from fewray.compute.process import busy
    from fewray.errors import InputError, RunFailed
    from fewray.storage.files import write_bytes, write_json

    if busy_with := busy():
        log(f"note: {busy_with}; the timings will be unreliable")
    try:
        found = measure(
            subjects or SUBJECTS,
            rounds=rounds,
            equal=equality,
            on_row=lambda row: log(table.line(row)),
        )
    except (InputError, RunFailed) as error:
        log(f"error: {error}")
        raise typer.Exit(error.exit_code) from None
    text = table.markdown(found)
    if out is not None:
        write_json(out / "bench.json", found)
        write_bytes(out / "README.md", f"# Speed\n\n{text}".encode())
    print(json.dumps(found, indent=1) + "\n" if as_json else text, end="")


def log(text: str) -> None:
    """Print a line of progress."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    typer.run(bench)
