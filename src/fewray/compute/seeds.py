"""Derive random seeds from names, and seed PyTorch's global generator for a block."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

_random_state = threading.RLock()


def child_seed(seed: int, *names: str | int) -> int:
    """Return the seed of the stream ``names`` below ``seed``: 63 bits, independent between names.

    Names are hashed, so that adding a stream never shifts another (NumPy's SeedSequence,
    O'Neill 2015).
    """
    digest = hashlib.sha256("/".join(map(str, names)).encode()).digest()
    words = np.frombuffer(digest, dtype="<u4").tolist()
    state = np.random.SeedSequence([abs(int(seed)), *words]).generate_state(1, np.uint64)[0]
    return int(state) >> 1


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed PyTorch's global CPU generator inside the block and restore its state afterwards.

    Other threads wait until the block ends; the same thread may nest blocks.
    """
    import torch

    with _random_state, torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
