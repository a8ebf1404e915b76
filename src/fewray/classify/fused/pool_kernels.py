"""Forward and backward passes of ReLU, BatchNorm's sums and 2x2 max-pooling, compiled by Numba.

Arrays are channels-last: pixels (n, h, w, c), pooled (n, h/2, w/2, c); float32, or bfloat16 as
uint16.
"""

from __future__ import annotations

import numpy as np

from fewray.compute.bfloat16 import load, store
from fewray.compute.kernels import compiled

ZERO = np.float32(0)


@compiled(fastmath={"contract", "nsz"})
def pool_forward(pixels, negative, pooled, sums):
    """Fill ``pooled`` and add the sums of values and squares, float64 (2, c).

    The maximum of four values is pooled, or the minimum for channels with ``negative`` (c,).
    """
    n, height, width, c = pixels.shape
    row = np.zeros((2, c), np.float32)
    for image in range(n):
        for i in range(height // 2):
            row[:] = 0
            for j in range(width // 2):
                for k in range(c):
                    a = max(load(pixels[image, 2 * i, 2 * j, k]), ZERO)
                    b = max(load(pixels[image, 2 * i, 2 * j + 1, k]), ZERO)
                    d = max(load(pixels[image, 2 * i + 1, 2 * j, k]), ZERO)
                    e = max(load(pixels[image, 2 * i + 1, 2 * j + 1, k]), ZERO)
                    row[0, k] += (a + b) + (d + e)
                    row[1, k] += (a * a + b * b) + (d * d + e * e)
                    most, least = max(max(a, b), max(d, e)), min(min(a, b), min(d, e))
                    pooled[image, i, j, k] = store(
                        least if negative[k] else most, pixels[0, 0, 0, 0]
                    )
            for k in range(c):
                sums[0, k] += row[0, k]
                sums[1, k] += row[1, k]


@compiled(fastmath={"contract", "nsz"})
def add_products(grad, pooled, sums):
    """Add ``grad`` and ``grad * pooled``, summed over all pixels, to ``sums``, float64 (2, c)."""
    n, height, width, c = grad.shape
    row = np.zeros((2, c), np.float32)
    for image in range(n):
        for i in range(height):
            row[:] = 0
            for j in range(width):
                for k in range(c):
                    g = load(grad[image, i, j, k])
                    row[0, k] += g
                    row[1, k] += g * load(pooled[image, i, j, k])
            for k in range(c):
                sums[0, k] += row[0, k]
                sums[1, k] += row[1, k]


@compiled(fastmath={"contract", "nsz"})
def pool_backward(pixels, grad, negative, slopes, found):
    """Fill ``found`` with the gradient of ``pixels``.

    ``grad`` is the gradient of ``pooled``. ``slopes`` (3, c) are the factors of that gradient, of
    one and of the value.
    """
    n, height, width, c = pixels.shape
    # Short loops over few arrays, which the compiler vectorises.
    taken, left = np.empty(c, np.float32), np.empty(c, np.float32)
    for image in range(n):
        for i in range(height // 2):
            for j in range(width // 2):
                for k in range(c):
                    a = max(load(pixels[image, 2 * i, 2 * j, k]), ZERO)
                    b = max(load(pixels[image, 2 * i, 2 * j + 1, k]), ZERO)
                    d = max(load(pixels[image, 2 * i + 1, 2 * j, k]), ZERO)
                    e = max(load(pixels[image, 2 * i + 1, 2 * j + 1, k]), ZERO)
                    most, least = max(max(a, b), max(d, e)), min(min(a, b), min(d, e))
                    taken[k] = least if negative[k] else most
                for k in range(c):
                    left[k] = load(grad[image, i, j, k]) * slopes[0, k]
                for y in range(2):
                    for x in range(2):
                        for k in range(c):
                            value = max(load(pixels[image, 2 * i + y, 2 * j + x, k]), ZERO)
                            rest = left[k]
                            here = rest if value == taken[k] else ZERO
                            left[k] = rest - here  # the first of equal values takes the gradient
                            made = here + slopes[1, k] + slopes[2, k] * value
                            made = made if value > ZERO else ZERO
                            found[image, 2 * i + y, 2 * j + x, k] = store(made, pixels[0, 0, 0, 0])
