"""Train on synthetic, test on real (TSTR), and the reverse (TRTS), with a classifier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fewray.classify.training import predict, train_classifier
from fewray.compute.seeds import child_seed
from fewray.config import ClassifierOptions
from fewray.errors import InputError
from fewray.quality.image_set import ImageSet
from fewray.results.quality import Tstr


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
) -> Tstr:
    """Return accuracies of a classifier trained on either side (Esteban et al. 2017).

    arXiv 1706.02633. Real test images are those of ``held_out``. Without them TSTR is tested on the
    images that the generators saw, which is too favourable, and the comparison value, trained and
    tested on real images, is undefined. InputError with fewer than two classes or for images of
    another size than the classifier's.
    """
    if len(real) < 2:
        raise InputError("too_few_classes", "TSTR: a classifier needs at least 2 classes.")
    labels = {label: index for index, label in enumerate(real)}
    train, made = _stacked(real, labels, options), _stacked(fake, labels, options)
    tested = _stacked(held_out, labels, options) if held_out else train

    def accuracies(side: _Side, tests: list[_Side]) -> list[float]:
        trained = train_classifier(
            side.images,
            side.labels,
            options,
            n_classes=len(real),
            seed=child_seed(seed, "usefulness"),
            device=device,
            precision=precision,
        )
        return [
            float((predict(trained.model, test.images).argmax(1) == test.labels).mean())
            for test in tests
        ]

    *real_real, real_synthetic = accuracies(train, [tested, made] if held_out else [made])
    (synthetic_real,) = accuracies(made, [tested])
    return Tstr(
        steps=options.steps,
        batch_size=options.batch_size,
        seed=seed,
        tested_on="held_out" if held_out else "training",
        num_test=len(tested.labels),
        train_real_test_real=real_real[0] if real_real else None,
        train_synthetic_test_real=synthetic_real,
        train_real_test_synthetic=real_synthetic,
    )


def _stacked(
    sets: Mapping[str, ImageSet], labels: Mapping[str, int], options: ClassifierOptions
) -> _Side:
    """Return the images of all classes of a side, with the number of each one's class."""
    for label, images in sets.items():
        if images.images.shape[2] != options.image_size:
            message = f"class {label}: {images.images.shape[2]} px, but the classifier reads "
            raise InputError("image_size_differs", f"{message}{options.image_size} px.")
    return _Side(
        np.concatenate([images.images for images in sets.values()]),
        np.repeat([labels[label] for label in sets], [len(images) for images in sets.values()]),
    )
