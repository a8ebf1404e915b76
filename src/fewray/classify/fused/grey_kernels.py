"""Forward and backward passes of the first block of a classifier, compiled by Numba.

The block is a 3x3 convolution, ReLU, the sums of BatchNorm and 2x2 max-pooling. ``padded`` is
float32 (n, h + 2, w + 2), images with a margin of one black pixel; ``taps`` is float32 (10, c), the
nine weights row by row and the bias; ``pooled`` and ``grad`` are (n, h/2, w/2, c), float32 or
bfloat16 as uint16. Four pooled neighbours need a patch of 4x4 pixels. The loops over channels
contain only arithmetic on few arrays, so that the compiler vectorises them.
"""

from __future__ import annotations

import numpy as np
from numba.extending import register_jitable

from fewray.classify.fused.pool_kernels import ZERO
from fewray.compute.bfloat16 import load, store
from fewray.compute.kernels import compiled


@register_jitable
def _patch(padded, image, y, x):
    """Return the sixteen pixels of the patch at ``y``, ``x`` row by row."""
    a, b, c, d = padded[image, y], padded[image, y + 1], padded[image, y + 2], padded[image, y + 3]
    first = (a[x], a[x + 1], a[x + 2], a[x + 3], b[x], b[x + 1], b[x + 2], b[x + 3])
    return (*first, c[x], c[x + 1], c[x + 2], c[x + 3], d[x], d[x + 1], d[x + 2], d[x + 3])


@register_jitable
def _values(p, taps, k):
    """Return the ReLU of channel ``k`` at the four positions of a patch, row by row."""
    s, t, u = taps[0, k], taps[1, k], taps[2, k]
    v, w, x = taps[3, k], taps[4, k], taps[5, k]
    y, z, q = taps[6, k], taps[7, k], taps[8, k]
    bias = taps[9, k]
    a = (
        bias
        + p[0] * s
        + p[1] * t
        + p[2] * u
        + p[4] * v
        + p[5] * w
        + p[6] * x
        + p[8] * y
        + p[9] * z
        + p[10] * q
    )
    b = (
        bias
        + p[1] * s
        + p[2] * t
        + p[3] * u
        + p[5] * v
        + p[6] * w
        + p[7] * x
        + p[9] * y
        + p[10] * z
        + p[11] * q
    )
    c = (
        bias
        + p[4] * s
        + p[5] * t
        + p[6] * u
        + p[8] * v
        + p[9] * w
        + p[10] * x
        + p[12] * y
        + p[13] * z
        + p[14] * q
    )
    d = (
        bias
        + p[5] * s
        + p[6] * t
        + p[7] * u
        + p[9] * v
        + p[10] * w
        + p[11] * x
        + p[13] * y
        + p[14] * z
        + p[15] * q
    )
    return max(a, ZERO), max(b, ZERO), max(c, ZERO), max(d, ZERO)


@compiled(fastmath={"contract", "nsz"})
def grey_forward(padded, taps, negative, pooled, sums):
    """Fill ``pooled`` and add the sums of values and squares, float64 (2, c).

    The maximum of four values is pooled, or the minimum for channels with ``negative`` (c,).
    """
    n, height, width, channels = pooled.shape
    row = np.zeros((2, channels), np.float32)
    for image in range(n):
        for i in range(height):
            row[:] = 0
            for j in range(width):
                p = _patch(padded, image, 2 * i, 2 * j)
                for k in range(channels):
                    a, b, c, d = _values(p, taps, k)
                    row[0, k] += (a + b) + (c + d)
                    row[1, k] += (a * a + b * b) + (c * c + d * d)
                    most, least = max(max(a, b), max(c, d)), min(min(a, b), min(c, d))
                    pooled[image, i, j, k] = store(
                        least if negative[k] else most, pooled[0, 0, 0, 0]
                    )
            for k in range(channels):
                sums[0, k] += row[0, k]
                sums[1, k] += row[1, k]


@compiled(fastmath={"contract", "nsz"})
def grey_backward(padded, grad, taps, negative, slopes, found):
    """Add the gradient of ``taps`` to ``found`` (10, c); for ``slopes`` see ``pool_backward``."""
    n, height, width, channels = grad.shape
    row, part = np.zeros((10, channels), np.float32), np.zeros((4, channels), np.float32)
    for image in range(n):
        for i in range(height):
            row[:] = 0
            for j in range(width):
                p = _patch(padded, image, 2 * i, 2 * j)
                for k in range(channels):
                    a, b, c, d = _values(p, taps, k)
                    most, least = max(max(a, b), max(c, d)), min(min(a, b), min(c, d))
                    taken = least if negative[k] else most
                    whole = load(grad[image, i, j, k]) * slopes[0, k]
                    always, by_value = slopes[1, k], slopes[2, k]
                    first = a == taken  # of equal values the first takes the gradient
                    second = b == taken and not first
                    third = c == taken and not (first or second)
                    fourth = not (first or second or third)
                    part[0, k] = (
                        (whole if first else ZERO) + always + by_value * a if a > ZERO else ZERO
                    )
                    part[1, k] = (
                        (whole if second else ZERO) + always + by_value * b if b > ZERO else ZERO
                    )
                    part[2, k] = (
                        (whole if third else ZERO) + always + by_value * c if c > ZERO else ZERO
                    )
                    part[3, k] = (
                        (whole if fourth else ZERO) + always + by_value * d if d > ZERO else ZERO
                    )
                for k in range(channels):
                    a, b, c, d = part[0, k], part[1, k], part[2, k], part[3, k]
                    row[0, k] += p[0] * a + p[1] * b + p[4] * c + p[5] * d
                    row[1, k] += p[1] * a + p[2] * b + p[5] * c + p[6] * d
                    row[2, k] += p[2] * a + p[3] * b + p[6] * c + p[7] * d
                    row[3, k] += p[4] * a + p[5] * b + p[8] * c + p[9] * d
                    row[4, k] += p[5] * a + p[6] * b + p[9] * c + p[10] * d
                    row[5, k] += p[6] * a + p[7] * b + p[10] * c + p[11] * d
                    row[6, k] += p[8] * a + p[9] * b + p[12] * c + p[13] * d
                    row[7, k] += p[9] * a + p[10] * b + p[13] * c + p[14] * d
                    row[8, k] += p[10] * a + p[11] * b + p[14] * c + p[15] * d
                    row[9, k] += (a + b) + (c + d)
            for tap in range(10):
                for k in range(channels):
                    found[tap, k] += row[tap, k]
