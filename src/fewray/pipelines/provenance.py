"""What is known of the generators behind synthetic images: their training images and options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from fewray.config import AS_IT_IS, ReadOptions
from fewray.data.hold_out import held_out_rows, training_rows
from fewray.data.loading import load_dataset
from fewray.data.manifest import Manifest
from fewray.errors import InputError
from fewray.generators.checkpoint import provenance
from fewray.generators.generate import run_classes
from fewray.generators.output_folder import read_sources
from fewray.results.training import GeneratorSource

Sources = Mapping[str, GeneratorSource]
"""By class."""


def generator_sources(synthetic: Manifest, run: Path | None) -> dict[str, GeneratorSource]:
    """Return the generator of each class, from ``generators.json`` or from ``run``.

    Empty for images of another tool. InputError if ``run`` reads images with another fit than the
    generators of ``generators.json``, or if that file is damaged.
    """
    found: dict[str, GeneratorSource] = {}
    for label in synthetic.classes:
        for folder in sorted({row.path.parent.parent for row in synthetic.where(label=label).rows}):
            found |= {k: v for k, v in read_sources(folder).items() if k == label}
    for label, checkpoint in (run_classes(run) if run is not None else {}).items():
        source = provenance(checkpoint)
        written = found.get(label, source)
        made, given = written.options.fit, source.options.fit
        if made != given:
            message = (
                f"--run {run}: its generator of {label} was trained with fit {given}, that of "
            )
            message += f"the synthetic images with {made}. Give the run that made them."
            raise InputError("fit_differs", message, label=label, found=given, expected=made)
        found[label] = msgspec.structs.replace(
            source,
            networks_used=_all_used(written.networks_used, source.networks_used),
            copy_extractor=written.copy_extractor,
        )
    return found


def joint_sources(
    sets: Mapping[str, Sources], classes: Sequence[str] | None = None
) -> dict[str, GeneratorSource]:
    """Return the generators of several sets, of ``classes`` or all, by set and class.

    The name of a single set is empty, and its generators are named by class alone.
    """
    return {
        f"{name}: {label}" if name else label: source
        for name, sources in sets.items()
        for label, source in sources.items()
        if classes is None or label in classes
    }


def _all_used(
    first: tuple[str, ...] | None, second: tuple[str, ...] | None
) -> tuple[str, ...] | None:
    """Return what either record lists; None if they list nothing and one of them is missing."""
    used = tuple(sorted({*(first or ()), *(second or ())}))
    return used if used or None not in (first, second) else None


def patient_pattern(sources: Sources) -> str | None:
    """Return the ``--group-regex`` that the generators were trained with, or None."""
    found = {source.training_set.group_regex for source in sources.values()}
    return next(iter(found)) if len(found) == 1 else None


def read_options(sources: Sources) -> ReadOptions:
    """Return the labels and columns that the generators' data were read with, if all agree."""
    found = {source.training_set.read for source in sources.values()}
    return next(iter(found)) if len(found) == 1 else AS_IT_IS


def load_images_of(
    source: str | Path | Manifest,
    group_regex: str | None,
    stored: str | None = None,
    *,
    option: str,
    read: ReadOptions = AS_IT_IS,
) -> Manifest:
    """Return the rows of ``source``, with patients by ``group_regex``, else by ``stored``.

    A stored pattern that fits no file name is ignored. ``read`` are the labels and columns.
    InputError as for :func:`fewray.data.load_dataset`, and for a pattern beside a manifest, which
    names its patients.
    """
    if isinstance(source, Manifest):
        if group_regex is not None:
            message = f"--group-regex {group_regex}: manifest {source.name} names its patients."
            raise InputError("group_regex_not_used", message, pattern=group_regex)
        return source
    if group_regex is None and stored is not None:
        try:
            return load_dataset(source, group_regex=stored, option=option, read=read)
        except InputError as error:
            if error.code != "group_regex_no_match":
                raise
    return load_dataset(source, group_regex=group_regex, option=option, read=read)


def real_images(
    real: str | Path | Manifest,
    held_out: str | Path | Manifest | None,
    sources: Sources,
    *,
    group_regex: str | None,
    read: ReadOptions | None,
) -> tuple[Manifest, Manifest | None]:
    """Return the training rows of ``real``, and the rows of ``held_out`` that no generator saw.

    Without ``group_regex`` and ``read``, they are read as the data of the generators were.
    """
    stored = patient_pattern(sources)
    read = read_options(sources) if read is None else read
    images = training_rows(load_images_of(real, group_regex, stored, option="--real", read=read))
    if held_out is None:
        return images, None
    pattern = group_regex or stored
    others = load_images_of(held_out, None, pattern, option="--held-out", read=read)
    return images, held_out_rows(others)


def settled_fit(fit: str | None, sources: Sources, classes: Sequence[str]) -> str:
    """Return how to make real images square: as the generators of ``classes`` did, else ``squash``.

    InputError if ``fit`` is another or the generators differ: copies would not be recognised.
    """
    known = {label: sources[label].options.fit for label in classes if label in sources}
    if len(set(known.values())) > 1:
        listed = ", ".join(f"{label} {made}" for label, made in known.items())
        message = f"generators with different fits ({listed}). Measure them separately (--classes)."
        raise InputError("fit_differs", message, found=known)
    made = next(iter(known.values()), None)
    if fit is not None and made not in (None, fit):
        message = f"--fit {fit}: the generators were trained with {made}. Omit --fit."
        raise InputError("fit_differs", message, found=fit, expected=made)
    return fit or made or "squash"


def keep_training_images(real: Manifest, sources: Sources) -> tuple[Manifest, list[str]]:
    """Return ``real`` without the images that the generator of their class did not see, and notes.

    A class is kept whole if nothing is known of its generator, or if that saw none of its images.
    """
    rows, notes = [], []
    for label in real.classes:
        mine = real.where(label=label).rows
        seen = training_hashes(sources, label)
        kept = [row for row in mine if row.sha256 in seen]
        pooled = label in sources and bool(sources[label].training_set.classes)
        if missing := len(seen - {row.sha256 for row in (real.rows if pooled else kept)}):
            notes.append(
                f"{label}: {missing} of {len(seen)} training images of its generator are not among "
                "the real images; copies of them cannot be found."
            )
        if kept and len(kept) < len(mine):
            notes.append(
                f"{label}: {len(mine) - len(kept)} real images that its generator did not see were "
                "left out."
            )
        rows += kept or mine
    return replace(real, rows=tuple(rows)), notes


def training_hashes(sources: Sources, label: str) -> set[str]:
    """Return the hashes of the training images of the generator of ``label``; empty if unknown."""
    return set(sources[label].training_set.training_hashes) if label in sources else set()


def hand_picked_notes(sources: Sources, labels: Sequence[str]) -> list[str]:
    """Return a note if images were left out because a person marked them as artefacts."""
    marked = {label: len(sources[label].marked_seeds) for label in labels if label in sources}
    count = sum(marked.values())
    if not count:
        return []
    images = "1 image was" if count == 1 else f"{count} images were"
    named = ", ".join(f"{label} {number}" for label, number in marked.items() if number)
    return [
        f"{images} left out by hand as artefacts ({named}): the scores are better than those of "
        "the generator."
    ]
