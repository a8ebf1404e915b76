"""The quality court: brings real, synthetic and held-out images, generators and classifiers before the metrics."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from fewray.config import ClassifierOptions, GanOptions
from fewray.data.images import ImageSource
from fewray.data.manifest import Manifest
from fewray.errors import InputError
from fewray.generators.generate import run_classes
from fewray.generators.membership import membership
from fewray.pipelines.extractors import open_extractor
from fewray.pipelines.held_out_check import check_apart
from fewray.pipelines.provenance import films_seen, image_sources, settled_fit, training_hashes
from fewray.pipelines.tstr import measure_tstr
from fewray.quality.copies.threshold import check_percentile
from fewray.quality.evaluate import measure_quality
from fewray.quality.gallery import write_quality
from fewray.quality.image_set import ImageSet
from fewray.quality.result import Quality
from fewray.storage.files import locked


def judge(
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
) -> Quality:
    """Measure ``classes``, or all where both sides have the same; see :func:`fewray.measure_quality` for the parameters.

    InputError, before anything is measured, when the classes do not match, a held-out film is among those the generators
    saw, ``fit`` is not theirs, ``run`` has no generator of a class or one that saw none of the real films, or an option is
    out of its range.
    """
    wanted = _classes(real, synthetic, classes)
    if k < 1:
        raise InputError(f"--k {k}: at least 1 is wanted")
    check_percentile(copy_percentile)
    if tstr_steps and len(wanted) < 2:
        raise InputError(f"--tstr {tstr_steps}: {len(wanted)} class; a classifier needs at least 2")
    compute = open_extractor(extractor, weights=weights, device=device, cache=cache)
    generators = run_classes(run) if run is not None else {}
    if run is not None and (missing := sorted(set(wanted) - set(generators))):
        raise InputError(
            f"--run {run}: no generator of {', '.join(missing)}; it has {', '.join(generators)}"
        )
    if run is not None and held_out is None:
        raise InputError(
            "--run: no --held-out; films that the generators did not see are wanted beside it"
        )
    sources = image_sources(synthetic, run)
    fit = settled_fit(fit, sources, wanted)
    notes = _warnings(real, held_out)
    real, skipped = films_seen(real, sources)
    notes += skipped
    apart: tuple[str, ...] = ()
    known: dict[str, Manifest] = {}
    if held_out is not None:
        apart = _held_out_classes(held_out, wanted, notes)
        if run is not None:
            known = {
                label: _known(run, real, label, training_hashes(sources, label)) for label in apart
            }
        notes += check_apart(real, held_out, sources)
    with (
        locked(out) if out is not None else nullcontext()
    ):  # a folder that cannot be written is refused now
        reals = image_sets(real, real.classes, image_size, fit)
        fakes = image_sets(synthetic, wanted, image_size, fit)
        others = None if held_out is None else image_sets(held_out, apart, image_size, fit)
        found = measure_quality(
            reals, fakes, compute, held_out=others, k=k, copy_percentile=copy_percentile, seed=seed
        )
        found = replace(found, fit=fit, notes=tuple(notes))
        if run is not None and held_out is not None:
            scores = {}
            for label in apart:
                options = GanOptions.from_json(sources[label]["options"])
                scores[label] = _membership(
                    generators[label],
                    known[label],
                    held_out.where(label=label),
                    options,
                    device=device,
                )
            found = replace(found, membership=scores)
        if tstr_steps:
            chosen = {label: reals[label] for label in wanted}
            options = ClassifierOptions(steps=tstr_steps, image_size=image_size)
            useful = measure_tstr(chosen, fakes, options, held_out=others, seed=seed, device=device)
            found = replace(found, tstr=useful)
        if out is not None:
            write_quality(out, found, reals, fakes)
    return found


def _classes(
    real: Manifest, synthetic: Manifest, chosen: tuple[str, ...] | None
) -> tuple[str, ...]:
    for label in chosen or ():
        if (chosen or ()).count(label) > 1:
            raise InputError(
                f"--classes {','.join(chosen or ())}: {label} twice; each class once is wanted"
            )
        for side, rows in (("real", real), ("synthetic", synthetic)):
            if label not in rows.classes:
                raise InputError(
                    f"--classes {label}: not among the {side} classes {', '.join(rows.classes)}"
                )
    if chosen is None and set(real.classes) != set(synthetic.classes):
        raise InputError(
            f"classes: real {', '.join(real.classes)}; synthetic {', '.join(synthetic.classes)}; the same are wanted, "
            "or name those to measure with --classes"
        )
    return chosen or synthetic.classes


def image_sets(
    manifest: Manifest, classes: tuple[str, ...], size: int, fit: str
) -> dict[str, ImageSet]:
    """Return the images of each class, named by file and grouped by patient."""
    found = {}
    for label in classes:
        rows = manifest.where(label=label)
        names = [row.path.name for row in rows.rows]
        if len(set(names)) < len(names):  # equal names in several folders
            names = [row.path.as_posix() for row in rows.rows]
        found[label] = ImageSet.of(
            ImageSource(rows).at(size, fit), names, [row.group for row in rows.rows]
        )
    return found


def _held_out_classes(
    held_out: Manifest, wanted: tuple[str, ...], notes: list[str]
) -> tuple[str, ...]:
    """Return the measured classes with held-out films; ``notes`` gets those without. InputError where none has any."""
    counts = Counter(row.label for row in held_out.rows)
    if missing := [label for label in wanted if not counts[label]]:
        if len(missing) == len(wanted):
            raise InputError(
                f"--held-out: films of {', '.join(sorted(counts)) or 'no class'}; of the measured classes "
                f"{', '.join(wanted)} some are wanted"
            )
        notes.append(f"no held-out films of {', '.join(missing)}")
    return tuple(label for label in wanted if counts[label])


def _warnings(real: Manifest, held_out: Manifest | None) -> list[str]:
    """Return what the loaders warned of, such as patients that are not known, each once and with its side."""
    sides = {"real": real} if held_out is None else {"real": real, "held out": held_out}
    found: dict[str, str] = {}
    for side, rows in sides.items():
        for warning in rows.warnings:
            found.setdefault(warning.text, side)
    return [f"{side}: {text}" for text, side in found.items()]


def _known(run: Path, real: Manifest, label: str, seen: set[str]) -> Manifest:
    """Return the real images of one class that its generator saw. Raises InputError if there are none."""
    if known := tuple(row for row in real.where(label=label).rows if row.sha256 in seen):
        return replace(real, rows=known)
    raise InputError(
        f"--run {run}: its generator of {label} saw none of the real films; the data it was trained on is wanted with --real"
    )


def _membership(
    checkpoint: Path, known: Manifest, held_out: Manifest, options: GanOptions, *, device: str
) -> dict[str, Any]:
    """Return how well D tells the films it was trained on from held-out ones, both read as it read them."""
    train, others = (
        ImageSource(rows).at(options.image_size, options.fit) for rows in (known, held_out)
    )
    return membership(checkpoint, train, others, device=device)
