"""The phantom's three diseases, as the share of lung air replaced at each pixel."""

from __future__ import annotations

import numpy as np

from fewray.data.phantom.anatomy import Lungs
from fewray.data.phantom.canvas import Canvas, Field, step
from fewray.data.phantom.patient import Patient, grow_tree

LOBES = ("right upper", "right middle", "right lower", "left upper", "left lower")


def disease(label: str, c: Canvas, p: Patient, lung: Lungs, *, seed: int, strength: float) -> Field:
    """Return the share of air lost, in [0, 1], for a ``strength`` of 0 to 1."""
    if label == "normal" or strength <= 0:
        return np.zeros_like(c.x)
    rng = np.random.default_rng((seed, 6))
    severity = 1.4 * strength * float(np.exp(0.20 * rng.standard_normal()))
    drawing = {
        "pneumonia_bac": consolidation,
        "pneumonia_vir": interstitial,
        "covid": ground_glass,
    }[label]
    return np.clip(drawing(c, p, lung, rng, severity), 0, 0.97)


def consolidation(
    c: Canvas, p: Patient, lung: Lungs, rng: np.random.Generator, severity: float
) -> Field:
    """Fill most of one lobe, with air bronchograms (bacterial pneumonia)."""
    lobe = LOBES[int(rng.choice(5, p=(0.25, 0.15, 0.25, 0.15, 0.20)))]
    side = -1 if lobe.startswith("right") else 1
    slope = 0.12 * rng.standard_normal()
    line = lung.height - 0.46 - slope * (lung.outward - 0.5)
    sharp, soft = 0.015, 0.10
    if lobe.endswith("upper"):
        mask = step(-line, sharp if side < 0 else soft)
        centre = (0.40, 0.24)
    elif lobe.endswith("middle"):
        mask = step(line, sharp) * step(0.62 - lung.outward, 0.14)
        centre = (0.35, 0.72)
    else:
        mask = step(line - 0.08, soft)
        centre = (0.55, 0.76)
    reach = rng.uniform(0.34, 0.54) * (0.6 + 0.4 * min(severity, 1))
    far = (
        np.hypot(
            lung.outward - centre[0] - 0.12 * rng.standard_normal(), (lung.height - centre[1]) * 0.9
        )
        / reach
    )
    patch = step(1.0 - far + 0.20 * c.texture(rng, 0.06), 0.45)
    filled = mask * patch * step(side * c.x, 0.02)
    bronchi = c.strokes(np.concatenate(grow_tree(rng, side, generations=4)), 0.006, 0.22)
    density = min(0.85 * severity, 0.95) * (1 + 0.06 * c.texture(rng, 0.03))
    return filled * density * (1 - np.minimum(bronchi, 0.6))


def interstitial(
    c: Canvas, p: Patient, lung: Lungs, rng: np.random.Generator, severity: float
) -> Field:
    """Thicken the interstitium: streaks, fine reticulation, haze (viral pneumonia)."""
    central = np.exp(-(((np.abs(c.x) - 0.20) / 0.30) ** 2) - (c.y / 0.38) ** 2)
    streaks = np.zeros_like(c.x)
    for generation, lines in enumerate(zip(grow_tree(rng, -1), grow_tree(rng, 1), strict=True)):
        streaks += c.strokes(
            np.concatenate(lines), 0.014 * 0.82**generation, 0.30 * 0.92**generation
        )
    net = np.maximum(1 - np.abs(c.texture(rng, 0.020)) / 0.45, 0) + np.maximum(
        1 - np.abs(c.texture(rng, 0.035)) / 0.4, 0
    )
    haze = central * (0.26 + 0.05 * c.texture(rng, 0.10))
    return (
        0.88
        * severity
        * (
            0.55 * haze
            + np.minimum(streaks, 0.7) * (0.25 + 0.5 * central)
            + 0.17 * net * (0.25 + central)
        )
    )


def ground_glass(
    c: Canvas, p: Patient, lung: Lungs, rng: np.random.Generator, severity: float
) -> Field:
    """Add peripheral, basal hazy patches through which the vessels remain visible (COVID-19)."""
    clear = np.ones_like(c.x)
    for side in (-1, 1):
        for _ in range(int(rng.integers(2, 5))):
            height = float(np.clip(rng.normal(0.70, 0.16), 0.25, 0.98))
            y = p.apex + height * (p.right_dome + 0.06 - p.apex)
            x = side * p.half_width * rng.uniform(0.62, 0.92)
            wide, tall = rng.uniform(0.07, 0.14), rng.uniform(0.09, 0.18)
            dx, dy = (c.x - x) / wide, (c.y - y) / tall
            patch = np.exp(-0.5 * (dx * dx + dy * dy) ** 1.4)
            clear *= 1 - np.minimum(severity * rng.uniform(0.30, 0.52), 0.9) * patch
    mottle = 1 + 0.16 * c.texture(rng, 0.05) + 0.10 * c.texture(rng, 0.02)
    return (1 - clear) * mottle
