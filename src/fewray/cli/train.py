"""``fewray recipes``, ``fewray summary`` and ``fewray train``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from fewray.cli.output import print_json, print_plan, print_table, short
from fewray.cli.params import (
    RECIPE_NAMES,
    AsJson,
    Classes,
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
    option,
)
from fewray.cli.progress import HealthWatch, ProgressBars, log, log_stage
from fewray.cli.reading import reads_data
from fewray.config import AS_IT_IS, ReadOptions

QUALITY = "Quality during training"


def summary(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help=f"Generator recipe: {RECIPE_NAMES}.")
    ],
    as_json: AsJson = False,
) -> None:
    """Print the layers, parameters and mult-adds of a recipe."""
    from fewray.generators.summary import summarise_recipe
    from fewray.presets import recipe as options_of

    networks = summarise_recipe(options_of(recipe))
    if not networks and not as_json:
        print(f"The recipe {recipe} has no networks.")
        return
    if as_json:
        layers = {name: [vars(layer) for layer in each.layers] for name, each in networks.items()}
        totals = {name: each.to_json() for name, each in networks.items()}
        print_json({**totals, "layers": layers})
        return
    header = ("Layer (type: depth-index)", "Output shape", "Param #", "Mult-adds")
    for number, (name, network) in enumerate(networks.items(), start=1):
        rows = [
            (
                layer.name,
                [-1, *layer.output],
                f"{layer.params:,}" if layer.params else "",
                f"{layer.mult_adds:,}",
            )
            for layer in network.layers
        ]
        print_table(f"Table {number}. {name}", header, rows)
        print(
            f"Total params: {network.params:,}\n"
            f"Total mult-adds (M): {network.mult_adds:.2f} (as the paper counts them; "
            f"actual: {network.true_mult_adds:.2f})\n"
            f"Input size (MB): {network.input_mb:.2f}\n"
            f"Forward/backward pass size (MB): {network.forward_backward_mb:.2f}\n"
            f"Params size (MB): {network.params_mb:.2f}\n"
            f"Estimated total size (MB): {network.total_mb:.2f}\n"
        )


def recipes(as_json: AsJson = False) -> None:
    """List the generator recipes. docs/generators.md compares them."""
    from fewray.presets import RECIPE_NOTES, RECIPES

    if as_json:
        print_json({name: options.to_json() for name, options in RECIPES.items()})
        return
    header = ("recipe", "description", "generators", "epochs")
    rows = [
        (name, RECIPE_NOTES[name], "one" if o.pooled else "one per class", o.epochs)
        for name, o in RECIPES.items()
    ]
    print_table("Generator recipes", header, rows)


@reads_data
def train(
    data: Data,
    out: Out,
    recipe: str = option("diffusion", f"Generator recipe: {RECIPE_NAMES}.", "--recipe", "-r"),
    classes: Classes = "",
    epochs: int | None = option(None, "Number of epochs.", shown="the recipe's"),
    seed: Seed = 0,
    group_regex: GroupRegex = None,
    read: ReadOptions = AS_IT_IS,
    resume: bool = option(False, "Resume the training runs in OUT.", "--resume"),
    checkpoint_every: int = option(5, "Number of epochs between checkpoints."),
    dry_run: DryRun = False,
    as_json: AsJson = False,
    quality_every: int = option(
        20,
        "Number of epochs between measurements of FID, KID and IS; 0 means never.",
        panel=QUALITY,
    ),
    extractor: str = option("lite0", "Feature extractor for FID, KID and IS.", panel=QUALITY),
    stop_when_done: bool = option(
        False,
        "Stop when the KID to held-out training images no longer improves.",
        "--stop-when-done",
        panel=QUALITY,
    ),
    hold_out: float | None = option(
        None,
        "Fraction of the training patients to hold out from the generators.",
        panel=QUALITY,
        shown="0, or 0.2 with --stop-when-done",
    ),
    patience: int = option(
        3, "Number of measurements without improvement before training stops.", panel=QUALITY
    ),
    device: Device = "auto",
    precision: Precision = "auto",
    processes: Processes = 0,
    threads: Threads = 0,
    executor: Executor = "local",
) -> None:
    """Train generators on the training split: one for all classes, or one per class.

    Writes the log, sample grids and checkpoints to OUT/all_classes or OUT/<class>.
    """
    from fewray import api
    from fewray.compute.machine import Machine, MachineOptions
    from fewray.compute.process import cores
    from fewray.data.hold_out import check_no_synthetic, training_rows
    from fewray.data.layout.outputs import check_out_folder
    from fewray.generators.run import epochs_done
    from fewray.presets import recipe as options_of
    from fewray.results.training import ALL_CLASSES, piece_warnings

    options = options_of(recipe)
    if epochs is not None:
        options = options.with_(epochs=epochs)
    loaded = api.load_dataset(data, group_regex=group_regex, **vars(read))
    rows = training_rows(loaded)
    check_no_synthetic(rows)
    chosen = listed(classes)
    machine = MachineOptions(
        device=device, precision=precision, processes=processes, threads=threads, executor=executor
    )
    check_out_folder(rows, out, (*rows.classes, ALL_CLASSES))
    if dry_run:
        from fewray.pipelines.estimate import plan_training

        labels = chosen or rows.classes
        plan = plan_training(rows, options, labels, Machine(**machine), on_progress=log_stage)
        print_plan(plan, as_json=as_json)
        return
    done = epochs_done(out) if resume else {}
    notes = [f"{name}: resumes after epoch {epoch}" for name, epoch in done.items()]
    if options.pooled and not threads and executor == "local" and (have := cores()) > 1:
        notes.append(f"training uses one of {have} cores; --threads {have} would use all of them")
    for label, count in rows.counts().get("train", {}).items():
        size = options.batch_size if options.family == "dcgan" else 0  # the others draw at random
        if count + options.classic_images < size and (not chosen or label in chosen):
            log(f"{label}: {count} images do not fill a batch of {size}, so some are repeated")
    with ProgressBars() as bars:
        bars.first_lines = notes
        last = api.train_generator(
            rows,
            out,
            options=options,
            classes=chosen,
            seed=seed,
            resume=resume,
            checkpoint_every=checkpoint_every,
            probe_every=quality_every,
            extractor=extractor,
            stop_when_done=stop_when_done,
            hold_out=hold_out,
            patience=patience,
            on_epoch=HealthWatch(bars).epoch,
            on_batch=bars.batch,
            **machine,
        )
    health = api.generator_health(out)
    if as_json:
        print_json({"out": str(out), "classes": last, "health": health})
        return
    _print_result(out, last, extractor)
    for warning in piece_warnings(dict.fromkeys(last, options)):
        print(f"note: {warning.text}")
    for label, found in health.items():
        for finding in found["findings"]:
            print(f"{label}: {finding['text']}")
        if found["best_epoch"] is not None:
            best = f"lowest KID to the held-out images at epoch {found['best_epoch']}"
            print(f"{label}: {best}; images are generated from that checkpoint")


def _print_result(out: Path, last: Mapping[str, Mapping[str, Any]], extractor: str) -> None:
    quality = ("fid", "kid", "inception_score")
    losses = {"loss": "loss", "loss_d": "Loss_D", "loss_g": "Loss_G", "d_x": "D(x)"}
    losses |= {"d_g_z1": "D(G(z)) before", "d_g_z2": "D(G(z)) after"}
    shown = {k: v for k, v in losses.items() if any(k in row for row in last.values())}
    header = ("class", "epoch", "images", *shown.values(), "FID", "KID", "IS")
    keys = ("epoch", "images_seen", *shown, *quality)
    rows = [(label, *(short(row.get(key)) for key in keys)) for label, row in last.items()]
    measured = any(row.get(key) is not None for row in last.values() for key in quality)
    note = (
        f"extractor {extractor}" if measured else "FID, KID and IS not measured in the last epoch"
    )
    print_table(f"Generators in {out} ({note})", header, rows)
