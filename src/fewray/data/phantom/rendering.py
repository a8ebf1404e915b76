"""Turn path lengths into an image: pose, exposure, noise, marks, planted faults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.ndimage import gaussian_filter

from fewray.data.phantom.canvas import Canvas, Field, Pose, step

Confound = Literal["none", "mark", "border"]

_BOW = [
    [(0, 0), (0, 1)],
    [(0, 0), (0.45, 0)],
    [(0.45, 0), (0.6, 0.25)],
    [(0.6, 0.25), (0.45, 0.5)],
    [(0.45, 0.5), (0, 0.5)],
]
_LETTERS = {
    "L": [[(0, 0), (0, 1)], [(0, 1), (0.6, 1)]],
    "R": [*_BOW, [(0.3, 0.5), (0.6, 1)]],
    "A": [[(0, 1), (0.3, 0)], [(0.3, 0), (0.6, 1)], [(0.12, 0.62), (0.48, 0.62)]],
    "P": _BOW,
}
"""The strokes of each lead letter, in a box 0.6 wide and 1 high."""


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """How path length becomes grey."""

    hardness: float
    """Attenuation of one chest depth of tissue, as an exponent: low kV gives high contrast."""
    scatter: float
    """Share of scattered radiation on the detector."""
    level: float
    """Path length shown as middle grey."""
    latitude: float
    """Path length from middle grey to light grey."""
    edge: float
    """Strength of the local contrast enhancement."""
    blur: float
    """Blur, as a share of half the image width."""
    noise: float
    """Standard deviation of the noise at 256 pixels and mean exposure, in grey of 0 to 1."""
    black: float
    white: float
    gamma: float


def draw_pose(rng: np.random.Generator, child: float) -> Pose:
    """Draw a random position of the patient in the image."""
    return Pose(
        angle=float(np.deg2rad(rng.normal(0, 2.0))),
        zoom=float(rng.uniform(1.02, 1.26) - 0.04 * child),
        shift=(float(rng.normal(0, 0.035)), float(rng.normal(0.04, 0.05))),
        turn=float(rng.normal(0, 0.016)),
        breath=float(rng.normal(0, 0.035)),
    )


def draw_exposure(rng: np.random.Generator) -> Exposure:
    """Draw random exposure and processing parameters."""
    return Exposure(
        hardness=float(rng.uniform(2.4, 3.2)),
        scatter=float(rng.uniform(0.02, 0.10)),
        level=float(rng.normal(0.57, 0.06)),
        latitude=float(rng.uniform(0.28, 0.46)),
        edge=float(rng.uniform(0.0, 0.7)),
        blur=float(rng.uniform(0.002, 0.007)),
        noise=float(rng.uniform(0.006, 0.022)),
        black=float(max(rng.normal(0.01, 0.04), 0.0)),
        white=float(min(rng.normal(0.90, 0.07), 1.0)),
        gamma=float(np.exp(0.15 * rng.standard_normal())),
    )


def expose(path: Field, e: Exposure) -> Field:
    """Map path length to grey in [0, 1]: absorption, scatter, local contrast, response."""
    light = np.exp(-e.hardness * path)
    light = light + e.scatter * _broad(light, 0.25)
    seen = np.log(light) * np.float32(-1 / e.hardness)
    if e.edge:
        seen = seen + e.edge * (seen - _broad(seen, 0.09))
    grey = 1 / (1 + np.exp((e.level - seen) / (0.55 * e.latitude)))
    return e.black + (e.white - e.black) * grey**e.gamma


def _broad(field: Field, sigma: float) -> Field:
    """Return a Gaussian blur of ``sigma`` half image widths, computed at 32 x 32."""
    n = field.shape[0]
    edges = np.linspace(0, n, 33).astype(int)[:-1]
    sums = np.add.reduceat(np.add.reduceat(field, edges, 0), edges, 1)
    counts: np.ndarray = np.diff(np.append(edges, n))
    means = (sums / np.outer(counts, counts)).astype(np.float32)
    coarse = gaussian_filter(means, sigma * 16, mode="nearest")
    place = np.clip((np.arange(n, dtype=np.float32) + 0.5) * (32 / n) - 0.5, 0, 30.999)
    low: np.ndarray = place.astype(int)
    share: np.ndarray = place - low.astype(np.float32)
    rows: Field = coarse[low] * (1 - share)[:, None] + coarse[low + 1] * share[:, None]
    return rows[:, low] * (1 - share) + rows[:, low + 1] * share


def write(c: Canvas, text: str, x: float, y: float, height: float) -> Field:
    """Draw lead letters; (x, y) is the top left corner of the first one in image coordinates."""
    share = np.linspace(0, 1, 40)[:, None]
    strokes = [
        np.add(
            (x + 0.9 * height * i, y), height * (np.array(a) * (1 - share) + np.array(b) * share)
        )
        for i, letter in enumerate(text)
        for a, b in _LETTERS[letter]
    ]
    return c.strokes(np.array(strokes), 0.075 * height, 1.4)


def marks(frame: Canvas, rng: np.random.Generator) -> Field:
    """Draw the side letter and, on some images, the projection, as brightness in [0, 1]."""
    total = np.zeros_like(frame.x)
    if rng.random() < 0.75:
        right = rng.random() < 0.8
        height = float(rng.uniform(0.05, 0.11))
        x = float(rng.uniform(-0.96, -0.86)) if right else float(rng.uniform(0.82, 0.90))
        y = float(rng.uniform(-0.95, -0.35))
        total += write(frame, "R" if right else "L", x, y, height)
        if rng.random() < 0.25:
            total += write(frame, "AP", min(x, 0.78), y - 1.4 * height, 0.7 * height)
    return np.minimum(total, 1)


def leads(c: Canvas, rng: np.random.Generator) -> Field:
    """Draw monitoring electrodes with wires, or a midline tube, on some images, as path length."""
    total = np.zeros_like(c.x)
    share = np.linspace(0, 1, 160)
    if rng.random() < 0.10:
        for s in (-1, 1):
            x, y = s * rng.uniform(0.35, 0.6), rng.uniform(-0.45, 0.35)
            disc = np.hypot(c.x - x, c.y - y)
            total += 0.22 * step(0.030 - disc, 0.008) + 0.25 * step(0.012 - disc, 0.006)
            bend = rng.normal(0, 0.25)
            wire = np.stack(
                [
                    x + s * share * 0.5 + bend * share * (1 - share),
                    y + share * rng.uniform(-0.6, 0.6),
                ],
                -1,
            )
            total += c.strokes(wire[None], 0.006, 0.14)
    if rng.random() < 0.06:
        bend = rng.normal(0, 0.02)
        tube = np.stack([bend * np.sin(3 * share), -1.3 + share * rng.uniform(0.95, 1.9)], -1)
        total += c.strokes(tube[None], 0.007, 0.15)
    return total


def shutter(frame: Canvas, rng: np.random.Generator) -> Field:
    """Return the share of radiation that the collimator passes, sometimes a rectangle."""
    if rng.random() > 0.15:
        return np.ones_like(frame.x)
    tilt = float(np.deg2rad(rng.normal(0, 1.0)))
    u, v = frame.x + tilt * frame.y, frame.y - tilt * frame.x
    sides = rng.uniform(0.90, 1.02, 4)
    inside = np.minimum.reduce([sides[0] - u, sides[1] + u, sides[2] - v, sides[3] + v])
    return step(inside, 0.008)


def add_noise(grey: Field, e: Exposure, rng: np.random.Generator) -> Field:
    """Add noise, stronger in bright areas and in smaller pixels."""
    n = grey.shape[0]
    noise = rng.standard_normal(grey.shape, dtype=np.float32)
    noise = 0.6 * noise + 1.4 * gaussian_filter(noise, 1.0, mode="wrap")
    return (
        grey + (0.8 * e.noise * np.sqrt(n / 256, dtype=np.float32)) * (0.35 + 0.65 * grey) * noise
    )


def plant(grey: Field, frame: Canvas, confound: Confound) -> Field:
    """Plant a fault that reveals the class: a lead disc at the lower left, or a grey border."""
    if confound == "mark":
        return np.maximum(grey, step(0.055 - np.hypot(frame.x + 0.88, frame.y - 0.88), 0.01))
    if confound == "border":
        border = step(np.maximum(np.abs(frame.x), np.abs(frame.y)) - 0.955, 0.008)
        return grey * (1 - border) + 0.45 * border
    return grey


def reduce(grey: Field, size: int) -> np.ndarray:
    """Average down to uint8 (size, size)."""
    k = grey.shape[0] // size
    small = grey.reshape(size, k, size, k).mean(axis=(1, 3), dtype=np.float64)
    return np.clip(np.rint(small * 255), 0, 255).astype(np.uint8)
