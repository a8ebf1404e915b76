"""``fewray quality``, ``fewray study``, ``fewray report``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from fewray.cli.generators import Classes, Data, Device, GroupRegex, Out, Precision, Processes, Threads, listed
from fewray.cli.show import AsJson, EpochProgress, log, print_json, print_table


def quality(
    real: Annotated[str, typer.Option(help="Real images: a data set, folder or CSV; split test is left out.")],
    synthetic: Annotated[str, typer.Option(help="Synthetic images: a folder of class folders, or a CSV.")],
    held_out: Annotated[
        str | None, typer.Option(help="Real images no generator saw; of a set with splits, its test rows.")
    ] = None,
    classes: Classes = "",
    run: Annotated[Path | None, typer.Option(help="Folder of the generators: does D know its training images?")] = None,
    extractor: Annotated[
        str, typer.Option(help="lite0, lite0@224, pixels, inception, onnx:FILE or study:RUN.")
    ] = "lite0",
    weights: Annotated[Path | None, typer.Option(help="Weight file of the extractor inception.")] = None,
    image_size: Annotated[int, typer.Option(min=8, help="All images are read at this size.")] = 64,
    fit: Annotated[str, typer.Option(help="squash or pad images to a square.")] = "squash",
    k: Annotated[int, typer.Option("--k", help="Neighbours of precision, recall, density, coverage.")] = 5,
    copy_percentile: Annotated[float, typer.Option(help="Share of unseen real images called copies, in %.")] = 2.0,
    usefulness: Annotated[int, typer.Option(min=0, help="Steps of classifiers trained on either side; 0: none.")] = 0,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for quality.json, copies.csv and the closest pairs.")
    ] = None,
    device: Device = "auto",
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Compute features anew and keep none in the user's cache folder.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Measure synthetic images: fidelity, diversity, copies; each figure between real (floor) and noise (ceiling)."""
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
        usefulness_steps=usefulness,
        seed=seed,
        device=device,
        cache=not no_cache,
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


def study(
    data: Data,
    out: Out,
    preset: Annotated[str, typer.Option(help="quick or standard.")] = "standard",
    protocol: Annotated[str, typer.Option(help="published.")] = "published",
    recipe: Annotated[str | None, typer.Option(help="Generator recipe instead of the preset's.")] = None,
    generators: Annotated[Path | None, typer.Option(help="Folder made by `fewray train` to take images from.")] = None,
    arms: Annotated[str | None, typer.Option(help="Only these arms, separated by commas.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Classifier seeds an arm.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Optimiser steps of each classifier.")] = None,
    classic: Annotated[int | None, typer.Option(min=1, help="Classic-augmented images a class.")] = None,
    synthetic: Annotated[int | None, typer.Option(min=1, help="Synthetic images a class.")] = None,
    double_softmax: Annotated[bool, typer.Option(help="Train with softmax applied twice, as the predecessor.")] = False,
    mixtures: Annotated[
        bool, typer.Option("--mixtures", help="Run the grid of classic x synthetic counts too.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    group_regex: GroupRegex = None,
    device: Device = "auto",
    precision: Precision = "auto",
    processes: Processes = 0,
    threads: Threads = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be done.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare augmentation arms and write report.html. Run again with the same options, it goes on where it stopped.

    The weights of one classifier are kept in classifier.safetensors, for `fewray quality --extractor study:RUN`: that
    of seed 0 in the arm classic, or in the first arm where classic is not among them.
    """
    from fewray import api
    from fewray.runs import read_json

    options = api.make_study_options(
        preset,
        protocol=protocol,
        recipe_name=recipe,
        arms=None if arms is None else tuple(name.strip() for name in arms.split(",")),
        seeds=seeds,
        steps=steps,
        classic_per_class=classic,
        synthetic_per_class=synthetic,
        double_softmax=double_softmax,
        mixtures=mixtures,
        seed=seed,
    )
    rows = api.load_dataset(data, group_regex=group_regex)
    if dry_run:
        from fewray.study.arms import check_generators
        from fewray.study.generators import Machine
        from fewray.study.plan import plan_study
        from fewray.study.published import split_rows

        if generators is not None:
            check_generators(generators, *split_rows(rows))
        machine = Machine(device=device, precision=precision, processes=processes, threads=threads)
        plan = plan_study(rows, options, trains=generators is None, machine=machine)
        if as_json:
            print_json(plan)
        else:
            print_table("Planned", tuple(plan[0]), [tuple(row.values()) for row in plan])
        return
    with EpochProgress() as progress:
        path = api.run_study(
            rows,
            out,
            options=options,
            generators=generators,
            device=device,
            precision=precision,
            processes=processes,
            threads=threads,
            on_event=lambda kind, event: _show(progress, kind, event, options.classifier.steps),
        )
    found = read_json(out / "study.json")
    if as_json:
        print_json(found)
        return
    _print_results(found)
    print(f"\n{found['answer']}\n\nNot for clinical use.\nreport: {path}")


def report(
    run: Annotated[Path, typer.Argument(help="Folder made by `fewray study` or `fewray train`.")],
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the main tables as Markdown instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write report.html again from a finished study's files, or a report on generators alone."""
    from fewray.report.markdown import render_results, render_training, training_facts
    from fewray.report.render import render_report, render_train_report

    if markdown:
        finished = (run / "study.json").exists()
        print(render_results(run) if finished else render_training(training_facts(run)), end="")
        return
    path = render_report(run) if (run / "study.json").exists() else render_train_report(run)
    if as_json:
        print_json({"report": str(path)})
    else:
        print(path)


def _show(progress: EpochProgress, kind: str, event: Mapping[str, Any], steps: int) -> None:
    if kind == "epoch":
        progress.epoch(event["label"], event)
    elif kind == "batch":
        progress.batch(event["label"], event)
    elif kind == "stage":
        progress.line(event["text"])
    elif kind == "classifiers" and event["done"]:
        progress.line(f"classifiers: {event['done']} of {event['total']} are there already")
    elif kind == "step":
        progress.advance(f"{event['arm']}, seed {event['seed']}", event["step"], steps)
    elif kind == "classifier":
        progress.line(
            f"arm {event['arm']}, seed {event['seed']}: accuracy {event['accuracy']:.3f} in {event['seconds']:.0f} s"
        )


def _print_results(found: Mapping[str, Any]) -> None:
    rows = []
    for name, arm in found["arms"].items():
        accuracy = arm["accuracy"]
        low, high = accuracy["wilson"]
        images = sum(sum(counts.values()) for counts in arm["train_counts"].values())
        spread = "" if accuracy["sd"] is None else f"{accuracy['sd']:.3f}"
        published = f"{arm['table4']['published_accuracy']:.3f}"
        rows.append((name, images, f"{accuracy['mean']:.3f}", f"[{low:.2f}, {high:.2f}]", spread, published))
    seeds, n = len(found["seeds"]), next(iter(found["arms"].values()))["accuracy"]["n_test"]
    print_table(
        f"Accuracy on {n} test images, {seeds} seeds (95 % interval: Wilson at n = {n})",
        ("arm", "training images", "accuracy", "95 % interval", "sd over seeds", "as the paper computes it"),
        rows,
    )
    for name, arm in found["arms"].items():
        table = []
        for label, correct in arm["table4"]["correct"].items():
            printed = arm["table4"]["published"][label]
            table.append(
                (
                    label,
                    *(f"{printed[key]:.3f}" for key in ("accuracy", "sensitivity", "specificity", "f1_published")),
                    *(_figure(correct[key]) for key in ("accuracy", "sensitivity", "specificity", "ppv", "f1")),
                )
            )
        header = (
            "class",
            "acc.*",
            "sens.*",
            "spec.*",
            "F1Score*",
            "accuracy",
            "sensitivity",
            "specificity",
            "PPV",
            "F1",
        )
        print_table(
            f"Table 4, arm {name} (* as the paper computes it; the rest: evaluation mode, true F1)", header, table
        )


def _figure(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"
