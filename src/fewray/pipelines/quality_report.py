"""The quality report: brings images, generators and classifiers together and measures them."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import msgspec

from fewray.config import ClassifierOptions
from fewray.data.images import ImageSource
from fewray.data.layout.outputs import check_out_folder
from fewray.data.manifest import Manifest
from fewray.errors import InputError, check_range
from fewray.generators.generate import run_classes
from fewray.generators.membership import membership
from fewray.pipelines.extractors import open_extractor
from fewray.pipelines.held_out_check import check_held_out
from fewray.pipelines.independence import check_independent, independence_notes
from fewray.pipelines.provenance import (
    Sources,
    generator_sources,
    keep_training_images,
    settled_fit,
    training_hashes,
)
from fewray.pipelines.tstr import measure_tstr
from fewray.quality.copies.threshold import check_percentile
from fewray.quality.evaluate import measure_quality
from fewray.quality.gallery import write_quality
from fewray.quality.image_set import ImageSet
from fewray.results.quality import ClassQuality, QualityReport
from fewray.results.training import piece_warnings
from fewray.storage.files import locked


def quality_report(
    real: Manifest,
    synthetic: Manifest,
    *,
    held_out: Manifest | None,
    classes: tuple[str, ...] | None,
    run: Path | None,
    out: Path | None,
    extractor: str,
    weights: Path | None,
    image_size: int,
    fit: str | None,
    k: int,
    copy_percentile: float,
    tstr_steps: int,
    seed: int,
    device: str,
    cache: bool,
) -> QualityReport:
    """Measure ``classes``, or all; :func:`fewray.measure_quality` explains the parameters.

    InputError, before anything is measured, if the classes of both sides differ, a held-out image
    was seen by a generator, ``extractor`` helped to train or select one, ``fit`` is not theirs,
    ``run`` has no generator of a class or one that saw none of the real images, or an option is out
    of range.
    """
    check_range("--k", k, 1)
    check_range("--image-size", image_size, 8)
    check_range("--tstr-steps", tstr_steps, 0)
    for images in (real, held_out):
        if out is not None and images is not None:
            check_out_folder(images, out)
    measured = _classes(real, synthetic, classes)
    check_percentile(copy_percentile)
    if tstr_steps and len(measured) < 2:
        raise InputError("too_few_classes", "--tstr: a classifier needs at least 2 classes.")
    compute = open_extractor(extractor, weights=weights, device=device, cache=cache)
    generators = run_classes(run) if run is not None else {}
    if run is not None and (missing := sorted(set(measured) - set(generators))):
        message = f"--run {run}: no generator of {', '.join(missing)}."
        raise InputError("generators_missing", message, missing=missing, found=list(generators))
    if run is not None and held_out is None:
        message = "--run needs --held-out with images that the generators did not see."
        raise InputError("held_out_missing", message)
    sources = generator_sources(synthetic, run)
    used = {label: sources[label].networks_used or () for label in measured if label in sources}
    check_independent(compute.name, used)
    fit = settled_fit(fit, sources, measured)
    notes = _loader_warnings(real, held_out)
    notes += independence_notes(compute.name, sources, measured)
    real, skipped = keep_training_images(real, sources)
    notes += skipped
    held_out_classes: tuple[str, ...] = ()
    known: dict[str, Manifest] = {}
    if held_out is not None:
        held_out_classes = _held_out_classes(held_out, measured, notes)
        if run is not None:
            hashes = {label: training_hashes(sources, label) for label in held_out_classes}
            known = {label: _known(run, real, label, hashes[label]) for label in held_out_classes}
        notes += check_held_out(real, held_out, sources)
    with locked(out) if out is not None else nullcontext():  # fail early if it cannot be written
        reals = image_sets(real, real.classes, image_size, fit)
        fakes = image_sets(synthetic, measured, image_size, fit)
        others = None
        if held_out is not None:
            others = image_sets(held_out, held_out_classes, image_size, fit)
        report, nearest, areas = measure_quality(
            reals, fakes, compute, held_out=others, k=k, copy_percentile=copy_percentile, seed=seed
        )
        scores, tstr = {}, None
        if run is not None and held_out is not None:
            for label in held_out_classes:
                options = sources[label].options
                train, unseen = (
                    ImageSource(rows).at(options.image_size, options.fit)
                    for rows in (known[label], held_out.where(label=label))
                )
                scores[label] = membership(generators[label], train, unseen, device=device)
        if tstr_steps:
            chosen = {label: reals[label] for label in measured}
            options = ClassifierOptions(steps=tstr_steps, image_size=image_size)
            tstr = measure_tstr(chosen, fakes, options, held_out=others, seed=seed, device=device)
        report = msgspec.structs.replace(
            report,
            classes=_with_pieces(report, sources),
            fit=fit,
            notes=tuple(notes),
            membership=scores,
            tstr=tstr,
        )
        if out is not None:
            write_quality(out, report, nearest, reals, fakes, areas)
    return report


def _with_pieces(report: QualityReport, sources: Sources) -> dict[str, ClassQuality]:
    """Return the classes, each with a warning if its images are pieces of training images."""
    found = {}
    for label, quality in report.classes.items():
        options = {label: sources[label].options} if label in sources else {}
        warnings = (*quality.warnings, *piece_warnings(options))
        found[label] = msgspec.structs.replace(quality, warnings=warnings)
    return found


def _classes(
    real: Manifest, synthetic: Manifest, chosen: tuple[str, ...] | None
) -> tuple[str, ...]:
    fields = {"real": real.classes, "synthetic": synthetic.classes}
    for label, times in Counter(chosen or ()).items():
        if times > 1:
            raise InputError("class_repeated", f"--classes: {label} is listed twice.", label=label)
        for side, found in fields.items():
            if label not in found:
                message = f"--classes {label}: the {side} classes are {', '.join(found)}."
                raise InputError("class_unknown", message, label=label, side=side)
    if chosen is None and set(real.classes) != set(synthetic.classes):
        listed = "; ".join(f"{side} {', '.join(found)}" for side, found in fields.items())
        message = f"classes differ: {listed}. Name those to measure with --classes."
        raise InputError("classes_differ", message, **fields)
    return chosen or synthetic.classes


def image_sets(
    manifest: Manifest, classes: tuple[str, ...], size: int, fit: str
) -> dict[str, ImageSet]:
    """Return the images of each class, named by file and grouped by patient."""
    found = {}
    for label in classes:
        rows = manifest.where(label=label)
        names = [row.shown.name for row in rows.rows]
        if len(set(names)) < len(names):  # equal names in several folders
            names = [row.shown.as_posix() for row in rows.rows]
        images = ImageSource(rows).at(size, fit)
        found[label] = ImageSet.of(images, names, [row.group for row in rows.rows])
    return found


def _held_out_classes(
    held_out: Manifest, measured: tuple[str, ...], notes: list[str]
) -> tuple[str, ...]:
    """Return the measured classes with held-out images; the others go into ``notes``."""
    counts = Counter(row.label for row in held_out.rows)
    missing = [label for label in measured if not counts[label]]
    if len(missing) == len(measured):
        found = ", ".join(sorted(counts)) or "none"
        message = f"--held-out: images of {found}, none of the measured classes."
        raise InputError("held_out_classes", message, found=sorted(counts), measured=measured)
    if missing:
        notes.append(f"No held-out images of {', '.join(missing)}.")
    return tuple(label for label in measured if counts[label])


def _loader_warnings(real: Manifest, held_out: Manifest | None) -> list[str]:
    """Return the warnings of the loaders, each once, after the side that it concerns."""
    sides = {"real": real} if held_out is None else {"real": real, "held out": held_out}
    found: dict[str, str] = {}
    for side, rows in sides.items():
        for warning in rows.warnings:
            found.setdefault(warning.text, side)
    return [f"{side}: {text}" for text, side in found.items()]


def _known(run: Path, real: Manifest, label: str, seen: set[str]) -> Manifest:
    """Return the real images of one class that its generator saw; InputError if there are none."""
    if known := tuple(row for row in real.where(label=label).rows if row.sha256 in seen):
        return replace(real, rows=known)
    message = f"--run {run}: its generator of {label} saw none of the real images."
    raise InputError(
        "not_the_training_data", f"{message} Name its training data with --real.", label=label
    )
