"""``fewray generate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fewray.cli.output import print_json
from fewray.cli.params import (
    AsJson,
    Classes,
    CopyPercentile,
    Device,
    GroupRegex,
    Out,
    listed,
    option,
    path,
)


def generate(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="Folder made by `fewray train`.", parser=path)
    ],
    out: Out,
    per_class: int = option(100, "Number of images per class."),
    classes: Classes = "",
    first_seed: int = option(0, "Image i is generated from seed FIRST_SEED + i."),
    format: str = option(
        "png", "File format: png, or dicom (secondary capture, SyntheticData YES)."
    ),
    reject_copies: bool = option(
        False, "Replace images that are copies of training images.", "--reject-copies"
    ),
    copy_percentile: CopyPercentile = 2.0,
    real: str | None = option(
        None, "Training data, for --reject-copies.", shown="as recorded in the run"
    ),
    group_regex: GroupRegex = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Generate synthetic images from trained generators.

    Writes OUT/<class>/seedNNNNNN.png (or .dcm); the same seed always gives the same image, up
    to rounding. Images from an earlier call are removed from OUT.
    """
    from fewray import api

    made = api.generate(
        run,
        out,
        per_class=per_class,
        classes=listed(classes),
        first_seed=first_seed,
        device=device,
        format=format,
        reject_copies=reject_copies,
        real=real,
        copy_percentile=copy_percentile,
        group_regex=group_regex,
    )
    if as_json:
        found = {"out": str(out), "images": len(made)}
        found |= {"classes": list(made.classes), "sha256": made.sha256()}
        if reject_copies:
            found |= {
                name: made.about[name] for name in ("rejected", "copy_threshold", "sentences")
            }
        if reject_copies or made.about["warnings"]:
            found["notes"] = made.about["warnings"]
        print_json(found)
        return
    print(f"{len(made)} images of {', '.join(made.classes)} in {out}")
    if reject_copies:
        counts = ", ".join(f"{label} {count}" for label, count in made.about["rejected"].items())
        print(f"replaced because they copy training images: {counts}")
        for line in made.about["sentences"]:
            print(line)
    for warning in made.about["warnings"]:
        print(f"note: {warning}")
