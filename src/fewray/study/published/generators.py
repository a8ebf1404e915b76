"""What the generators of a study are, and whether their training was finished."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from fewray.generators.generate import provenance, run_classes
from fewray.generators.log import read_log
from fewray.generators.run import BEST
from fewray.results.published import PublishedGenerator
from fewray.results.scores import FinalLosses, StudyWarning


def unfinished_warnings(generators: Mapping[str, PublishedGenerator]) -> list[StudyWarning]:
    """Return a warning for each generator whose training was not finished."""
    return [
        StudyWarning(
            code="generator_not_finished",
            text=f"The generator of {label} stopped at epoch {found.epochs} of "
            f"{found.epochs_planned}.",
            classes=(label,),
        )
        for label, found in generators.items()
        if found.epochs < found.epochs_planned and not found.selected_best
    ]


def generator_summaries(run: Path, classes: Sequence[str]) -> dict[str, PublishedGenerator]:
    """Return by class what its generator is and how its training ended."""
    checkpoints, found = run_classes(run), {}
    for label in classes:
        path = checkpoints[label]
        about = provenance(path)
        log = [row for row in read_log(path.parent) if row["epoch"] <= about["epoch"]]
        last = log[-1] if log else {}
        found[label] = PublishedGenerator(
            recipe=about["options"]["recipe"],
            epochs=about["epoch"],
            epochs_planned=about["options"]["epochs"],
            selected_best=path.name == BEST,
            steps=last.get("step"),
            images_seen=last.get("images_seen"),
            num_train=about["num_train"],
            classic_images=about["classic_images"],
            seed=about["seed"],
            sha256=about["checkpoint_sha256"],
            folder=path.parent.name,
            final=FinalLosses(**{name: last.get(name) for name in FinalLosses.__struct_fields__}),
        )
    return found
