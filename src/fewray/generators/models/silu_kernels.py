"""SiLU of an affine function of each channel, forward and backward, compiled by Numba.

Arrays are channels-last: pixels (n, p, c) with p positions, float32, or bfloat16 as uint16; factors
and offsets (n, c) float32. The loops over channels contain only arithmetic, so that the compiler
vectorises them; the exponential is a polynomial for the same reason.
"""

from __future__ import annotations

import numpy as np
from numba.extending import register_jitable

from fewray.compute.bfloat16 import load, store
from fewray.compute.kernels import compiled

_ONE, _EXPONENT = np.float32(1), np.uint32(127 << 23)
_LOW, _HIGH = np.float32(-125), np.float32(125)
_ROUND = np.float32(1.5 * 2**23)
"""Added to a float32, it rounds to a whole number, which its lowest bits then hold."""
_LOG2_E = np.float32(np.log2(np.e))
_C1, _C2, _C3, _C4, _C5, _C6 = (
    np.float32(np.log(2) ** k / factorial)
    for k, factorial in enumerate((1, 2, 6, 24, 120, 720), start=1)
)
_compiled = compiled(fastmath={"contract", "nsz", "arcp"}, error_model="numpy")


@register_jitable
def sigmoid(value):
    """Return 1 / (1 + exp(-value)) to 1e-6 relative, for values of magnitude below 80."""
    power = min(max(-value * _LOG2_E, _LOW), _HIGH)
    moved = power + _ROUND
    r = power - (moved - _ROUND)
    root = _ONE + r * (_C1 + r * (_C2 + r * (_C3 + r * (_C4 + r * (_C5 + r * _C6)))))
    bits = np.uint32(np.float32(moved).view(np.uint32) << np.uint32(23))
    return _ONE / (_ONE + root * np.uint32(bits + _EXPONENT).view(np.float32))


@_compiled
def moments(pixels, sums, squares):
    """Add the sums of the values of each channel and of their squares to (n, c) float32."""
    n, positions, channels = pixels.shape
    for i in range(n):
        for p in range(positions):
            for k in range(channels):
                value = load(pixels[i, p, k])
                sums[i, k] += value
                squares[i, k] += value * value


@_compiled
def silu_forward(pixels, factors, offsets, made):
    """Fill ``made`` with SiLU(pixels * factors + offsets)."""
    n, positions, channels = pixels.shape
    for i in range(n):
        for p in range(positions):
            for k in range(channels):
                u = load(pixels[i, p, k]) * factors[i, k] + offsets[i, k]
                made[i, p, k] = store(u * sigmoid(u), pixels[0, 0, 0])


@_compiled
def silu_backward(pixels, factors, offsets, grad, found, to_factors, to_offsets):
    """Fill ``found`` with the gradient of the pixels; add those of factors and offsets (n, c)."""
    n, positions, channels = pixels.shape
    for i in range(n):
        for p in range(positions):
            for k in range(channels):
                x = load(pixels[i, p, k])
                u = x * factors[i, k] + offsets[i, k]
                s = sigmoid(u)
                slope = load(grad[i, p, k]) * s * (_ONE + u * (_ONE - s))
                found[i, p, k] = store(slope * factors[i, k], pixels[0, 0, 0])
                to_factors[i, k] += slope * x
                to_offsets[i, k] += slope


@_compiled
def add_affine(pixels, factors, offsets, found):
    """Add pixels * factors + offsets to ``found``."""
    n, positions, channels = pixels.shape
    for i in range(n):
        for p in range(positions):
            for k in range(channels):
                more = load(pixels[i, p, k]) * factors[i, k] + offsets[i, k]
                found[i, p, k] = store(load(found[i, p, k]) + more, pixels[0, 0, 0])
