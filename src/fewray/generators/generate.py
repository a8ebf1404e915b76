"""Synthetic images of a training run: ``out/<class>/seed000042.png`` and their manifest."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import msgspec
import numpy as np

from fewray.compute.device import choose_device
from fewray.data.manifest import Manifest, Row
from fewray.errors import InputError, RunFailed
from fewray.generators.checkpoint import load_checkpoint, provenance, read_header
from fewray.generators.family import Family
from fewray.generators.output_folder import check_own, publish, waiting_folder
from fewray.generators.run import BEST, CHECKPOINT
from fewray.generators.sampling import BATCH
from fewray.imaging.arrays import png_bytes
from fewray.imaging.dicom.writing import synthetic_dicom
from fewray.results.copies import CopyThreshold
from fewray.results.training import ALL_CLASSES, GeneratorSource, piece_warnings
from fewray.storage.files import locked, sha256_of
from fewray.storage.rejects import rejected_seeds

SUFFIX_OF = {"png": ".png", "dicom": ".dcm"}
"""Suffixes of the formats in which images are written."""
TRIES = 20
"""Seeds tried per image before rejection gives up."""

Reject = Callable[[str, np.ndarray], np.ndarray]
"""A class and uint8 images (n, 1, H, W) to bool (n,): images to replace."""


def run_classes(run: Path) -> dict[str, Path]:
    """Return the checkpoint of each class in ``run`` to sample from.

    The best on held-out images if there is one, else the last. InputError if there is none.
    """
    found: dict[str, Path] = {}
    for name in (CHECKPOINT, BEST):
        for path in sorted(run.glob(f"*/{name}")):
            pooled = path.parent.name == ALL_CLASSES
            classes = read_header(path).training_set.classes if pooled else ()
            found |= dict.fromkeys(classes or (path.parent.name,), path)
    if not found:
        message = f"{run}: no <class>/{CHECKPOINT}. Give a folder written by `fewray train`."
        raise InputError("no_generators", message, folder=str(run))
    return found


def generate(
    run: Path,
    out: Path,
    *,
    per_class: int,
    classes: Sequence[str] | None = None,
    first_seed: int = 0,
    device: str = "auto",
    reject: Reject | None = None,
    copy_threshold: CopyThreshold | None = None,
    copy_extractor: str | None = None,
    format: str = "png",
) -> Manifest:
    """Write ``per_class`` images of each class to ``out`` and return their manifest.

    ``format`` is ``png`` or ``dicom`` (:mod:`fewray.imaging.dicom.writing`). Image
    ``seedNNNNNN.png`` (or ``.dcm``) depends on the generator and its seed only, up to rounding.
    Images of earlier calls are removed; a call that fails or is interrupted leaves ``out``
    unchanged. ``generators.json`` holds the provenance of each class. An image that ``reject``
    refuses is replaced by the next seed's; the refused seeds, ``copy_threshold`` and
    ``copy_extractor`` are in ``generators.json``, their numbers by class in the manifest's
    ``about``, beside ``warnings`` about the images. Seeds on the reject lists of ``run`` and
    ``out`` (:mod:`fewray.storage.rejects`) are passed over. InputError if ``out`` holds files that
    `fewray generate` did not write; RunFailed if twenty times as many seeds do not suffice.
    """
    if per_class < 1:
        raise InputError("per_class", f"--per-class {per_class}, expected at least 1.")
    if first_seed < 0:
        raise InputError("first_seed", f"--first-seed {first_seed}, expected 0 or more.")
    if format not in SUFFIX_OF:
        known = " or ".join(SUFFIX_OF)
        raise InputError("image_format", f"--format {format}: expected {known}.", found=format)
    checkpoints = run_classes(run)
    for label in classes or ():
        if label not in checkpoints:
            message = f"--classes {label}: {run} has {', '.join(checkpoints)}."
            raise InputError("class_unknown", message, label=label, found=list(checkpoints))
    chosen = tuple(dict.fromkeys(classes or checkpoints))
    rows: list[Row] = []
    sources: dict[str, GeneratorSource] = {}
    rejected: dict[str, int] = {}
    check_own(out, chosen)
    where = choose_device(device)
    loaded = {label: load_checkpoint(checkpoints[label], where, label) for label in chosen}
    found = {label: provenance(checkpoints[label]) for label in chosen}
    hashes = {label: source.checkpoint_sha256 for label, source in found.items()}
    marked = rejected_seeds((run, out), hashes)
    passed_over: dict[str, list[int]] = {label: [] for label in chosen}
    with locked(out), waiting_folder(out) as waiting:
        for label in chosen:
            (waiting / label).mkdir()
            refused: list[int] = []
            seeds = _unmarked(first_seed, marked[label], passed_over[label])
            images = _kept(loaded[label], label, seeds, per_class, reject, refused)
            source = found[label]
            for seed, image in images:
                path = waiting / label / f"seed{seed:06d}{SUFFIX_OF[format]}"
                _write(path, _content(image[0], format, label, seed, source))
                rows.append(
                    Row(
                        path=out / label / path.name,
                        label=label,
                        split="",
                        group=f"{label}-seed{seed:06d}",
                        sha256=sha256_of(path),
                        origin="synthetic",
                    )
                )
            sources[label] = msgspec.structs.replace(source, marked_seeds=tuple(passed_over[label]))
            if reject is not None:
                rejected[label] = len(refused)
                sources[label] = msgspec.structs.replace(
                    sources[label],
                    rejected_seeds=tuple(refused),
                    copy_threshold=copy_threshold,
                    copy_extractor=copy_extractor,
                )
        options = {label: source.options for label, source in sources.items()}
        manifest = Manifest(
            name=out.name,
            classes=chosen,
            rows=tuple(rows),
            about={
                "run": run.name,
                "rejected": rejected,
                "marked": {label: len(seeds) for label, seeds in passed_over.items() if seeds},
                "warnings": [
                    *(warning.text for warning in piece_warnings(options)),
                    *_marked_warning(passed_over),
                ],
            },
        )
        publish(waiting, out, manifest, sources)
    return manifest


def _unmarked(first: int, marked: frozenset[int], passed_over: list[int]) -> Iterator[int]:
    """Yield the seeds from ``first`` on that are not marked; append the others."""
    for seed in itertools.count(first):
        if seed in marked:
            passed_over.append(seed)
        else:
            yield seed


def _marked_warning(passed_over: Mapping[str, Sequence[int]]) -> list[str]:
    """Return a sentence if images were left out by hand; none otherwise."""
    count = sum(map(len, passed_over.values()))
    if not count:
        return []
    images = "1 image was" if count == 1 else f"{count} images were"
    return [
        f"{images} left out because a reject list marks them as artefacts. Quality measured on "
        "hand-picked images is better than that of the generator."
    ]


def _kept(
    generator: Family,
    label: str,
    seeds: Iterator[int],
    count: int,
    reject: Reject | None,
    refused: list[int],
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield ``count`` of ``seeds`` and their images that are not refused; append the refused."""
    tried = kept = 0
    while kept < count:
        chunk = list(itertools.islice(seeds, min(BATCH, count - kept)))
        tried += len(chunk)
        images = generator.sample(chunk)
        bad = np.zeros(len(images), bool) if reject is None else reject(label, images)
        refused += [number for number, refuse in zip(chunk, bad, strict=True) if refuse]
        kept += int((~bad).sum())
        if kept < count and tried >= TRIES * count:
            message = (
                f"class {label}: {len(refused)} of {tried} images are copies of training images, "
                "only "
                f"{kept} of {count} are left. Train with more augmentation or for fewer epochs."
            )
            raise RunFailed("too_many_copies", message, label=label, copies=len(refused))
        for number, image, refuse in zip(chunk, images, bad, strict=True):
            if not refuse:
                yield number, image


def _content(
    pixels: np.ndarray, format: str, label: str, seed: int, source: GeneratorSource
) -> bytes:
    """Return uint8 (H, W) as a file."""
    if format == "png":
        return png_bytes(pixels)
    return synthetic_dicom(
        pixels,
        label=label,
        seed=seed,
        recipe=source.options.recipe,
        version=version("fewray"),
        pieces=source.options.family == "patches",
    )


def _write(path: Path, content: bytes) -> None:
    """Write without a flush to disk: the manifest, written last, says which images are complete."""
    try:
        path.write_bytes(content)
    except OSError as error:
        message = f"{path}: cannot be written ({error.strerror}). Free disk space or change --out."
        raise RunFailed("write_failed", message, path=str(path)) from error
