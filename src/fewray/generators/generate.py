"""A folder of synthetic images from a run: ``out/<class>/seed000042.png``, a manifest, and where they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fewray.compute.device import choose_device
from fewray.config import GanOptions
from fewray.data.manifest import Manifest, Row
from fewray.errors import InputError, RunFailed
from fewray.generators.checkpoint import load_generator, read_header
from fewray.generators.families.dcgan import Generator
from fewray.generators.output_folder import check_own, publish, waiting_folder
from fewray.generators.run import BEST, CHECKPOINT
from fewray.generators.sampling import BATCH, sample
from fewray.imaging.arrays import png_bytes
from fewray.storage.files import locked, sha256_of

TRIES = 20
"""Seeds tried for each image wanted before rejection is given up."""

Reject = Callable[[str, np.ndarray], np.ndarray]
"""A class and uint8 images (n, 1, H, W) to bool (n,): those not to be kept."""


def run_classes(run: Path) -> dict[str, Path]:
    """Return the checkpoint of each class in ``run`` to sample from: the best where films were held out, else the last.

    InputError when there is none.
    """
    if not run.is_dir():
        raise InputError(f"{run}: no such folder; a folder made by `fewray train` is wanted")
    found = {
        path.parent.name: path
        for name in (CHECKPOINT, BEST)
        for path in sorted(run.glob(f"*/{name}"))
    }
    if not found:
        raise InputError(
            f"{run}: holds no <class>/{CHECKPOINT}; a folder made by `fewray train` is wanted"
        )
    return found


def provenance(checkpoint: Path) -> dict[str, Any]:
    """Return what names a generator: the hash of its checkpoint, its options and the hashes of the rows it saw."""
    header = read_header(checkpoint)
    return {
        "checkpoint_sha256": sha256_of(checkpoint),
        "epoch": header["epoch"],
        "options": header["options"],
        "seed": header["seed"],
        **header["about"],
    }


def generate(
    run: Path,
    out: Path,
    *,
    per_class: int,
    classes: Sequence[str] | None = None,
    first_seed: int = 0,
    device: str = "auto",
    reject: Reject | None = None,
    bar: Mapping[str, Any] | None = None,
) -> Manifest:
    """Write ``per_class`` images of each class to ``out`` and return their manifest.

    Image ``seedNNNNNN.png`` is the generator's answer to that seed, whatever else is made with it. ``generators.json``
    names the checkpoints and the rows their generators saw. ``out`` holds what its manifest names and no more: images of
    earlier calls that this one does not make are removed, and a call that fails or is stopped leaves ``out`` as it was. An
    image that ``reject`` refuses is replaced by the next seed's; the refused seeds and ``bar``, plain JSON of what
    ``reject`` judges by, are in ``generators.json``, and counts by class in the manifest's ``about``. InputError when ``out``
    holds a table or images of somebody else's, RunFailed when twenty times as many seeds do not suffice.
    """
    if per_class < 1:
        raise InputError(f"--per-class {per_class}: at least 1 is wanted")
    if first_seed < 0:
        raise InputError(f"--first-seed {first_seed}: 0 or more is wanted")
    checkpoints = run_classes(run)
    for label in classes or ():
        if label not in checkpoints:
            raise InputError(
                f"--classes {label}: {run} has no such class; it has {', '.join(checkpoints)}"
            )
    chosen = tuple(dict.fromkeys(classes or checkpoints))
    rows: list[Row] = []
    sources: dict[str, Any] = {}
    rejected: dict[str, int] = {}
    where = choose_device(device)
    check_own(out, chosen)
    loaded = {
        label: load_generator(checkpoints[label], where) for label in chosen
    }  # damage comes out before a folder is made
    with locked(out), waiting_folder(out) as waiting:
        for label in chosen:
            network, options = loaded[label]
            sources[label] = provenance(checkpoints[label])
            (waiting / label).mkdir()
            refused: list[int] = []
            for seed, image in _kept(
                network, options, label, first_seed, per_class, reject, refused
            ):
                path = waiting / label / f"seed{seed:06d}.png"
                _write(path, png_bytes(image[0]))
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
            if reject is not None:
                sources[label] |= {"rejected_seeds": refused} | (
                    {} if bar is None else {"copy_threshold": dict(bar)}
                )
                rejected[label] = len(refused)
        manifest = Manifest(
            name=out.name,
            classes=chosen,
            rows=tuple(rows),
            about={"run": run.name, "rejected": rejected},
        )
        publish(waiting, out, manifest, sources)
    return manifest


def _kept(
    network: Generator,
    options: GanOptions,
    label: str,
    first_seed: int,
    count: int,
    reject: Reject | None,
    refused: list[int],
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield ``count`` seeds and images that are not refused, in the order of seeds; ``refused`` collects the others."""
    seed, kept = first_seed, 0
    while kept < count:
        chunk = range(seed, seed + min(BATCH, count - kept))
        seed = chunk.stop
        images = sample(network, options, chunk)
        bad = np.zeros(len(images), bool) if reject is None else reject(label, images)
        refused += [number for number, refuse in zip(chunk, bad, strict=True) if refuse]
        kept += int((~bad).sum())
        if kept < count and seed - first_seed >= TRIES * count:
            raise RunFailed(
                f"class {label}: {len(refused)} of {seed - first_seed} images are copies of training images and {kept} "
                f"of {count} are left; train with more augmentation or for fewer epochs"
            )
        yield from (
            (number, image)
            for number, image, refuse in zip(chunk, images, bad, strict=True)
            if not refuse
        )


def _write(path: Path, content: bytes) -> None:
    """Write one of many images: not worth a flush to disk each, since the manifest written last says what is whole."""
    try:
        path.write_bytes(content)
    except OSError as error:
        raise RunFailed(
            f"{path}: cannot be written ({error.strerror}); free the disk or choose --out"
        ) from error
