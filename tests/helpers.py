"""Shared by the tests: noise images, options of studies that take seconds, the command line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fewray.compute.machine import Machine
from fewray.config import ClassifierOptions, CrossvalOptions, GanOptions, PublishedOptions
from fewray.data.images import COMPARISON_FIT, COMPARISON_SIZE, ImageSource
from fewray.data.layout.outputs import Outputs
from fewray.data.manifest import Manifest, Row
from fewray.errors import InputError
from fewray.results.training import TrainingSet

GAN = GanOptions(
    recipe="test", fit="pad", base_channels=4, epochs=2, batch_size=16, classic_images=8
)
CLASSIFIER = ClassifierOptions(fit="pad", channels=(4, 4, 8), hidden=8, batch_size=16, steps=12)
OPTIONS = CrossvalOptions(
    preset="test", folds=2, seeds=2, gan=GAN, classifier=CLASSIFIER, augmented_copies=2
)
"""A cross-validated study that takes seconds: networks of a few channels, two folds, two seeds."""
PUBLISHED = PublishedOptions(
    preset="test",
    seeds=2,
    gan=GAN.with_(fit="squash"),
    classifier=CLASSIFIER.with_(fit="squash"),
    classic_per_class=6,
    synthetic_per_class=6,
    published_passes=5,
    extractor="pixels",
)
"""A study of the published protocol that takes seconds."""
MACHINE = Machine(device="cpu", precision="fp32", processes=2, threads=1)


@dataclass(frozen=True, kw_only=True)
class SerialMachine(Machine):
    """A machine that runs tasks in this process; ``done`` lists their functions."""

    done: list[str] = field(default_factory=list, compare=False)

    def run(
        self, function: Callable[..., Any], tasks: Sequence[dict[str, Any]], **more: Any
    ) -> list[Any]:
        """Run the tasks."""
        self.done.extend(function.__name__ for _ in tasks)
        results = []
        for index, task in enumerate(tasks):
            results.append(function(**task, report=more["on_message"]))
            more.get("on_done", lambda index, result: None)(index, results[-1])
        return results


SERIAL = SerialMachine(device="cpu", precision="fp32", processes=1, threads=1)


def one_image_seen(**changes: Any) -> TrainingSet:
    """Return the record of one real training image of class a, with ``changes``."""
    known = {"label": "a", "num_train": 1, "classic_images": 0, "origin": "real"}
    hashes = {"training_hashes": ("x",), "held_out_hashes": (), "rows_sha256": "x"}
    return TrainingSet(**(known | hashes | changes))


def noise_images(n: int, size: int = 64, seed: int = 0) -> np.ndarray:
    """Return uint8 images (n, 1, size, size) of noise, no two alike."""
    return np.random.default_rng(seed).integers(0, 256, (n, 1, size, size), np.uint8)


def smooth_images(n: int = 6, size: int = 64, seed: int = 0) -> np.ndarray:
    """Return uint8 images (n, size, size) with structure at several scales."""
    from scipy import ndimage

    noise = np.random.default_rng(seed).normal(size=(4, n, size, size))
    rough = sum(
        40 * s * ndimage.gaussian_filter(x, (0, s, s)) for s, x in enumerate(noise, 1)
    ) + np.linspace(60, 190, size)
    return np.clip(rough, 0, 255).astype(np.uint8)


def save_noise(path: Path, seed: int = 0, shape: tuple[int, int] = (40, 40)) -> Path:
    """Write a grey noise image of ``shape`` (height, width) and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, np.uint8)).save(path)
    return path


def noise_dataset(folder: Path, counts: Mapping[str, int]) -> Path:
    """Write ``counts`` noise images per class, each of its own patient, and return ``folder``."""
    rng = np.random.default_rng(0)
    for label, count in counts.items():
        (folder / label).mkdir(parents=True)
        for index in range(count):
            image = rng.integers(0, 256, (64, 64), np.uint8)
            Image.fromarray(image).save(folder / label / f"{label}{index}.png")
    return folder


def manifest_of(*labels: str) -> Manifest:
    """Return a manifest with one image per label; its files do not exist."""
    rows = [
        Row(path=Path(f"{label}/p{p}.png"), label=label, group=f"patient {p}", sha256=str(p))
        for p, label in enumerate(labels)
    ]
    return Manifest(name="made up", classes=tuple(sorted(set(labels))), rows=tuple(rows))


def run_cli(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    """Run ``fewray`` with the given arguments and return its exit status."""
    from fewray.cli import main

    monkeypatch.setattr(sys, "argv", ["fewray", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code if isinstance(ended.value.code, int) else 0


@contextmanager
def refused(code: str, match: str | None = None) -> Iterator[pytest.ExceptionInfo[InputError]]:
    """Expect an InputError with this code, whose message contains the pattern ``match``."""
    with pytest.raises(InputError, match=match) as caught:
        yield caught
    assert caught.value.code == code


def source_of(data: Manifest, images: np.ndarray) -> ImageSource:
    """Return an image source whose images for comparison are ``images``; no file is read."""
    source = ImageSource(data)
    source._decoded[COMPARISON_SIZE, COMPARISON_FIT] = images
    return source


def visible_files(folder: Path) -> list[Path]:
    """Return the files below ``folder`` that are not hidden."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return [f for f in files if not any(p.startswith(".") for p in f.relative_to(folder).parts)]


def not_recognised(folder: Path) -> list[str]:
    """Return the visible files below ``folder`` that are not known as outputs of fewray."""
    outputs = Outputs()
    return [path.name for path in visible_files(folder) if outputs.kind(path) is None]
