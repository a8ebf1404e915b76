"""``fewray quality``."""

from __future__ import annotations

from pathlib import Path

import msgspec

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


@reads_data
def quality(
    real: str = option(
        ...,
        "Real images, in any form that `fewray study --data` accepts; without their test split.",
    ),
    synthetic: str = option(
        ..., "Synthetic images: a folder with one subfolder per class, or a CSV file."
    ),
    held_out: str | None = option(
        None,
        "Real images that no generator saw, in the same forms. If they have splits, only the test "
        "split is used.",
    ),
    classes: Classes = "",
    run: Path | None = path_option(
        "Folder made by `fewray train`: test whether its discriminators can tell training images "
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
    out: Path | None = path_option(
        "Folder for quality.json, CSV tables, and pictures of close pairs and copied areas.",
        "--out",
        "-o",
    ),
    device: Device = "auto",
    no_cache: bool = option(False, "Neither read nor write cached features.", "--no-cache"),
    as_json: AsJson = False,
) -> None:
    """Measure the fidelity, diversity and copying of synthetic images.

    Each score is shown next to two baselines: real images and noise.
    """
    from fewray import api

    log("reading and measuring; this takes minutes for thousands of images")
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
        tstr_steps=tstr_steps,
        seed=seed,
        device=device,
        cache=not no_cache,
        group_regex=group_regex,
        read=None if read == AS_IT_IS else read,
    )
    if as_json:
        print_json(msgspec.to_builtins(measured))
        return
    from fewray.report.pages.quality import quality_tables
    from fewray.report.tables import print_table

    for table in quality_tables(measured):
        print_table(table)
    for line in measured.sentences:
        print(line)
    for remark in measured.remarks:
        print(f"note: {remark}")
    if out is not None:
        print(f"written to {out}")
