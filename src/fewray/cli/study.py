"""``fewray study``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fewray.cli.generators import (
    Data,
    Device,
    Executor,
    GroupRegex,
    Out,
    Precision,
    Processes,
    Threads,
    listed,
)
from fewray.cli.places import place
from fewray.cli.planned import print_plan, told
from fewray.cli.show import AsJson, EpochProgress, log, print_json
from fewray.cli.teller import StudyTeller
from fewray.errors import InputError


def study(
    data: Data,
    out: Out,
    preset: Annotated[
        str, typer.Option(help="quick, standard, or, of the trial, full.")
    ] = "standard",
    protocol: Annotated[
        str,
        typer.Option(
            help="trial: grouped folds, everything fitted inside them; published: the paper's own split."
        ),
    ] = "crossval",
    recipe: Annotated[
        str | None, typer.Option(help="Generator recipe instead of the preset's.")
    ] = None,
    generators: Annotated[
        Path | None,
        typer.Option(
            help="Published: folder made by `fewray train`. Trial: where the folds' generators are kept.",
            parser=place,
            metavar="<path>",
        ),
    ] = None,
    arms: Annotated[
        str | None,
        typer.Option(
            help="Only these arms, separated by commas; of a trial, --reference must be among them."
        ),
    ] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Classifier seeds an arm.")] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Optimiser steps of each classifier.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    folds: Annotated[int | None, typer.Option(help="Trial: folds of patients.")] = None,
    repeats: Annotated[
        int | None, typer.Option(min=1, help="Trial: repeat with other folds.")
    ] = None,
    reference: Annotated[
        str | None, typer.Option(help="Trial: the arm that all are compared with; one of --arms.")
    ] = None,
    ratio: Annotated[
        float | None, typer.Option(help="Trial: synthetic images per real one.")
    ] = None,
    ratios: Annotated[
        str | None,
        typer.Option(help="Trial: other ratios as sensitivity analyses, as 0.5,2,4; '' for none."),
    ] = None,
    resnet: Annotated[
        bool | None,
        typer.Option(
            "--resnet/--no-resnet",
            help="Trial: a residual network as a sensitivity analysis; or not.",
        ),
    ] = None,
    generator_repeats: Annotated[
        int | None, typer.Option(min=1, help="Trial: generators trained for each fold.")
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option(help="Trial: score without this class too.")
    ] = None,
    pair: Annotated[
        list[str] | None, typer.Option(help="Trial: score these two classes too, as a:b.")
    ] = None,
    select: Annotated[
        str | None,
        typer.Option(help="Trial: choose the ratio or the recipe on an inner split of each fold."),
    ] = None,
    candidates: Annotated[
        str | None, typer.Option(help="What is chosen from, separated by commas.")
    ] = None,
    copy_percentile: Annotated[
        float | None, typer.Option(help="Trial: share of unseen films called copies.")
    ] = None,
    keep_test: Annotated[
        bool | None,
        typer.Option(
            "--keep-test",
            help="Trial: fold the training rows; test rows are external. Not with --external.",
        ),
    ] = None,
    external: Annotated[
        str | None,
        typer.Option(
            help="Trial: a test set that is only predicted; --group-regex names its patients too. Not with --keep-test."
        ),
    ] = None,
    classic_per_class: Annotated[
        int | None, typer.Option(min=1, help="Published: classic-augmented images a class.")
    ] = None,
    synthetic_per_class: Annotated[
        int | None, typer.Option(min=1, help="Published: synthetic images a class.")
    ] = None,
    double_softmax: Annotated[
        bool, typer.Option(help="Train with softmax applied twice, as the predecessor.")
    ] = False,
    mixtures: Annotated[
        bool | None,
        typer.Option("--mixtures", help="Published: the grid of classic x synthetic counts too."),
    ] = None,
    mixture_classic: Annotated[
        str | None,
        typer.Option(help="Published: only these classic counts a class of the grid, as 0,1000."),
    ] = None,
    mixture_synthetic: Annotated[
        str | None, typer.Option(help="Published: only these synthetic counts a class of the grid.")
    ] = None,
    group_regex: GroupRegex = None,
    device: Device = "auto",
    precision: Precision = "auto",
    processes: Processes = 0,
    threads: Threads = 0,
    executor: Executor = "local",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be done.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare augmentation arms and write report.html. Run again with the same options, it goes on where it stopped.

    With others it writes study.json and the report anew, from what is there where that fits.

    The trial (the default protocol) pools all rows, folds them by patient, trains generators and classifiers inside the
    folds, and says in words whether an arm helps, harms, or how large an effect would have been seen.
    """
    from fewray import api
    from fewray.compute.dask.executors import check_executor
    from fewray.data.external import load_external
    from fewray.storage.files import read_json
    from fewray.study.options import preset_options
    from fewray.study.warnings import patient_warnings

    subsets = (*(f"without {label}" for label in without or ()), *(pair or ()))
    options = preset_options(
        preset,
        protocol=protocol,
        recipe_name=recipe,
        arms=listed(arms) if arms is not None else None,
        seeds=seeds,
        steps=steps,
        double_softmax=double_softmax,
        seed=seed,
        folds=folds,
        repeats=repeats,
        reference=reference,
        ratio=ratio,
        ratios=None
        if ratios is None
        else tuple(_number("--ratios", each) for each in listed(ratios) or ()),
        resnet=resnet,
        generator_repeats=generator_repeats,
        subsets=subsets or None,
        select=select,
        candidates=listed(candidates) if candidates is not None else None,
        copy_percentile=copy_percentile,
        keep_test=keep_test,
        classic_per_class=classic_per_class,
        synthetic_per_class=synthetic_per_class,
        mixtures=True if mixtures or mixture_classic or mixture_synthetic else None,
        mixture_classic=_counts("--mixture-classic", mixture_classic),
        mixture_synthetic=_counts("--mixture-synthetic", mixture_synthetic),
    )
    check_executor(executor)
    if external is not None and protocol != "crossval":
        raise InputError(
            f"--external {external}: protocol {protocol} tests on its own split; use --protocol crossval"
        )
    if external is not None and keep_test:
        raise InputError(
            f"--keep-test and --external {external}: one external set is wanted, not two; leave one out"
        )
    rows = api.load_dataset(data, group_regex=group_regex)
    tested = None if external is None else load_external(external, group_regex=group_regex)
    for warning in patient_warnings(rows) if protocol == "crossval" else []:
        log(f"note: {warning.text}")
    where = {"device": device, "precision": precision, "processes": processes, "threads": threads}
    if dry_run:
        print_plan(
            api.plan_study(
                rows,
                options,
                out=out,
                generators=generators,
                external=tested,
                on_progress=told,
                **where,
            ),
            as_json=as_json,
        )
        return
    with EpochProgress() as progress:
        teller = StudyTeller(progress, options.classifier.steps)
        path = api.run_study(
            rows,
            out,
            options=options,
            generators=generators,
            external=tested,
            executor=executor,
            on_progress=teller,
            **where,
        )
    if as_json:
        print_json(read_json(out / "study.json"))
        return
    from fewray.report.render import terminal_tables
    from fewray.report.tables import print_table
    from fewray.results.files import read_study

    found = read_study(out)
    for table in terminal_tables(found):
        print_table(table)
    for text in (*(each.text for each in found.warnings), found.conclusion.text):
        print(text)
    print(f"\nNot for clinical use.\nreport: {path}")


def _counts(option: str, text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    named = listed(text) or ()
    if not named or not all(each.isdecimal() for each in named):
        raise InputError(
            f"{option} {text}: numbers of images of at least 0, separated by commas, are wanted"
        )
    return tuple(dict.fromkeys(map(int, named)))


def _number(option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{option} {text}: a number is wanted") from None
