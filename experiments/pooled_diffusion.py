"""One diffusion model for all classes together, measured against unseen patients.

Run `python -m experiments.pooled_diffusion covid4 FOLDER [EPOCHS [SEED]]`; run it again to resume.
The model trains on 80% of the training patients of each class; the others are held out. The test
split is never read. The table has, for every class and extractor: KID to the training images and to
those of the held-out patients, precision, coverage and copies. Its images lie in FOLDER.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import torch

from fewray.compute.device import choose_device, choose_precision
from fewray.compute.seeds import child_seed
from fewray.data.hold_out import split_hold_out
from fewray.data.images import ImageSource
from fewray.data.loading import load_dataset
from fewray.data.manifest import Manifest
from fewray.generators.checkpoint import load_checkpoint, save_checkpoint
from fewray.generators.diffusion import Diffusion
from fewray.imaging.arrays import grid, save_png
from fewray.pipelines.extractors import open_extractor
from fewray.presets import RECIPES
from fewray.quality.evaluate import measure_quality
from fewray.quality.image_set import ImageSet
from fewray.results.training import TrainingSet

SIZE, FIT, HOLD_OUT, PER_CLASS = 64, "squash", 0.2, 200
EXTRACTORS = ("lite0", "lite2", "texture")


def image_set(rows: Manifest) -> ImageSet:
    """Return the images of ``rows`` with names and patients."""
    images = np.array(ImageSource(rows).at(SIZE, FIT))
    return ImageSet.of(images, [row.sha256 for row in rows.rows], [row.group for row in rows.rows])


def train(model: Diffusion, path: Path, images: np.ndarray, labels: np.ndarray, n: int) -> None:
    """Train until the last epoch; a checkpoint every fifth."""
    known = TrainingSet(
        label="all",
        num_train=n,
        classic_images=0,
        training_hashes=(),
        held_out_hashes=(),
        rows_sha256="",
        origin="real",
    )
    started = time.process_time()
    device = choose_device("auto")
    for tick in model.fit(images, labels, precision=choose_precision(device, "auto")):
        spent = time.process_time() - started
        print(f"epoch {tick.epoch} of {tick.epochs}, loss {tick.values['loss']:.4f}, {spent:.0f} s")
        if tick.epoch % 5 == 0 or tick.epoch == tick.epochs:
            save_checkpoint(model, path, known)


def main(data: str, folder: Path, epochs: int, seed: int) -> None:
    """Train, or resume, and print the table."""
    rows = load_dataset(data).where(split="train")
    real: dict[str, ImageSet] = {}
    held_out: dict[str, ImageSet] = {}
    for label in rows.classes:
        part = rows.where(label=label)
        parts = split_hold_out(part, HOLD_OUT, seed=child_seed(0, "hold-out", label))
        real[label], held_out[label] = map(image_set, parts)
    images = np.concatenate([each.images for each in real.values()])
    labels = np.repeat(np.arange(len(real)), [len(each) for each in real.values()])
    folder.mkdir(parents=True, exist_ok=True)
    path, device = folder / "checkpoint.safetensors", choose_device("auto")
    options = RECIPES["diffusion"].with_(epochs=epochs)
    model = Diffusion(options, seed=seed, device=device)
    if path.exists():
        found = load_checkpoint(path, device)
        assert isinstance(found, Diffusion)
        model, model.options = found, options
    torch.set_num_threads(1)
    train(model, path, images, labels, len(images))
    fake: dict[str, ImageSet] = {}
    for index, label in enumerate(real):
        model.class_index = index
        fake[label] = ImageSet.of(model.sample(range(PER_CLASS)))
    first = np.concatenate([each.images[:12] for each in fake.values()])
    save_png(grid(first, 12), folder / "samples.png")
    print("| extractor | class | KID training | KID held out | precision | coverage | copies |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in EXTRACTORS:
        report, _ = measure_quality(real, fake, open_extractor(name), held_out=held_out)
        for label, found in report.classes.items():
            unseen = report.held_out[label].kid or 0.0
            scores = (found.kid, unseen, found.precision, found.coverage)
            shown = " | ".join(f"{score:.2f}" for score in scores)
            print(f"| {name} | {label} | {shown} | {len(found.copies)} of {PER_CLASS} |")


if __name__ == "__main__":
    chosen = [int(value) for value in sys.argv[3:]]
    main(sys.argv[1], Path(sys.argv[2]), *(chosen + [200, 0][len(chosen) :]))
