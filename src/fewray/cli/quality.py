"""``fewray quality``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from fewray.cli.output import print_json
from fewray.cli.params import (
    AsJson,
    Classes,
    CopyPercentile,
    Device,
    GroupRegex,
    Seed,
    listed,
    option,
    path_option,
)
from fewray.cli.progress import log
from fewray.cli.reading import reads_data
from fewray.config import AS_IT_IS, ReadOptions
from fewray.errors import InputError

if TYPE_CHECKING:
    from fewray.config import QualityKeywords
    from fewray.results.quality import QualityReport
    from fewray.results.quality_sets import QualityComparison


UNMET = 3
"""The status if a requirement is not met."""


def _requirements(text: str | None) -> str | None:
    """Check ``--require`` before anything is read; ``help`` prints the names and exits."""
    from fewray.quality.requirements import known_names, parse_requirements

    if text == "help":
        print(known_names())
        raise typer.Exit
    parse_requirements(text)
    return text


@reads_data
def quality(
    sets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SYNTHETIC",
            help="Synthetic images: a folder with one subfolder per class, or a CSV file. Several "
            "are shown side by side; NAME=FOLDER gives a name.",
        ),
    ] = None,
    real: str = option(
        ...,
        "Real images, in any form that `fewray study --data` accepts; without their test split.",
    ),
    synthetic: str | None = option(None, "The same as the argument, for one set."),
    held_out: str | None = option(
        None,
        "Real images that no generator saw, in the same forms. If they have splits, only the test "
        "split is used.",
    ),
    classes: Classes = "",
    run: Path | None = path_option(
        "Folder made by `fewray train`: test whether its networks can tell training images "
        "from held-out ones. Needs --held-out.",
        "--run",
    ),
    extractor: str = option(
        "lite0",
        "Feature extractor: lite0, lite1, lite2, lite0@224, texture, pixels, inception, onnx:FILE "
        "or study:RUN; not one that trained the generators or selected their checkpoints.",
    ),
    weights: Path | None = path_option("Weight file of the extractor inception.", "--weights"),
    image_size: int = option(64, "Size to which all images are resized, in pixels."),
    fit: str | None = option(
        None,
        "How to make images square: squash or pad.",
        shown="as for the generators, or else squash",
    ),
    k: int = option(
        5, "Number of nearest neighbours for precision, recall, density and coverage.", "--k"
    ),
    copy_percentile: CopyPercentile = 2.0,
    tstr_steps: int = option(
        0,
        "Optimiser steps per classifier for TSTR (train on synthetic, test on real) and TRTS "
        "(the reverse). 0 skips both.",
    ),
    seed: Seed = 0,
    group_regex: GroupRegex = None,
    read: ReadOptions = AS_IT_IS,
    require: Annotated[
        str | None,
        typer.Option(
            help="Requirements on every class of every set, such as kid<0.3,copies<=0.01. If one "
            f"is not met, the exit status is {UNMET}. `--require help` lists the names.",
            callback=_requirements,
            is_eager=True,
        ),
    ] = None,
    out: Path | None = path_option(
        "Folder for quality.json, report.html, CSV tables, and pictures of close pairs and copied "
        "areas; with several sets, a folder for each.",
        "--out",
        "-o",
    ),
    device: Device = "auto",
    no_cache: bool = option(False, "Neither read nor write cached features.", "--no-cache"),
    as_json: AsJson = False,
) -> None:
    """Measure the fidelity, diversity and copying of synthetic images.

    Each score is shown next to two baselines: real images and noise. Several sets are measured
    with equal numbers of images, against the same real images.
    """
    from fewray import api
    from fewray.pipelines.quality_sets import named_sets
    from fewray.report.pages.quality_sets import requirement_lines
    from fewray.results.quality_sets import sets_of

    given = [*(sets or ()), *(() if synthetic is None else (synthetic,))]
    if not given:
        raise InputError("no_synthetic", "give at least one set of synthetic images")
    options: QualityKeywords = {
        "extractor": extractor,
        "weights": weights,
        "image_size": image_size,
        "fit": fit,
        "k": k,
        "copy_percentile": copy_percentile,
        "tstr_steps": tstr_steps,
        "seed": seed,
        "device": device,
        "cache": not no_cache,
    }
    shared: Any = {
        "held_out": held_out,
        "classes": listed(classes),
        "out": out,
        "require": require,
        "group_regex": group_regex,
        "read": None if read == AS_IT_IS else read,
    }
    named = named_sets(given)
    if run is not None and len(named) > 1:
        message = f"--run {run}: belongs to one set, but {len(named)} are given. Omit --run."
        raise InputError("run_of_several_sets", message, sets=list(named))
    log("reading and measuring; this takes minutes for thousands of images")
    if len(named) == 1:
        (source,) = named.values()
        measured = api.measure_quality(real, source, run=run, **shared, **options)
    else:
        measured = api.compare_quality(real, named, **shared, **options)
    if out is not None:
        from fewray.report.render import write_report

        write_report(out)
    if as_json:
        print_json(msgspec.to_builtins(measured))
    else:
        _print(measured)
        if out is not None:
            print(f"written to {out}")
    for line in requirement_lines(measured):
        log(line) if as_json else print(line)
    met = [each.passed for found in sets_of(measured).values() for each in found.requirements]
    if not all(met):
        raise typer.Exit(UNMET)


def _print(measured: QualityReport | QualityComparison) -> None:
    from fewray.report.pages.quality_sets import terminal_tables
    from fewray.report.tables import print_table

    for table in terminal_tables(measured):
        print_table(table)
    for line in measured.sentences:
        print(line)
    for remark in measured.remarks:
        print(f"note: {remark}")
