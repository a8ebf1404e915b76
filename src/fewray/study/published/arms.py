"""The image sets of a study and the training set of each arm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from fewray.compute.seeds import child_seed
from fewray.config import ClassifierOptions, PublishedOptions
from fewray.data.manifest import Manifest
from fewray.errors import InputError
from fewray.imaging.arrays import load_images
from fewray.imaging.augment import classic_augment
from fewray.storage.jobs import JobStore, key_of

ARMS = {
    "no_augmentation": (0, 0),
    "classic": (1, 0),
    "synthetic": (0, 1),
    "classic+synthetic": (1, 1),
}
"""Arms by name: whether classic and synthetic images are added to the real ones."""


BLOCK = 250
"""Classic-augmented images drawn from one seed."""


class Counts(Protocol):
    """A condition by name, and how many images of each kind it adds per class."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def classic(self) -> int: ...  # noqa: D102
    @property
    def synthetic(self) -> int: ...  # noqa: D102


@dataclass(frozen=True, kw_only=True)
class ArmSet:
    """All images of a study: uint8, real and test (n, 1, S, S), added ones (classes, count, 1, S, S)."""

    classes: tuple[str, ...]
    real: np.ndarray
    real_labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray
    classic: np.ndarray | None
    synthetic: np.ndarray | None
    keys: dict[str, str]
    """Addresses of the parts: what a result made from them depends on. An added set's names its content, however long."""
    paths: dict[str, Path]

    def keys_of(self, cell: Counts) -> dict[str, str]:
        """Return the addresses of the parts that ``cell`` reads."""
        unused = {
            name
            for name, count in (("classic", cell.classic), ("synthetic", cell.synthetic))
            if not count
        }
        return {name: key for name, key in self.keys.items() if name not in unused}

    def training(self, classic: int, synthetic: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the images and labels of an arm: the real rows, then so many added images a class."""
        images, labels = [self.real], [self.real_labels]
        for added, count in ((self.classic, classic), (self.synthetic, synthetic)):
            if count:
                assert added is not None
                assert added.shape[1] >= count
                images.append(added[:, :count].reshape(-1, *added.shape[2:]))
                labels.append(np.repeat(np.arange(len(self.classes)), count))
        return np.concatenate(images), np.concatenate(labels).astype(np.int64)

    def files(self) -> dict[str, Any]:
        """Return what another process needs to :meth:`open` the same set."""
        return {"classes": self.classes, "keys": self.keys, "paths": self.paths}

    @classmethod
    def open(cls, files: Mapping[str, Any]) -> ArmSet:
        """Open the arrays without reading them: processes share the pages."""
        parts = {
            name: np.load(path, mmap_mode="r", allow_pickle=False)
            for name, path in files["paths"].items()
        }
        missing = {"classic": None, "synthetic": None}
        return cls(
            classes=files["classes"],
            keys=files["keys"],
            paths=files["paths"],
            **{**missing, **parts},
        )


def build_sets(
    train: Manifest,
    test: Manifest,
    options: PublishedOptions,
    cells: Sequence[Counts],
    run: Path | None,
    store: JobStore,
) -> ArmSet:
    """Make what is missing of the study's image sets and open them.

    ``run`` holds the generators. InputError when one of them saw a test row, or an image that is no training row. A
    longer set of added images begins with the shorter one, so that an arm does not depend on what other arms ask for.
    """
    size, fit = options.classifier.image_size, options.classifier.fit
    keys, paths = {}, {}

    def keep(name: str, key: str, make: Any, count: int = 0) -> None:
        file = key_of(content=key, count=count) if count else key
        keys[name], paths[name] = key, store.array_path(name, file)
        if store.load_array(name, file) is None:
            store.save_array(name, file, make())

    for name, rows in (("real", train), ("test", test)):
        key = key_of(rows=rows.sha256(), size=size, fit=fit)
        keep(name, key, lambda rows=rows: load_images(rows.paths(), size, fit))
        keep(f"{name}_labels", key, lambda rows=rows: rows.labels())
    if most := max(cell.classic for cell in cells):
        key = key_of(
            rows=train.sha256(),
            options=options.gan.augmentation.to_json(),
            block=BLOCK,
            seed=options.seed,
            size=size,
            fit=fit,
        )
        keep("classic", key, lambda: _classic_sets(train, options, most), most)
    if run is not None and (most := max(cell.synthetic for cell in cells)):
        sources = check_generators(run, train, test, options.classifier)
        key = key_of(checkpoints=sources, seed=options.seed)
        keep("synthetic", key, lambda: _synthetic_sets(run, train.classes, options, most), most)
    return ArmSet.open({"classes": train.classes, "keys": keys, "paths": paths})


def check_generators(
    run: Path, train: Manifest, test: Manifest, classifier: ClassifierOptions
) -> dict[str, str]:
    """Return the checkpoint hash of each class in ``run``.

    InputError when a generator saw a test row, or other films than the training rows, or saw them in another size or
    fit than the classifier sees its films.
    """
    from fewray.generators.generate import provenance, run_classes

    checkpoints = run_classes(run)
    known, held_out = ({row.sha256 for row in rows.rows} for rows in (train, test))
    sources: dict[str, str] = {}
    for label in train.classes:
        if label not in checkpoints:
            raise InputError(
                f"--generators {run}: no generator for class {label}; it has {', '.join(checkpoints)}"
            )
        about = provenance(checkpoints[label])
        check_form(f"--generators {run}: the generator of {label}", about["options"], classifier)
        seen = {
            *about["training_hashes"],
            *about.get("rows_held_out", []),
        }  # the latter chose the epoch
        if leaked := seen & held_out:
            raise InputError(
                f"--generators {run}: the generator of {label} saw {len(leaked)} test rows; its images would leak "
                "them into training; train generators on the training rows alone"
            )
        if unexpected := seen - known:
            raise InputError(
                f"--generators {run}: the generator of {label} saw {len(unexpected)} images that are not training rows "
                f"of this data; use generators trained on it"
            )
        sources[label] = about["checkpoint_sha256"]
    return sources


def check_form(whose: str, generator: Mapping[str, Any], classifier: ClassifierOptions) -> None:
    """InputError unless a generator's images have the size and fit of the films that the classifier sees beside them."""
    for name in ("image_size", "fit"):
        if (made := generator[name]) != (wanted := getattr(classifier, name)):
            raise InputError(
                f"{whose} has {name} {made}, the classifier {wanted}; the same are wanted"
            )


def _classic_sets(train: Manifest, options: PublishedOptions, count: int) -> np.ndarray:
    augmentation, size = options.gan.augmentation, options.classifier.image_size
    made = []
    for label in train.classes:
        rows = train.where(label=label)
        large = load_images(rows.paths(), augmentation.work_size, options.classifier.fit)
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


def _synthetic_sets(
    run: Path, classes: Sequence[str], options: PublishedOptions, count: int
) -> np.ndarray:
    import torch

    from fewray.generators.checkpoint import load_generator
    from fewray.generators.generate import run_classes
    from fewray.generators.sampling import sample

    checkpoints, made = run_classes(run), []
    for label in classes:
        network, gan = load_generator(checkpoints[label], torch.device("cpu"))
        made.append(sample(network, gan, range(options.seed, options.seed + count)))
    return np.stack(made)
