"""The quality court: brings real, synthetic and held-out images, generators and classifiers before the metrics."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from fewray.config import ClassifierOptions
from fewray.data.manifest import Manifest
from fewray.errors import InputError
from fewray.gan.generate import run_classes
from fewray.gan.membership import membership
from fewray.images import load_images
from fewray.quality.evaluate import measure_quality
from fewray.quality.gallery import write_quality
from fewray.quality.image_set import ImageSet
from fewray.quality.result import Quality
from fewray.study.extractors import open_extractor
from fewray.study.usefulness import measure_usefulness


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
    fit: str,
    k: int,
    copy_percentile: float,
    usefulness_steps: int,
    seed: int,
    device: str,
    cache: bool,
) -> Quality:
    """Measure ``classes``, or all where both sides have the same; see :func:`fewray.measure_quality` for the parameters.

    InputError when the classes do not match, a held-out film is among the real ones, or ``run`` has no generator of a
    class.
    """
    wanted = _classes(real, synthetic, classes)
    if k < 1:
        raise InputError(f"--k {k}: at least 1 is wanted")
    compute = open_extractor(extractor, weights=weights, device=device, cache=cache)
    generators = run_classes(run) if run is not None else {}
    if run is not None and (missing := sorted(set(wanted) - set(generators))):
        raise InputError(f"--run {run}: no generator of {', '.join(missing)}; it has {', '.join(generators)}")
    if run is not None and held_out is None:
        raise InputError("--run: no --held-out; films that the generators did not see are wanted beside it")
    reals = image_sets(real, real.classes, image_size, fit)
    fakes = image_sets(synthetic, wanted, image_size, fit)
    others = None
    if held_out is not None:
        _apart(real, held_out)
        others = image_sets(
            held_out, tuple(label for label in wanted if len(held_out.where(label=label))), image_size, fit
        )
    found = measure_quality(reals, fakes, compute, held_out=others, k=k, copy_percentile=copy_percentile, seed=seed)
    if run is not None and others is not None:
        found = replace(
            found,
            membership={
                label: membership(generators[label], _at_64(reals[label]), _at_64(others[label]), device=device)
                for label in others
            },
        )
    chosen = {label: reals[label] for label in wanted}
    if usefulness_steps:
        options = ClassifierOptions(steps=usefulness_steps, image_size=image_size)
        found = replace(
            found, usefulness=measure_usefulness(chosen, fakes, options, held_out=others, seed=seed, device=device)
        )
    if out is not None:
        write_quality(out, found, reals, fakes)
    return found


def _classes(real: Manifest, synthetic: Manifest, chosen: tuple[str, ...] | None) -> tuple[str, ...]:
    for label in chosen or ():
        for side, rows in (("real", real), ("synthetic", synthetic)):
            if label not in rows.classes:
                raise InputError(f"--classes {label}: not among the {side} classes {', '.join(rows.classes)}")
    if chosen is None and set(real.classes) != set(synthetic.classes):
        raise InputError(
            f"classes: real {', '.join(real.classes)}; synthetic {', '.join(synthetic.classes)}; the same are wanted, "
            "or name those to measure with --classes"
        )
    return chosen or synthetic.classes


def image_sets(manifest: Manifest, classes: tuple[str, ...], size: int, fit: str) -> dict[str, ImageSet]:
    """Return the images of each class, named by file and grouped by patient."""
    found = {}
    for label in classes:
        rows = manifest.where(label=label)
        names = [row.path.name for row in rows.rows]
        if len(set(names)) < len(names):  # equal names in several folders
            names = [row.path.as_posix() for row in rows.rows]
        found[label] = ImageSet.of(load_images(rows.paths(), size, fit), names, [row.group for row in rows.rows])
    return found


def _apart(real: Manifest, held_out: Manifest) -> None:
    """Refuse held-out films that are among the real ones: nothing would be held out."""
    seen = {row.sha256 for row in real.rows}
    if both := [row.path for row in held_out.rows if row.sha256 in seen]:
        raise InputError(
            f"--held-out: {len(both)} of {len(held_out)} files are among the real ones too, first {both[0]}; "
            "films that the generator did not see are wanted"
        )


def _at_64(images: ImageSet) -> np.ndarray:
    from fewray.images import resize

    if images.images.shape[2:] == (64, 64):
        return images.images
    return np.stack([resize(image[0], 64, "squash") for image in images.images])[:, None]
