"""``fewray train``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fewray.cli.output import print_json, print_plan, print_table, short
from fewray.cli.params import (
    RECIPE_HELP,
    SIZE_HELP,
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


@reads_data
def train(
    data: Data,
    out: Out,
    recipe: str = option("diffusion", RECIPE_HELP, "--recipe", "-r"),
    classes: Classes = "",
    image_size: int = option(64, SIZE_HELP),
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
    from fewray.data.hold_out import check_no_synthetic, training_rows
    from fewray.data.layout.outputs import check_out_folder
    from fewray.generators.run import epochs_done
    from fewray.pipelines.train_generators import recipe_for
    from fewray.presets import check_recipe
    from fewray.results.training import ALL_CLASSES, piece_warnings

    check_recipe(recipe)
    loaded = api.load_dataset(data, group_regex=group_regex, **vars(read))
    rows = training_rows(loaded)
    check_no_synthetic(rows)
    chosen = listed(classes)
    options, why = recipe_for(rows, recipe, classes=chosen, image_size=image_size)
    if epochs is not None:
        options = options.with_(epochs=epochs)
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
    notes = [why] if why else []
    notes += [f"{name}: resumes after epoch {epoch}" for name, epoch in done.items()]
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
