"""Grey-level run lengths (Galloway 1975): how long grey levels stay the same along lines.

IBSI section 3.7 (Zwanenburg et al. 2016, arXiv 1612.07003), of the matrix merged over four
directions. The two non-uniformities are the normalised ones only, since the others grow with the
image.
"""

from __future__ import annotations

import numpy as np

from fewray.quality.features.texture.first_order import LEVELS, discretised, entropy, log_energy

NO_PIXEL = 255


def run_length_matrices(levels: np.ndarray, count: int = LEVELS) -> np.ndarray:
    """Return runs (n, count, longest) of levels (n, H, W) below ``count``, over four directions.

    Entry (i, j) is the number of runs of j + 1 pixels of level i: along rows, columns and both
    diagonals.
    """
    n, height, width = levels.shape
    longest = max(height, width)
    found = np.zeros(n * count * longest, np.int64)
    for lines in (
        levels,
        levels.transpose(0, 2, 1),
        _diagonals(levels),
        _diagonals(levels[:, :, ::-1]),
    ):
        index, level, length = _runs(lines)
        key = (index * count + level) * longest + length - 1
        found += np.bincount(key, minlength=len(found))
    return found.reshape(n, count, longest)


def _diagonals(levels: np.ndarray) -> np.ndarray:
    """Return the diagonals of (n, H, W) as lines (n, H + W - 1, H), filled with NO_PIXEL."""
    n, height, width = levels.shape
    shifted = np.full((n, height, height + width), NO_PIXEL, np.uint8)
    shifted[:, :, :width] = levels
    # Rows that are one element shorter start one place later in each row than in the one before.
    flat = shifted.reshape(n, -1)[:, : height * (height + width - 1)]
    return flat.reshape(n, height, height + width - 1).transpose(0, 2, 1)


def _runs(lines: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return image, level and length of every run in the lines (n, lines, length)."""
    n, count, length = lines.shape
    ended = np.full((n, count, length + 1), NO_PIXEL, np.uint8)
    ended[:, :, :length] = lines
    flat = ended.ravel()
    starts = np.flatnonzero(np.concatenate([[True], flat[1:] != flat[:-1]]))
    lengths = np.diff(starts, append=len(flat))
    kept = flat[starts] != NO_PIXEL
    starts, lengths = starts[kept], lengths[kept]
    return starts // (count * (length + 1)), flat[starts].astype(np.int64), lengths


def run_lengths(images: np.ndarray) -> dict[str, np.ndarray]:
    """Return the figures (n,) of uint8 images (n, H, W) by name."""
    return figures_of(
        run_length_matrices(discretised(images)), images[0].size if len(images) else 1
    )


def figures_of(runs: np.ndarray, pixels: int) -> dict[str, np.ndarray]:
    """Return the figures (n,) of run-length matrices (n, g, longest); grey levels count from 1.

    ``pixels`` is the number of pixels of an image. Emphases of long runs or high grey levels and
    variances are logarithms.
    """
    total = runs.sum((1, 2)).astype(np.float64)
    p = runs / total[:, None, None]
    i = np.arange(1.0, runs.shape[1] + 1)[:, None]
    j = np.arange(1.0, runs.shape[2] + 1)
    by_level, by_length = p.sum(2), p.sum(1)

    def mean(values: np.ndarray) -> np.ndarray:
        return (p * values).sum((1, 2))

    return {
        "short runs emphasis": mean(1 / j**2),
        "long runs emphasis": np.log(mean(j**2)),
        "low grey level run emphasis": mean(1 / i**2),
        "high grey level run emphasis": np.log(mean(i**2)),
        "short run low grey level emphasis": mean(1 / (i * j) ** 2),
        "short run high grey level emphasis": np.log(mean(i**2 / j**2)),
        "long run low grey level emphasis": np.log(mean(j**2 / i**2)),
        "long run high grey level emphasis": np.log(mean((i * j) ** 2)),
        "normalised grey level non-uniformity": (by_level**2).sum(1),
        "normalised run length non-uniformity": (by_length**2).sum(1),
        "run percentage": total / (4 * pixels),
        "grey level variance": log_energy(mean(i**2) - mean(i) ** 2),
        "run length variance": log_energy(mean(j**2) - mean(j) ** 2),
        "run entropy": entropy(p),
    }
