"""A folder of synthetic images from a run: ``out/<class>/seed000042.png``, a manifest, and where they come from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fewray.data.manifest import Manifest, Row, sha256_of
from fewray.device import choose_device
from fewray.errors import InputError, RunFailed
from fewray.gan.checkpoint import file_sha256, load_generator, read_header
from fewray.gan.run import CHECKPOINT
from fewray.gan.sampling import BATCH, sample
from fewray.images import png_bytes
from fewray.runs import locked, write_json


def run_classes(run: Path) -> dict[str, Path]:
    """Return the checkpoint of each class in ``run``; InputError when there is none."""
    if not run.is_dir():
        raise InputError(f"{run}: no such folder; a folder made by `fewray train` is wanted")
    found = {path.parent.name: path for path in sorted(run.glob(f"*/{CHECKPOINT}"))}
    if not found:
        raise InputError(f"{run}: holds no <class>/{CHECKPOINT}; a folder made by `fewray train` is wanted")
    return found


def provenance(checkpoint: Path) -> dict[str, Any]:
    """Return what names a generator: the hash of its checkpoint, its options and the hashes of the rows it saw."""
    header = read_header(checkpoint)
    return {
        "checkpoint_sha256": file_sha256(checkpoint),
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
) -> Manifest:
    """Write ``per_class`` images of each class to ``out`` and return their manifest.

    Image ``seedNNNNNN.png`` is the generator's answer to that seed, whatever else is made with it. ``generators.json``
    names the checkpoints and the rows their generators saw. Existing images of the same seed are written again.
    """
    if per_class < 1:
        raise InputError(f"--per-class {per_class}: at least 1 is wanted")
    if first_seed < 0:
        raise InputError(f"--first-seed {first_seed}: 0 or more is wanted")
    checkpoints = run_classes(run)
    for label in classes or ():
        if label not in checkpoints:
            raise InputError(f"--classes {label}: {run} has no such class; it has {', '.join(checkpoints)}")
    chosen = tuple(classes or checkpoints)
    rows: list[Row] = []
    sources: dict[str, Any] = {}
    where = choose_device(device)
    with locked(out):
        for label in chosen:
            network, options = load_generator(checkpoints[label], where)
            sources[label] = provenance(checkpoints[label])
            folder = out / label
            folder.mkdir(exist_ok=True)
            seeds = range(first_seed, first_seed + per_class)
            for start in range(0, per_class, BATCH):
                chunk = seeds[start : start + BATCH]
                for seed, image in zip(chunk, sample(network, options, chunk), strict=True):
                    path = folder / f"seed{seed:06d}.png"
                    _write(path, png_bytes(image[0]))
                    rows.append(
                        Row(
                            path=path,
                            label=label,
                            split="",
                            group=f"{label}-seed{seed:06d}",
                            sha256=sha256_of(path),
                            origin="synthetic",
                        )
                    )
        manifest = Manifest(name=out.name, classes=chosen, rows=tuple(rows), notes={"run": run.name})
        write_json(out / "generators.json", sources)
        manifest.to_csv(out / "manifest.csv")
    return manifest


def _write(path: Path, content: bytes) -> None:
    """Write one of many images: not worth a flush to disk each, since the manifest written last says what is whole."""
    try:
        path.write_bytes(content)
    except OSError as error:
        raise RunFailed(f"{path}: cannot be written ({error.strerror}); free the disk or choose --out") from error
