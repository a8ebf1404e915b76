"""The phantom's film: positioning, exposure, scatter, noise, marks, and the faults that may be planted in it."""

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
    """Attenuation of one chest depth of tissue, in units of e: low kV is hard on contrast."""
    scatter: float
    """Share of the light on the film that is scattered."""
    level: float
    """Path length shown as middle grey."""
    latitude: float
    """Path length from middle grey to light grey."""
    edge: float
    """Strength of the local contrast enhancement."""
    blur: float
    """Unsharpness, in half films."""
    noise: float
    """Standard deviation of the grain at 256 pixels, in grey levels of 1, in the mean exposure."""
    black: float
    white: float
    gamma: float


def take_pose(rng: np.random.Generator, child: float) -> Pose:
    """FoldKey the patient on the film at random."""
    return Pose(
        angle=float(np.deg2rad(rng.normal(0, 2.0))),
        zoom=float(rng.uniform(1.02, 1.26) - 0.04 * child),
        shift=(float(rng.normal(0, 0.035)), float(rng.normal(0.04, 0.05))),
        turn=float(rng.normal(0, 0.016)),
        breath=float(rng.normal(0, 0.035)),
    )


def take_exposure(rng: np.random.Generator) -> Exposure:
    """Choose the exposure and the processing at random."""
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
    """Turn path length into grey in [0, 1]: Beer-Lambert, scatter, logarithm, local contrast, an S-shaped response."""
    light = np.exp(-e.hardness * path)
    light = light + e.scatter * _broad(light, 0.25)
    seen = np.log(light) * np.float32(-1 / e.hardness)
    if e.edge:
        seen = seen + e.edge * (seen - _broad(seen, 0.09))
    grey = 1 / (1 + np.exp((e.level - seen) / (0.55 * e.latitude)))
    return e.black + (e.white - e.black) * grey**e.gamma


def _broad(field: Field, sigma: float) -> Field:
    """Gaussian blur of ``sigma`` half films, worked out on a coarse copy of 32 x 32."""
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
    """Draw lead letters; (x, y) is the first letter's top left corner in film coordinates."""
    share = np.linspace(0, 1, 40)[:, None]
    strokes = [
        np.add(
            (x + 0.9 * height * i, y), height * (np.array(a) * (1 - share) + np.array(b) * share)
        )
        for i, letter in enumerate(text)
        for a, b in _LETTERS[letter]
    ]
    return c.strokes(np.array(strokes), 0.075 * height, 1.4)


def marks(film: Canvas, rng: np.random.Generator) -> Field:
    """Draw the side letter and, on some films, the projection, as brightness in [0, 1]."""
    total = np.zeros_like(film.x)
    if rng.random() < 0.75:
        right = rng.random() < 0.8
        height = float(rng.uniform(0.05, 0.11))
        x = float(rng.uniform(-0.96, -0.86)) if right else float(rng.uniform(0.82, 0.90))
        y = float(rng.uniform(-0.95, -0.35))
        total += write(film, "R" if right else "L", x, y, height)
        if rng.random() < 0.25:
            total += write(film, "AP", min(x, 0.78), y - 1.4 * height, 0.7 * height)
    return np.minimum(total, 1)


def leads(c: Canvas, rng: np.random.Generator) -> Field:
    """Draw monitoring electrodes with their wires, or a tube in the midline, on some films, as path length."""
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
        sway = rng.normal(0, 0.02)
        tube = np.stack([sway * np.sin(3 * share), -1.3 + share * rng.uniform(0.95, 1.9)], -1)
        total += c.strokes(tube[None], 0.007, 0.15)
    return total


def shutter(film: Canvas, rng: np.random.Generator) -> Field:
    """Share of light that the collimator lets through: all of it on most films, a tilted rectangle on some."""
    if rng.random() > 0.15:
        return np.ones_like(film.x)
    tilt = float(np.deg2rad(rng.normal(0, 1.0)))
    u, v = film.x + tilt * film.y, film.y - tilt * film.x
    sides = rng.uniform(0.90, 1.02, 4)
    inside = np.minimum.reduce([sides[0] - u, sides[1] + u, sides[2] - v, sides[3] + v])
    return step(inside, 0.008)


def grain(grey: Field, e: Exposure, rng: np.random.Generator) -> Field:
    """Add noise that is stronger where less light fell, and in smaller pixels."""
    n = grey.shape[0]
    noise = rng.standard_normal(grey.shape, dtype=np.float32)
    noise = 0.6 * noise + 1.4 * gaussian_filter(noise, 1.0, mode="wrap")
    return (
        grey + (0.8 * e.noise * np.sqrt(n / 256, dtype=np.float32)) * (0.35 + 0.65 * grey) * noise
    )


def plant(grey: Field, film: Canvas, confound: Confound) -> Field:
    """Plant a fault that gives the class away: a lead disc in the lower left corner, or a grey frame."""
    if confound == "mark":
        return np.maximum(grey, step(0.055 - np.hypot(film.x + 0.88, film.y - 0.88), 0.01))
    if confound == "border":
        frame = step(np.maximum(np.abs(film.x), np.abs(film.y)) - 0.955, 0.008)
        return grey * (1 - frame) + 0.45 * frame
    return grey


def reduce(grey: Field, size: int) -> np.ndarray:
    """Average down to uint8 (size, size)."""
    k = grey.shape[0] // size
    small = grey.reshape(size, k, size, k).mean(axis=(1, 3), dtype=np.float64)
    return np.clip(np.rint(small * 255), 0, 255).astype(np.uint8)
