"""``fewray bench``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fewray.cli.main import run
from fewray.cli.places import place
from fewray.cli.show import AsJson, log, print_json, print_table


def bench(
    subjects: Annotated[
        list[str] | None,
        typer.Argument(help="gan, classifier, features, quality, loading, study, gpu; none: all."),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of each pair, in turn.")] = 3,
    equality: Annotated[
        bool, typer.Option(help="Train by both ways and compare losses and KID; minutes.")
    ] = True,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the tables as Markdown.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Folder for bench.json and README.md.",
            parser=place,
            metavar="<path>",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Time this machine against plain references and its own ceiling; nothing else should run on it."""
    from benchmarks import rows as table
    from benchmarks.run import SUBJECTS, measure
    from fewray.compute.process import busy
    from fewray.storage.files import write_bytes, write_json

    if told := busy():
        log(f"note: {told}; figures of speed will be worth little")
    found = measure(
        subjects or SUBJECTS, rounds=rounds, equal=equality, on_row=lambda row: log(table.line(row))
    )
    text = table.markdown(found)
    if out is not None:
        write_json(out / "bench.json", found)
        write_bytes(out / "README.md", f"# Speed\n\n{text}".encode())
    if as_json:
        print_json(found)
    elif markdown:
        print(text, end="")
    else:
        rows = [table.Row(**row) for row in found["rows"]]
        print_table("Speed", table.HEADER, table.cells(rows))
        for note in (table.limits_line(found), *table.notes(rows)):
            print(note)
        for title, one in found.get("equality", {}).items():
            print_table(
                f"{title}: {one['design']}",
                ["", *one["columns"]],
                [[k, *v] for k, v in one["rows"].items()],
            )


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(bench)
    run(app)
