"""Train on synthetic, test on real (TSTR), and the reverse (TRTS), with a classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    tested = held_out or real
    settings = {"seed": seed, "device": device, "precision": precision}
    classes = tuple(real)
    *real_real, real_synthetic = accuracies(
        real, [tested, fake] if held_out else [fake], classes, options, **settings
    )
    (synthetic_real,) = accuracies(fake, [tested], classes, options, **settings)
    return Tstr(
        steps=options.steps,
        batch_size=options.batch_size,
        seed=seed,
        tested_on="held_out" if held_out else "training",
        num_test=sum(len(each) for each in tested.values()),
        train_real_test_real=real_real[0] if real_real else None,
        train_synthetic_test_real=synthetic_real,
        train_real_test_synthetic=real_synthetic,
    )


def accuracies(
    train: Mapping[str, ImageSet],
    tests: Sequence[Mapping[str, ImageSet]],
    classes: Sequence[str],
    options: ClassifierOptions,
    *,
    seed: int = 0,
    device: str = "auto",
    precision: str = "auto",
) -> list[float]:
    """Return the accuracy on each of ``tests`` of a classifier trained on ``train``.

    All sides map names in ``classes`` to images. InputError for images of another size than the
    classifier's.
    """
    labels = {label: index for index, label in enumerate(classes)}
    side = _stacked(train, labels, options)
    stacked = [_stacked(test, labels, options) for test in tests]
    trained = train_classifier(
        side.images,
        side.labels,
        options,
        n_classes=len(labels),
        seed=child_seed(seed, "usefulness"),
        device=device,
        precision=precision,
    )
    return [
        float((predict(trained.model, test.images).argmax(1) == test.labels).mean())
        for test in stacked
    ]


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
