"""The order in which a reader sees the images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fewray.compute.seeds import child_seed
from fewray.results.readers.study import Item


def reading_order(items: Sequence[Item], seed: int, reader: str) -> list[str]:
    """Return the ids of all showings in a reader's order: practice images, then test images.

    Test images are shuffled for each reader, which balances learning and fatigue. Images shown
    twice appear first in the first half and again in the last third, so that a few minutes lie
    between.
    """
    draw = np.random.default_rng(child_seed(seed, "reading order", reader))

    def shuffled(ids: Sequence[str]) -> list[str]:
        return [ids[int(i)] for i in draw.permutation(len(ids))]

    practice = shuffled([item.id for item in items if item.practice])
    test = [item for item in items if not item.practice]
    twice = shuffled([item.id for item in test if item.again])
    once = shuffled([item.id for item in test if not item.again])
    half = max(len(twice), len(test) // 2)
    early = set(draw.choice(half, size=len(twice), replace=False).tolist()) if twice else set()
    first = [twice.pop() if i in early else once.pop() for i in range(len(test))]
    again = shuffled([item.again for item in test if item.again])
    start = max(half, 2 * len(first) // 3)
    for showing in again:
        first.insert(int(draw.integers(start, len(first) + 1)), showing)
    return practice + first
