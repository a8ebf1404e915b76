"""``fewray summary``, ``fewray train``, ``fewray generate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fewray.cli.places import folder, place
from fewray.cli.planned import print_plan, told
from fewray.cli.show import AsJson, EpochProgress, HealthWatch, log, print_json, print_table

Data = Annotated[
    str,
    typer.Option(
        "--data",
        "-d",
        help="phantom[:key=value,...] (keys: `fewray data list`), covid4, a folder of class folders, or a CSV file.",
    ),
]
Out = Annotated[
    Path,
    typer.Option("--out", "-o", help="Folder for the results.", parser=folder, metavar="<dir>"),
]
Classes = Annotated[str, typer.Option(help="Only these classes, separated by commas.")]
Device = Annotated[str, typer.Option(help="auto, cuda, mps or cpu.")]
Precision = Annotated[
    str, typer.Option(help="auto, bf16 or fp32; auto takes bf16 where it is faster than fp32.")
]
Processes = Annotated[
    int, typer.Option(min=0, help="Trainings side by side; 0: one a core, eight on a GPU.")
]
Threads = Annotated[
    int, typer.Option(min=0, help="Threads per training run (0: one thread). Results depend on it.")
]
Executor = Annotated[
    str,
    typer.Option(
        help="local, dask:N (N workers here) or tcp://host:port, the scheduler of a Dask cluster."
    ),
]
GroupRegex = Annotated[
    str | None,
    typer.Option(help="Pattern whose first group, found in the file name, names the patient."),
]


def summary(
    recipe: Annotated[str, typer.Argument(help="Recipe: paper, small or quick.")],
    as_json: AsJson = False,
) -> None:
    """Print a recipe's layer tables: output shape, parameters, mult-adds as the paper counts them, sizes in MB."""
    from fewray.generators.summary import summarise_recipe
    from fewray.presets import recipe as options_of

    networks = summarise_recipe(options_of(recipe))
    if as_json:
        layers = {
            name: [vars(layer) for layer in network.layers] for name, network in networks.items()
        }
        print_json(
            {**{name: network.to_json() for name, network in networks.items()}, "layers": layers}
        )
        return
    for number, (name, network) in enumerate(networks.items(), start=1):
        rows = [
            (
                layer.name,
                str([-1, *layer.output]),
                f"{layer.params:,}" if layer.params else "",
                f"{layer.mult_adds:,}",
            )
            for layer in network.layers
        ]
        print_table(
            f"Table {number}. {name}",
            ("Layer (type: depth-index)", "Output shape", "Param #", "Mult-adds"),
            rows,
        )
        print(
            f"Total params: {network.params:,}\n"
            f"Total mult-adds (M): {network.mult_adds:.2f} (as the paper counts; really done: "
            f"{network.true_mult_adds:.2f})\n"
            f"Input size (MB): {network.input_mb:.2f}\nForward/backward pass size (MB): "
            f"{network.forward_backward_mb:.2f}\nParams size (MB): {network.params_mb:.2f}\n"
            f"Estimated total size (MB): {network.total_mb:.2f}\n"
        )


def train(
    data: Data,
    out: Out,
    recipe: Annotated[
        str, typer.Option("--recipe", "-r", help="Recipe: paper, small or quick.")
    ] = "paper",
    classes: Classes = "",
    epochs: Annotated[int | None, typer.Option(min=1, help="Instead of the recipe's.")] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Continue what --out holds.")] = False,
    checkpoint_every: Annotated[int, typer.Option(min=1, help="Epochs between checkpoints.")] = 5,
    quality_every: Annotated[
        int, typer.Option(min=0, help="Epochs between FID, KID, IS; 0: never.")
    ] = 20,
    extractor: Annotated[str, typer.Option(help="Feature extractor of FID, KID, IS.")] = "lite0",
    stop_when_done: Annotated[
        bool,
        typer.Option(
            "--stop-when-done", help="Stop when KID to held-out training films gets no better."
        ),
    ] = False,
    hold_out: Annotated[
        float | None,
        typer.Option(
            help="Share of the training patients that generators do not see.",
            show_default="0.2 with --stop-when-done",
        ),
    ] = None,
    patience: Annotated[
        int, typer.Option(min=1, help="Measurements without a better one before stopping.")
    ] = 3,
    group_regex: GroupRegex = None,
    device: Device = "auto",
    precision: Precision = "auto",
    processes: Processes = 0,
    threads: Threads = 0,
    executor: Executor = "local",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be done.")] = False,
    as_json: AsJson = False,
) -> None:
    """Train one generator a class on the training rows; write log, grids and checkpoints to --out/<class>."""
    from fewray import api
    from fewray.compute.dask.executors import check_executor
    from fewray.data.hold_out import check_no_synthetic, training_rows
    from fewray.presets import recipe as options_of

    options = options_of(recipe)
    if epochs is not None:
        options = options.with_(epochs=epochs)
    rows = training_rows(api.load_dataset(data, group_regex=group_regex))
    check_no_synthetic(rows)
    wanted = listed(classes)
    check_executor(executor)
    if dry_run:
        from fewray.compute.machine import Machine
        from fewray.pipelines.estimate import plan_training

        machine = Machine(device=device, precision=precision, processes=processes, threads=threads)
        print_plan(
            plan_training(rows, options, wanted or rows.classes, machine, on_progress=told),
            as_json=as_json,
        )
        return
    for label, count in rows.counts().get("train", {}).items():
        if count + options.classic_images < options.batch_size and (not wanted or label in wanted):
            log(
                f"{label}: {count} images are fewer than a batch of {options.batch_size}; each is drawn more than once"
            )
    with EpochProgress() as progress:
        watch = HealthWatch(progress)
        last = api.train_generator(
            rows,
            out,
            options=options,
            classes=wanted,
            seed=seed,
            device=device,
            precision=precision,
            processes=processes,
            threads=threads,
            executor=executor,
            resume=resume,
            checkpoint_every=checkpoint_every,
            probe_every=quality_every,
            extractor=extractor,
            stop_when_done=stop_when_done,
            hold_out=hold_out,
            patience=patience,
            on_epoch=watch.epoch,
            on_batch=progress.batch,
        )
    health = api.generator_health(out)
    if as_json:
        print_json({"out": str(out), "classes": last, "health": health})
        return
    header = ("class", "epoch", "images", "Loss_D", "Loss_G", "D(x)", "D(G(z))", "FID", "KID", "IS")
    table = [
        (
            label,
            *(
                _short(row.get(name))
                for name in ("epoch", "images_seen", "loss_d", "loss_g", "d_x")
            ),
            f"{_short(row.get('d_g_z1'))}/{_short(row.get('d_g_z2'))}",
            *(_short(row.get(name)) for name in ("fid", "kid", "is")),
        )
        for label, row in last.items()
    ]
    measured = any(
        row.get(name) is not None for row in last.values() for name in ("fid", "kid", "is")
    )
    title = (
        f"FID, KID, IS: {extractor}"
        if measured
        else "no FID, KID, IS: not measured in the last epoch"
    )
    print_table(f"Generators in {out} ({title})", header, table)
    for label, found in health.items():
        for finding in found["findings"]:
            print(f"{label}: {finding['text']}")
        if found["best_epoch"] is not None:
            print(
                f"{label}: least KID to held-out films at epoch {found['best_epoch']}; that generator is sampled from"
            )


def generate(
    run: Annotated[Path, typer.Argument(help="Folder made by `fewray train`.", parser=place)],
    out: Out,
    per_class: Annotated[int, typer.Option(help="Images a class.")] = 100,
    classes: Classes = "",
    first_seed: Annotated[
        int, typer.Option(help="Image i is the answer to seed first-seed + i.")
    ] = 0,
    reject_copies: Annotated[
        bool,
        typer.Option("--reject-copies", help="Replace images that are copies of training images."),
    ] = False,
    copy_percentile: Annotated[
        float,
        typer.Option(help="With --reject-copies: share of unseen real images called copies, in %."),
    ] = 2.0,
    real: Annotated[
        str | None, typer.Option(help="The training data, where the run's own name is not found.")
    ] = None,
    group_regex: GroupRegex = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Write synthetic images as --out/<class>/seedNNNNNN.png, with a manifest that names their generators.

    Images of an earlier call into --out that this one does not make are removed. --reject-copies finds the patients of
    training films by --group-regex, or else as the generators were trained.
    """
    from fewray import api

    made = api.generate(
        run,
        out,
        per_class=per_class,
        classes=listed(classes),
        first_seed=first_seed,
        device=device,
        reject_copies=reject_copies,
        real=real,
        copy_percentile=copy_percentile,
        group_regex=group_regex,
    )
    rejected = made.notes["rejected"]
    if as_json:
        found = {
            "out": str(out),
            "images": len(made),
            "classes": list(made.classes),
            "sha256": made.sha256(),
        }
        if reject_copies:
            found |= {
                name: made.notes[name] for name in ("rejected", "copy_threshold", "sentences")
            }
            found["notes"] = made.notes["warnings"]
        print_json(found)
        return
    print(f"{len(made)} images of {', '.join(made.classes)} in {out}")
    if reject_copies:
        counts = ", ".join(f"{label} {count}" for label, count in rejected.items())
        print(f"replaced as copies of training images: {counts}")
        for line in made.notes["sentences"]:
            print(line)
        for warning in made.notes["warnings"]:
            print(f"note: {warning}")


def listed(text: str) -> tuple[str, ...] | None:
    """Return the names in a list separated by commas; None for an empty one."""
    return tuple(name.strip() for name in text.split(",") if name.strip()) or None


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else "" if value is None else str(value)
