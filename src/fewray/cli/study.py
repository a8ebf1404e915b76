"""``fewray study``."""

from __future__ import annotations

from pathlib import Path

from fewray.cli.output import print_json, print_plan
from fewray.cli.params import (
    COPY_RULE,
    PUBLISHED,
    RECIPE_HELP,
    SHARED,
    SIZE_HELP,
    AsJson,
    Data,
    Device,
    DryRun,
    Executor,
    GroupRegex,
    Out,
    Precision,
    Processes,
    Seed,
    Threads,
    listed,
    numbers,
    option,
    path_option,
    preset_option,
)
from fewray.cli.progress import ProgressBars, StudyProgress, log, log_stage
from fewray.cli.reading import reads_data
from fewray.config import AS_IT_IS, CROSSVAL_ARMS, PUBLISHED_ARMS, ReadOptions, check_external

RESCORED = "from the same predictions; nothing is trained again. May be repeated."


@reads_data
def study(
    data: Data,
    out: Out,
    protocol: str = option(
        "crossval",
        "crossval: cross-validation grouped by patient, with everything fitted on the "
        "training folds. published: the protocol and the train/test split of the paper "
        "(Davoodi & Lo Giudice).",
    ),
    preset: str = option(
        "standard",
        "Set of defaults: quick (demonstration only; gives no verdict), standard, or full "
        "(crossval only). The defaults below are for the standard preset.",
    ),
    group_regex: GroupRegex = None,
    read: ReadOptions = AS_IT_IS,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    recipe: str | None = preset_option(RECIPE_HELP, "gan.recipe", panel=SHARED),
    arms: str | None = preset_option(
        f"Comma-separated arms to run. crossval: {', '.join(CROSSVAL_ARMS)}; must include "
        f"the --reference arm. published: {', '.join(PUBLISHED_ARMS)}.  [default: all]",
        panel=SHARED,
    ),
    seeds: int | None = preset_option("Number of classifier seeds per arm.", "seeds", panel=SHARED),
    steps: int | None = preset_option(
        "Optimiser steps per classifier.", "classifier.steps", panel=SHARED
    ),
    generators: Path | None = path_option(
        "crossval: folder for each fold's generators (default: OUT/generators). published: "
        "folder of generators made by `fewray train` (default: train them in OUT/generators).",
        "--generators",
        panel=SHARED,
    ),
    seed: Seed = 0,
    folds: int | None = preset_option("Number of folds, grouped by patient.", "folds"),
    repeats: int | None = preset_option(
        "Number of times to run the cross-validation, each time with a new split into folds.",
        "repeats",
    ),
    reference: str | None = preset_option(
        "Arm that the others are compared with; must be one of --arms.", "reference"
    ),
    image_size: int | None = preset_option(SIZE_HELP, "classifier.image_size"),
    ratio: float | None = preset_option(
        "Number of synthetic images per real training image.", "ratio"
    ),
    ratios: str | None = preset_option(
        "Further ratios to run as sensitivity analyses, e.g. 0.5,2,4 ('' for none).", "ratios"
    ),
    resnet: bool | None = preset_option(
        "Also run a residual network as a sensitivity analysis.", "resnet", "--resnet/--no-resnet"
    ),
    augmented_copies: int | None = preset_option(
        "Number of augmented copies of each image in the arms with classic augmentation.",
        "augmented_copies",
    ),
    generator_repeats: int | None = preset_option(
        "Number of times to train the generators in each fold.", "generator_repeats"
    ),
    select: str | None = preset_option(
        "Setting to tune (ratio or recipe) on an inner split of each fold's training images."
    ),
    candidates: str | None = preset_option("Comma-separated values for --select to choose from."),
    copy_percentile: float | None = preset_option(
        f"Reject a synthetic image as a copy if {COPY_RULE}. 0 disables rejection.",
        "copy_percentile",
    ),
    without: list[str] | None = preset_option(
        f"Also report the scores without this class, {RESCORED}"
    ),
    pair: list[str] | None = preset_option(
        f"Also report the scores for two classes alone, given as a:b, {RESCORED}"
    ),
    external: str | None = preset_option(
        "External test set, in any form that --data accepts; never used for training. "
        "--group-regex also applies to its file names."
    ),
    keep_test: bool | None = preset_option(
        "Cross-validate within the training split only, and use the test split as the "
        "external test set. Cannot be combined with --external.",
        "",
        "--keep-test",
    ),
    classic_per_class: int | None = preset_option(
        "Number of images per class made by classic augmentation.",
        "classic_per_class",
        panel=PUBLISHED,
    ),
    synthetic_per_class: int | None = preset_option(
        "Number of synthetic images per class.", "synthetic_per_class", panel=PUBLISHED
    ),
    double_softmax: bool | None = preset_option(
        "Apply softmax twice during training, as the paper's code did.",
        "classifier.double_softmax",
        "--double-softmax/--no-double-softmax",
        panel=PUBLISHED,
    ),
    as_published: bool | None = preset_option(
        "Also train each arm with softmax applied twice, to reproduce the scores as the "
        "paper computed them.",
        "as_published",
        "--as-published/--no-as-published",
        panel=PUBLISHED,
    ),
    mixtures: bool | None = preset_option(
        "Also train on every combination of --mixture-classic and --mixture-synthetic.",
        "",
        "--mixtures",
        panel=PUBLISHED,
    ),
    mixture_classic: str | None = preset_option(
        "Numbers of classic-augmentation images per class to combine.",
        "mixture_classic",
        panel=PUBLISHED,
    ),
    mixture_synthetic: str | None = preset_option(
        "Numbers of synthetic images per class to combine.", "mixture_synthetic", panel=PUBLISHED
    ),
    device: Device = "auto",
    precision: Precision = "auto",
    processes: Processes = 0,
    threads: Threads = 0,
    executor: Executor = "local",
) -> None:
    """Compare augmentation methods (arms) and write report.html.

    The default protocol, crossval, pools all images, splits them into folds by patient, and
    trains generators and classifiers within each fold. It then states whether each arm helps
    or harms or, if neither can be shown, the smallest effect the study could have detected.

    Rerun with the same options to resume an interrupted study. If you change the options,
    fewray rewrites study.json and the report and reuses any finished jobs that still apply.
    """
    from fewray import api
    from fewray.compute.machine import MachineOptions
    from fewray.data.loading import load_external
    from fewray.presets import AUTO
    from fewray.report.render import terminal_tables
    from fewray.report.tables import print_table
    from fewray.results.files import read_study
    from fewray.storage.files import read_json
    from fewray.study.options import preset_options, with_auto_recipe
    from fewray.study.warnings import data_warnings

    crossval = protocol == "crossval"
    options = preset_options(
        preset,
        protocol=protocol,
        recipe_name=None if recipe == AUTO else recipe,
        image_size=image_size,
        arms=listed(arms),
        seeds=seeds,
        steps=steps,
        double_softmax=double_softmax,
        as_published=as_published,
        seed=seed,
        folds=folds,
        repeats=repeats,
        reference=reference,
        ratio=ratio,
        ratios=numbers("--ratios", ratios, float),
        resnet=resnet,
        augmented_copies=augmented_copies,
        generator_repeats=generator_repeats,
        subsets=(*(f"without {label}" for label in without or ()), *(pair or ())) or None,
        select=select,
        candidates=listed(candidates),
        copy_percentile=copy_percentile,
        keep_test=keep_test,
        classic_per_class=classic_per_class,
        synthetic_per_class=synthetic_per_class,
        mixtures=True if mixtures or mixture_classic or mixture_synthetic else None,
        mixture_classic=numbers("--mixture-classic", mixture_classic, int),
        mixture_synthetic=numbers("--mixture-synthetic", mixture_synthetic, int),
    )
    if external is not None:
        check_external(external, options)
    machine = MachineOptions(
        device=device, precision=precision, processes=processes, threads=threads, executor=executor
    )
    rows = api.load_dataset(data, group_regex=group_regex, **vars(read))
    tested = None
    if external is not None:
        tested = load_external(external, group_regex=group_regex, like=rows, read=read)
    for warning in data_warnings(rows) if crossval else []:
        log(f"note: {warning.text}")
    if recipe == AUTO:
        options, why = with_auto_recipe(options, rows)
        log(f"note: {why}")
    if dry_run:
        plan = api.plan_study(
            rows,
            options,
            out=out,
            generators=generators,
            external=tested,
            on_progress=log_stage,
            **machine,
        )
        print_plan(plan, as_json=as_json)
        return
    with ProgressBars() as bars:
        written = api.run_study(
            rows,
            out,
            options=options,
            generators=generators,
            external=tested,
            on_progress=StudyProgress(bars, options.classifier.steps),
            **machine,
        )
    if as_json:
        print_json(read_json(out / "study.json"))
        return
    found = read_study(out)
    for table in terminal_tables(found):
        print_table(table)
    for warning in found.warnings:
        print(warning.text)
    print(f"{found.conclusion.text}\n\nNot for clinical use.\nreport: {written}")
