"""The arms of the published protocol and the images that they train on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fewray.compute.seeds import child_seed
from fewray.config import ClassifierOptions, GanOptions, PublishedOptions
from fewray.data.images import ImageSource
from fewray.data.manifest import Manifest
from fewray.errors import InputError
from fewray.imaging.augment import classic_augment
from fewray.storage.jobs import JobStore, key_of
from fewray.study.leaks import check_generator_rows

ARMS = {
    "no_augmentation": (0, 0),
    "classic": (1, 0),
    "synthetic": (0, 1),
    "classic+synthetic": (1, 1),
}
"""Whether an arm adds classic-augmented and synthetic images to the real ones."""
BLOCK = 250
"""Classic-augmented images drawn from one seed."""
SEED_STRIDE = 1_000_000
"""Study seed s uses the image seeds from s times this, so no two studies share synthetic images."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """An arm, or one mixture of the grid: images added per class."""

    name: str
    classic: int
    synthetic: int


def arm_conditions(options: PublishedOptions) -> list[Condition]:
    """Return the arms, each once."""
    return [
        Condition(
            name=arm,
            classic=options.classic_per_class * ARMS[arm][0],
            synthetic=options.synthetic_per_class * ARMS[arm][1],
        )
        for arm in dict.fromkeys(options.arms)
    ]


def mixture_conditions(options: PublishedOptions) -> list[Condition]:
    """Return the predecessor's grid of classic against synthetic counts, if asked for."""
    if not options.mixtures:
        return []
    return [
        Condition(name=f"mixture-{classic}-{synthetic}", classic=classic, synthetic=synthetic)
        for classic in options.mixture_classic
        for synthetic in options.mixture_synthetic
    ]


@dataclass(frozen=True, kw_only=True)
class ImageSets:
    """All images of a study: uint8, real and test (n, 1, S, S), added (classes, count, 1, S, S)."""

    classes: tuple[str, ...]
    real: np.ndarray
    real_labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray
    classic: np.ndarray | None = None
    synthetic: np.ndarray | None = None
    keys: dict[str, str]
    """What a result depends on, by array; that of an added set does not depend on its length."""
    paths: dict[str, Path]

    def keys_of(self, condition: Condition) -> dict[str, str]:
        """Return the keys of the arrays that a condition reads."""
        counts = {"classic": condition.classic, "synthetic": condition.synthetic}
        return {name: key for name, key in self.keys.items() if counts.get(name, 1)}

    def training(self, condition: Condition) -> tuple[np.ndarray, np.ndarray]:
        """Return images and labels of a condition: real images, then added ones by class."""
        images, labels = [self.real], [self.real_labels]
        added_sets = ((self.classic, condition.classic), (self.synthetic, condition.synthetic))
        for added, count in added_sets:
            if count:
                assert added is not None
                assert added.shape[1] >= count
                images.append(added[:, :count].reshape(-1, *added.shape[2:]))
                labels.append(np.repeat(np.arange(len(self.classes)), count))
        return np.concatenate(images), np.concatenate(labels).astype(np.int64)

    @classmethod
    def open(
        cls, classes: tuple[str, ...], keys: dict[str, str], paths: dict[str, Path]
    ) -> ImageSets:
        """Open the arrays without reading them, so that processes share their pages."""
        arrays = {
            name: np.load(path, mmap_mode="r", allow_pickle=False) for name, path in paths.items()
        }
        return cls(classes=classes, keys=keys, paths=paths, **arrays)


def make_image_sets(
    train: Manifest,
    test: Manifest,
    options: PublishedOptions,
    conditions: Sequence[Condition],
    run: Path | None,
    store: JobStore,
) -> ImageSets:
    """Make the missing image sets and open them; ``run`` holds the generators.

    A longer set of added images begins with the shorter one, so an arm does not depend on what
    other arms need. InputError if a generator saw a test row or an image that is no training row.
    """
    size, fit = options.classifier.image_size, options.classifier.fit
    keys: dict[str, str] = {}
    paths: dict[str, Path] = {}

    def keep(name: str, key: str, make: Callable[[], np.ndarray], count: int = 0) -> None:
        file = key_of(content=key, count=count) if count else key
        keys[name], paths[name] = key, store.array_path(name, file)
        if store.load_array(name, file) is None:
            store.save_array(name, file, make())

    for name, rows in (("real", train), ("test", test)):
        key = key_of(rows=rows.sha256(), size=size, fit=fit)
        keep(name, key, lambda rows=rows: ImageSource(rows).at(size, fit))
        keep(f"{name}_labels", key, lambda rows=rows: rows.labels())
    if most := max(condition.classic for condition in conditions):
        key = key_of(
            rows=train.sha256(),
            options=options.gan.augmentation.to_json(),
            block=BLOCK,
            seed=options.seed,
            size=size,
            fit=fit,
        )
        keep("classic", key, lambda: _classic_images(train, options, most), most)
    if run is not None and (most := max(condition.synthetic for condition in conditions)):
        sources = check_generators(run, train, test, options.classifier)
        first = options.seed * SEED_STRIDE
        key = key_of(checkpoints=sources, first_seed=first)
        keep("synthetic", key, lambda: _synthetic_images(run, train.classes, first, most), most)
    return ImageSets.open(train.classes, keys, paths)


def check_generators(
    run: Path, train: Manifest, test: Manifest, classifier: ClassifierOptions
) -> dict[str, str]:
    """Return the checkpoint hash of each class in ``run``.

    InputError if a generator saw a test row or an image that is no training row, or makes images of
    another size or fit than the classifier takes.
    """
    from fewray.generators.checkpoint import provenance
    from fewray.generators.generate import run_classes

    checkpoints = run_classes(run)
    sources: dict[str, str] = {}
    for label in train.classes:
        if label not in checkpoints:
            raise InputError(
                "generator_missing",
                f"--generators {run}: no generator of class {label}. It has "
                f"{', '.join(checkpoints)}.",
                label=label,
            )
        source = provenance(checkpoints[label])
        whose = f"--generators {run}: the generator of {label}"
        check_form(whose, source.options, classifier)
        images = source.training_set
        seen = {*images.training_hashes, *images.held_out_hashes}
        check_generator_rows(seen, train, test, where=whose)
        sources[label] = source.checkpoint_sha256
    return sources


def check_form(whose: str, generator: GanOptions, classifier: ClassifierOptions) -> None:
    """Raise InputError unless a generator makes images of the classifier's size and fit."""
    for name in ("image_size", "fit"):
        made, expected = getattr(generator, name), getattr(classifier, name)
        if made != expected:
            raise InputError(
                "image_form_mismatch",
                f"{whose} has {name} {made}, but the classifier has {expected}. Use the same.",
                option=name,
                found=made,
                expected=expected,
            )


def _classic_images(train: Manifest, options: PublishedOptions, count: int) -> np.ndarray:
    augmentation, size = options.gan.augmentation, options.classifier.image_size
    source, labels = ImageSource(train), train.labels()
    made = []
    for k, label in enumerate(train.classes):
        images = source.take(np.flatnonzero(labels == k))
        large = images.at(augmentation.work_size, options.classifier.fit)
        blocks = [
            classic_augment(
                large,
                BLOCK,
                size=size,
                options=augmentation,
                seed=child_seed(options.seed, "classic", label, block),
            )
            for block in range(-(-count // BLOCK))
        ]
        made.append(np.concatenate(blocks)[:count])
    return np.stack(made)


def _synthetic_images(run: Path, classes: Sequence[str], first: int, count: int) -> np.ndarray:
    import torch

    from fewray.generators.checkpoint import load_checkpoint
    from fewray.generators.generate import run_classes

    checkpoints, made = run_classes(run), []
    for label in classes:
        generator = load_checkpoint(checkpoints[label], torch.device("cpu"), label)
        made.append(generator.sample(range(first, first + count)))
    return np.stack(made)
