"""Are synthetic images of use? A classifier trained on them and tested on real films, and the reverse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fewray.classify.training import predict, train_classifier
from fewray.compute.seeds import child_seed
from fewray.config import ClassifierOptions
from fewray.errors import InputError
from fewray.quality.image_set import ImageSet


@dataclass(frozen=True)
class _Side:
    images: np.ndarray
    labels: np.ndarray


def measure_tstr(
    real: Mapping[str, ImageSet],
    fake: Mapping[str, ImageSet],
    options: ClassifierOptions,
    *,
    held_out: Mapping[str, ImageSet] | None = None,
    seed: int = 0,
    device: str = "auto",
    precision: str = "auto",
) -> dict[str, Any]:
    """Return accuracies of the trial's classifier, the same steps on each side (Esteban et al. 2017, TSTR and TRTS).

    ``train_synthetic_test_real`` and ``train_real_test_real`` are on ``held_out`` films where there are any, so that
    the two may be compared. Without them the first is on the films the generator saw, which flatters it, and the second
    is not defined. ``train_real_test_synthetic`` says how well the synthetic classes are told apart. InputError with
    fewer than two classes.
    """
    if len(real) < 2:
        raise InputError(f"tstr: {len(real)} class; a classifier needs at least 2")
    labels = {label: index for index, label in enumerate(real)}
    train, made = _joined(real, labels, options), _joined(fake, labels, options)
    tested = {"real": _joined(held_out, labels, options) if held_out else train, "synthetic": made}
    found: dict[str, Any] = {
        "steps": options.steps,
        "batch_size": options.batch_size,
        "seed": seed,
        "tested_on": "held-out films" if held_out else "the films the generator saw",
        "num_test": len(tested["real"].labels),
        "train_real_test_real": None,
    }
    for name, side in (("real", train), ("synthetic", made)):
        trained = train_classifier(
            side.images,
            side.labels,
            options,
            n_classes=len(real),
            seed=child_seed(seed, "tstr"),
            device=device,
            precision=precision,
        )
        for where, rows in tested.items():
            if name == where == "synthetic" or (name == where and not held_out):
                continue
            accuracy = float((predict(trained.model, rows.images).argmax(1) == rows.labels).mean())
            found[f"train_{name}_test_{where}"] = accuracy
    return found


def _joined(
    sets: Mapping[str, ImageSet], labels: Mapping[str, int], options: ClassifierOptions
) -> _Side:
    """Return the images of all classes with each class's number in ``labels``; a side need not have every class."""
    for label, images in sets.items():
        if images.images.shape[2] != options.image_size:
            raise InputError(
                f"class {label}: {images.images.shape[2]} px; tstr wants --image-size {options.image_size}"
            )
    return _Side(
        np.concatenate([images.images for images in sets.values()]),
        np.repeat([labels[label] for label in sets], [len(images) for images in sets.values()]),
    )
