"""The public functions of reader studies, which :mod:`fewray.api` offers too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fewray.config import ReaderStudyOptions
from fewray.errors import InputError

if TYPE_CHECKING:
    from fewray.data.manifest import Manifest
    from fewray.readers.study import ReaderStudy
    from fewray.results.readers.scores import ReaderResults


def new_reader_study(
    study: str | Path,
    real: str | Path | Manifest,
    synthetic: Sequence[str | Path | Manifest],
    *,
    options: ReaderStudyOptions | None = None,
    group_regex: str | None = None,
) -> ReaderStudy:
    """Draw images for a reader study, write the folder ``study`` and return the study.

    ``synthetic`` has one entry per generator; ``NAME=FOLDER`` names it, otherwise the folder does.
    ``group_regex`` finds the patients of ``real``, by default as in the generators' training.
    InputError ``fit_differs`` if images are to be shown with another fit than the generators were
    trained with, or if generators differ in it: borders would give images away.
    """
    from fewray.data.loading import load_dataset
    from fewray.pipelines.provenance import (
        generator_sources,
        load_images_of,
        patient_pattern,
        settled_fit,
    )
    from fewray.readers.study import create_study

    made: dict[str, Manifest] = {}
    for each in synthetic:
        if isinstance(each, str | Path):
            name, source = _named(str(each))
            rows = load_dataset(source, option="--synthetic")
        else:
            name, rows = each.name, each
        if name in made:
            message = f"--synthetic {name}: two generators of this name; write NAME=FOLDER"
            raise InputError("duplicate_generator", message, name=name)
        made[name] = rows
    options = options or ReaderStudyOptions()
    sources = {name: generator_sources(rows, None) for name, rows in made.items()}
    known = {(name, label): each for name, of in sources.items() for label, each in of.items()}
    if len({each.options.fit for each in known.values()}) > 1:
        message = "these generators were trained with different fits: borders would give them away."
        raise InputError("fit_differs", message)
    if known:
        trained = {label: each for (_, label), each in known.items()}
        options = options.with_(fit=settled_fit(options.fit, trained, list(trained)))
    patterns = {patient_pattern(of) for of in sources.values()}
    stored = next(iter(patterns)) if len(patterns) == 1 else None
    images = load_images_of(real, group_regex, stored, option="--real")
    return create_study(Path(study), images, made, options)


def analyse_reader_study(study: str | Path) -> ReaderResults:
    """Analyse the readers who have finished and write ``reader-results.json`` into ``study``."""
    from fewray.readers.analyse import analyse_study
    from fewray.readers.study import open_study
    from fewray.results.readers.scores import write_results

    found = analyse_study(open_study(Path(study)))
    write_results(Path(study), found)
    return found


def _named(text: str) -> tuple[str, str]:
    """Return name and source of ``NAME=SOURCE``, or of a path, whose last part is the name."""
    name, equals, source = text.partition("=")
    if equals and name and not any(sign in name for sign in "/\\:"):
        return name, source
    return Path(text).stem, text
