"""Images between two seeds of a generator, made on the CPU."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fewray.errors import InputError

if TYPE_CHECKING:
    from fewray.generators.family import Family

STEPS = 9
"""Images of a walk, both ends included."""
GENERATORS, WALKS = 2, 64
"""Kept in memory."""
MAX_SEED = 999_999


class Walks:
    """Load generators and walk between their seeds, one at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._generators: OrderedDict[tuple[Path, float, str], Family] = OrderedDict()
        self._walks: OrderedDict[tuple[Path, float, str, int, int], np.ndarray] = OrderedDict()

    def between(self, checkpoint: Path, label: str, first: int, second: int) -> np.ndarray:
        """Return uint8 images (9, S, S) from seed ``first`` to seed ``second``.

        InputError ``no_interpolation`` for a family without continuous latents.
        """
        changed = checkpoint.stat().st_mtime
        with self._lock:
            key = (checkpoint, changed, label, first, second)
            if key not in self._walks:
                generator = self._generator(checkpoint, changed, label)
                at = [step / (STEPS - 1) for step in range(STEPS)]
                self._walks[key] = generator.walk(first, second, at)[:, 0]
                if len(self._walks) > WALKS:
                    self._walks.popitem(last=False)
            return self._walks[key]

    def _generator(self, checkpoint: Path, changed: float, label: str) -> Family:
        import torch

        from fewray.generators.checkpoint import load_checkpoint

        key = (checkpoint, changed, label)
        if key not in self._generators:
            self._generators[key] = load_checkpoint(checkpoint, torch.device("cpu"), label)
            if len(self._generators) > GENERATORS:
                self._generators.popitem(last=False)
        return self._generators[key]


def checkpoint_of(folder: Path, label: str) -> Path:
    """Return the checkpoint of a class in a training run; InputError if there is none."""
    from fewray.generators.generate import run_classes

    found = run_classes(folder)
    if label not in found:
        raise InputError("class_unknown", f"{label[:80]}: the run has {', '.join(found)}.")
    return found[label]
