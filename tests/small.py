"""A trial small enough for seconds: networks of a few channels, two folds, two seeds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fewray.compute.machine import Machine
from fewray.config import ClassifierOptions, CrossvalOptions, GanOptions
from fewray.data.manifest import Manifest, Row

GAN = GanOptions(
    recipe="test", fit="pad", base_channels=4, epochs=2, batch_size=16, classic_images=8
)
OPTIONS = CrossvalOptions(
    preset="test",
    folds=2,
    seeds=2,
    gan=GAN,
    classifier=ClassifierOptions(fit="pad", channels=(4, 4, 8), hidden=8, batch_size=16, steps=12),
    augmented_copies=2,
)
MACHINE = Machine(device="cpu", precision="fp32", processes=2, threads=1)


@dataclass(frozen=True, kw_only=True)
class Here(Machine):
    """Does the tasks one after another in this process; ``done`` is told which."""

    done: list[str] = field(default_factory=list, compare=False)

    def settled(self) -> Machine:
        """Return itself: every choice is made."""
        return self

    def run(
        self, function: Callable[..., Any], tasks: Sequence[dict[str, Any]], **told: Any
    ) -> list[Any]:
        """Do the tasks."""
        self.done.extend(function.__name__ for _ in tasks)
        return [function(**task, report=told["on_message"]) for task in tasks]


HERE = Here(device="cpu", precision="fp32", processes=1, threads=1)


def noise_films(folder: Path, films: Mapping[str, int]) -> Path:
    """Write films of noise, as many of each class as ``films`` says, every one its own patient; return ``folder``."""
    rng = np.random.default_rng(0)
    for label, count in films.items():
        (folder / label).mkdir(parents=True)
        for index in range(count):
            picture = rng.integers(0, 256, (64, 64), np.uint8)
            Image.fromarray(picture).save(folder / label / f"{label}{index}.png")
    return folder


def made_up(*labels: str) -> Manifest:
    """Return a manifest of one film for each label; the files do not exist."""
    rows = [
        Row(path=Path(f"{label}/p{p}.png"), label=label, group=f"patient {p}", sha256=str(p))
        for p, label in enumerate(labels)
    ]
    return Manifest(name="made up", classes=tuple(sorted(set(labels))), rows=tuple(rows))
