"""``fewray quality``, ``fewray report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fewray.cli.generators import Classes, Device, GroupRegex, listed
from fewray.cli.places import place
from fewray.cli.show import AsJson, log, print_json, print_table
from fewray.errors import InputError


def quality(
    real: Annotated[
        str, typer.Option(help="Real images: a data set, folder or CSV; split test is left out.")
    ],
    synthetic: Annotated[
        str, typer.Option(help="Synthetic images: a folder of class folders, or a CSV.")
    ],
    held_out: Annotated[
        str | None,
        typer.Option(help="Real images no generator saw; of a set with splits, its test rows."),
    ] = None,
    classes: Classes = "",
    run: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the generators: does D know its training images?",
            parser=place,
            metavar="<path>",
        ),
    ] = None,
    extractor: Annotated[
        str, typer.Option(help="lite0, lite0@224, pixels, inception, onnx:FILE or study:RUN.")
    ] = "lite0",
    weights: Annotated[
        Path | None,
        typer.Option(
            help="Weight file of the extractor inception.", parser=place, metavar="<path>"
        ),
    ] = None,
    image_size: Annotated[int, typer.Option(min=8, help="All images are read at this size.")] = 64,
    fit: Annotated[
        str | None,
        typer.Option(
            help="squash or pad images to a square.",
            show_default="as the generators did, else squash",
        ),
    ] = None,
    k: Annotated[
        int, typer.Option("--k", help="Neighbours of precision, recall, density, coverage.")
    ] = 5,
    copy_percentile: Annotated[
        float, typer.Option(help="Share of unseen real images called copies, in %.")
    ] = 2.0,
    tstr: Annotated[
        int, typer.Option(min=0, help="Steps of classifiers trained on either side; 0: none.")
    ] = 0,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    group_regex: GroupRegex = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Folder for quality.json, copies.csv and the closest pairs.",
            parser=place,
            metavar="<path>",
        ),
    ] = None,
    device: Device = "auto",
    no_cache: Annotated[
        bool,
        typer.Option(
            "--no-cache", help="Compute features anew and keep none in the user's cache folder."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Measure synthetic images: fidelity, diversity, copies; each figure between real (floor) and noise (ceiling).

    Patients are found in the names of real films by --group-regex, or else as the generators were trained.
    """
    from fewray import api

    log("reading and measuring; minutes for thousands of images")
    measured = api.measure_quality(
        real,
        synthetic,
        held_out=held_out,
        classes=listed(classes),
        run=run,
        out=out,
        extractor=extractor,
        weights=weights,
        image_size=image_size,
        fit=fit,
        k=k,
        copy_percentile=copy_percentile,
        tstr_steps=tstr,
        seed=seed,
        device=device,
        cache=not no_cache,
        group_regex=group_regex,
    )
    if as_json:
        print_json(measured.to_json())
        return
    for title, header, rows in measured.tables():
        print_table(title, header, rows)
    for line in measured.sentences():
        print(line)
    for warning in measured.warnings:
        print(f"note: {warning}")
    if out is not None:
        print(f"written: {out}")


def report(
    run: Annotated[
        Path, typer.Argument(help="Folder made by `fewray study` or `fewray train`.", parser=place)
    ],
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the main tables as Markdown instead.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write report.html again from a finished study's files, or a report on generators alone."""
    if markdown and as_json:
        raise InputError("--markdown and --json: one of them is wanted")
    from fewray.report.render import render_markdown, write_report

    if markdown:
        print(render_markdown(run), end="")
        return
    path = write_report(run)
    if as_json:
        print_json({"report": str(path)})
    else:
        print(path)
