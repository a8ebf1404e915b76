"""The quality report: brings images, generators and classifiers together and measures them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import msgspec

from fewray.config import ClassifierOptions, QualityOptions, ReadOptions
from fewray.data.images import ImageSource
from fewray.data.layout.image_names import names_among
from fewray.data.layout.outputs import check_out_folder
from fewray.data.loading import load_dataset
from fewray.data.manifest import Manifest
from fewray.errors import InputError
from fewray.generators.checkpoint import read_header
from fewray.generators.generate import run_classes
from fewray.generators.membership import membership
from fewray.pipelines.extractors import open_extractor
from fewray.pipelines.held_out_check import check_held_out
from fewray.pipelines.independence import check_independent, independence_notes
from fewray.pipelines.provenance import (
    Sources,
    generator_sources,
    hand_picked_notes,
    joint_sources,
    keep_training_images,
    real_images,
    settled_fit,
    training_hashes,
)
from fewray.pipelines.quality_sets import Sets, check_sets, equal_numbers
from fewray.pipelines.tstr import measure_tstr
from fewray.quality.copies.threshold import check_percentile
from fewray.quality.evaluate import measure_sets
from fewray.quality.gallery import write_comparison, write_quality
from fewray.quality.image_set import ImageSet
from fewray.quality.requirements import checked, parse_requirements
from fewray.results.quality import ClassQuality, Membership, QualityReport
from fewray.results.quality_sets import QualityComparison
from fewray.results.training import piece_warnings
from fewray.storage.files import locked


def measure(
    real: str | Path | Manifest,
    synthetic: Mapping[str, str | Path | Manifest],
    *,
    held_out: str | Path | Manifest | None,
    classes: tuple[str, ...] | None,
    run: Path | None,
    out: Path | None,
    group_regex: str | None,
    read: ReadOptions | None,
    require: str | None,
    options: QualityOptions,
) -> QualityComparison:
    """Measure each set and check it by ``require``; :func:`fewray.measure_quality` explains more.

    The name of a single set is empty.

    InputError, before anything is measured, if the classes of both sides differ, a held-out image
    was seen by a generator, the extractor helped to train or select one, ``fit`` is not theirs,
    ``run`` has no generator of a class or one that saw none of the real images, or several sets
    cannot be compared.
    """
    asked = parse_requirements(require)
    sets: Sets = {
        name: load_dataset(each, option="--synthetic") if isinstance(each, str | Path) else each
        for name, each in synthetic.items()
    }
    sources = {name: generator_sources(each, run) for name, each in sets.items()}
    known = joint_sources(sources)
    images, unseen = real_images(real, held_out, known, group_regex=group_regex, read=read)
    reals = [images] if unseen is None else [images, unseen]
    if out is not None:
        for each in reals:
            check_out_folder(each, out)
    if several := len(sets) > 1:
        check_sets(sets, reals, out)
    measured, *_ = [_classes(images, each, classes, name) for name, each in sets.items()]
    check_percentile(options.copy_percentile)
    if options.tstr_steps and len(measured) < 2:
        raise InputError("too_few_classes", "--tstr: a classifier needs at least 2 classes.")
    compute = open_extractor(
        options.extractor, weights=options.weights, device=options.device, cache=options.cache
    )
    generators = _generators(run, measured)
    if run is not None and unseen is None:
        message = "--run needs --held-out with images that the generators did not see."
        raise InputError("held_out_missing", message)
    known = joint_sources(sources, measured)
    used = {label: source.networks_used or () for label, source in known.items()}
    check_independent(compute.name, used)
    fit = settled_fit(options.fit, known, list(known))
    notes = _loader_warnings(images, unseen)
    for name, own in sources.items():  # real images for all sets: those that every generator saw
        images, skipped = keep_training_images(images, own)
        notes += [f"{name}: {note}" if name else note for note in skipped]
    trained: dict[str, Manifest] = {}
    held_out_classes: tuple[str, ...] = ()
    if unseen is not None:
        held_out_classes = _held_out_classes(unseen, measured, notes)
        if run is not None:
            hashes = {label: training_hashes(known, label) for label in held_out_classes}
            trained = {label: _known(run, images, label, hashes[label]) for label in hashes}
        notes += check_held_out(images, unseen, joint_sources(sources))
    if several:
        sets, fewer = equal_numbers(sets, measured, options.seed)
        notes += fewer
    with locked(out) if out is not None else nullcontext():  # fail early if it cannot be written
        size, seed, device = options.image_size, options.seed, options.device
        training = image_sets(images, images.classes, size, fit)
        fakes = {name: image_sets(each, measured, size, fit) for name, each in sets.items()}
        others = None if unseen is None else image_sets(unseen, held_out_classes, size, fit)
        recognised: dict[str, Membership] = {}
        if unseen is not None:
            recognised = {
                label: _membership(generators[label], rows, unseen, device)
                for label, rows in trained.items()
            }
        found = measure_sets(
            training,
            fakes,
            compute,
            held_out=others,
            k=options.k,
            copy_percentile=options.copy_percentile,
            seed=seed,
        )
        reports: dict[str, QualityReport] = {}
        for name, (report, nearest, areas) in found.items():
            own, tstr = sources[name], None
            if options.tstr_steps:
                chosen = {label: training[label] for label in measured}
                classifier = ClassifierOptions(steps=options.tstr_steps, image_size=size)
                tstr = measure_tstr(
                    chosen, fakes[name], classifier, held_out=others, seed=seed, device=device
                )
            _, missing = keep_training_images(images, own)
            about = [*notes, *missing, *hand_picked_notes(own, measured)]
            about += independence_notes(compute.name, own, measured)
            report = msgspec.structs.replace(
                report,
                classes=_with_pieces(report, own),
                fit=fit,
                notes=tuple(dict.fromkeys(about)),
                membership=recognised,
                tstr=tstr,
            )
            report = msgspec.structs.replace(report, requirements=checked(report, asked))
            reports[name] = report
            if out is not None:
                write_quality(out / name, report, nearest, training, fakes[name], areas)
        comparison = QualityComparison(sets=reports)
        if out is not None and several:
            write_comparison(out, comparison)
    return comparison


def _generators(run: Path | None, measured: tuple[str, ...]) -> dict[str, Path]:
    """Return the checkpoints in ``run``; InputError if it has no generator of a measured class."""
    found = run_classes(run) if run is not None else {}
    if run is not None and (missing := sorted(set(measured) - set(found))):
        message = f"--run {run}: no generator of {', '.join(missing)}."
        raise InputError("generators_missing", message, missing=missing, found=list(found))
    return found


def _membership(generator: Path, train: Manifest, unseen: Manifest, device: str) -> Membership:
    (label,) = {row.label for row in train.rows}
    options = read_header(generator).options
    sides = (
        ImageSource(rows).at(options.image_size, options.fit)
        for rows in (train, unseen.where(label=label))
    )
    return membership(generator, label, *sides, device=device)


def _with_pieces(report: QualityReport, sources: Sources) -> dict[str, ClassQuality]:
    """Return the classes, each with a warning if its images are pieces of training images."""
    found = {}
    for label, quality in report.classes.items():
        options = {label: sources[label].options} if label in sources else {}
        warnings = (*quality.warnings, *piece_warnings(options))
        found[label] = msgspec.structs.replace(quality, warnings=warnings)
    return found


def _classes(
    real: Manifest, synthetic: Manifest, chosen: tuple[str, ...] | None, name: str
) -> tuple[str, ...]:
    fields = {"real": real.classes, name or "synthetic": synthetic.classes}
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
    """Return the images of each class, grouped by patient, and named by file.

    If that is not unique, or hidden as in DICOM exports, the names are those of the data check.
    """
    found = {}
    for label in classes:
        rows = manifest.where(label=label)
        names = [row.shown.name for row in rows.rows]
        if manifest.dicom is not None or len(set(names)) < len(names):
            names = names_among(manifest, rows)
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
