"""What the generators of a study are, and whether their training was finished."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from fewray.generators.checkpoint import provenance, read_header
from fewray.generators.generate import run_classes
from fewray.generators.log import read_log
from fewray.generators.run import BEST
from fewray.results.published import PublishedGenerator
from fewray.results.scores import FinalLosses, StudyWarning
from fewray.results.training import piece_warnings


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


def copied_pieces(run: Path, classes: Sequence[str]) -> tuple[StudyWarning, ...]:
    """Return a warning for the generators in ``run`` that assemble pieces of training images."""
    checkpoints = run_classes(run)
    return piece_warnings({label: read_header(checkpoints[label]).options for label in classes})


def generator_summaries(run: Path, classes: Sequence[str]) -> dict[str, PublishedGenerator]:
    """Return by class what its generator is and how its training ended."""
    checkpoints, found = run_classes(run), {}
    for label in classes:
        path = checkpoints[label]
        source = provenance(path)
        log = [row for row in read_log(path.parent) if row.epoch <= source.epoch]
        last = log[-1] if log else None
        found[label] = PublishedGenerator(
            recipe=source.options.recipe,
            epochs=source.epoch,
            epochs_planned=source.options.epochs,
            selected_best=path.name == BEST,
            steps=last and last.step,
            images_seen=last and last.images_seen,
            num_train=source.training_set.num_train,
            classic_images=source.training_set.classic_images,
            seed=source.seed,
            sha256=source.checkpoint_sha256,
            folder=path.parent.name,
            final=FinalLosses(
                **{name: last and getattr(last, name) for name in FinalLosses.__struct_fields__}
            ),
        )
    return found
