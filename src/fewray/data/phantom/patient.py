"""The phantom's patients: what makes one chest differ from another, from a seed.

Lengths are in half image widths, positions in patient coordinates
(:mod:`fewray.data.phantom.canvas`). Nothing here depends on the class: every class has the same
patients.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Tree = list[np.ndarray]
"""A branching system of tubes: the lines of each generation, (lines, points, 2) in patient
coordinates."""


@dataclass(frozen=True, kw_only=True)
class Patient:
    """One patient's chest, the same on all images of the patient."""

    child: float
    """From 0, an adult, to 1, a small child: narrower body, flatter ribs, rounder heart, larger
    thymus."""
    neck: float
    """Half width of the neck."""
    half_width: float
    """Half width of the rib cage, inside, at its widest."""
    wall: float
    """Thickness of the chest wall at the side."""
    depth: float
    apex: float
    """y of the top of the lungs."""
    right_dome: float
    """y of the top of the right half of the diaphragm, on the left of the image."""
    left_dome: float
    heart: float
    """Size of the heart relative to the average."""
    bulge: float
    """How far the borders of the heart stand out above the diaphragm."""
    breasts: float
    """Thickness of the breast shadows; 0 for none."""
    arms: float
    """How far the arms are raised at the sides."""
    knob: float
    """How far the aortic arch stands out on the right of the image."""
    thymus: float
    """How far a child's thymus widens the upper mediastinum."""
    chin: float
    """y of the chin; outside the image for most patients."""
    marking: float
    """Strength of the vessels relative to the average."""
    vessels: tuple[Tree, Tree]
    gas: tuple[tuple[float, float, float, float], ...]
    """Gas in stomach and bowel: x, y, half-axes."""
    seed: int
    """Seed of the textures and the variation of the bones."""


def grow_patient(seed: int) -> Patient:
    """Return the random patient of a seed."""
    rng = np.random.default_rng((seed, 1))
    child = float(np.clip(rng.beta(0.9, 0.9), 0, 1))
    right_dome = 0.38 + 0.035 * rng.standard_normal() - 0.02 * child
    return Patient(
        child=child,
        neck=float(rng.uniform(0.20, 0.34)),
        half_width=0.70 - 0.06 * child + 0.03 * rng.standard_normal(),
        wall=0.11 + 0.16 * rng.beta(1.5, 3) * (1 - 0.6 * child),
        depth=float(np.exp(0.10 * rng.standard_normal())),
        apex=-0.70 + 0.08 * child + 0.03 * rng.standard_normal(),
        right_dome=right_dome,
        left_dome=right_dome + 0.045 + 0.025 * rng.standard_normal(),
        heart=1.0 + 0.05 * child + 0.08 * rng.standard_normal(),
        bulge=0.02 * rng.standard_normal() + 0.01,
        breasts=0.12 * rng.beta(2, 2) * (rng.random() < 0.5) * (child < 0.4),
        arms=float(rng.uniform(-0.05, 0.55)),
        knob=float(rng.uniform(0.0, 0.07)),
        thymus=float(rng.uniform(0.0, 0.09)),
        chin=float(rng.uniform(-1.75, -1.15)),
        marking=float(np.exp(0.18 * rng.standard_normal())),
        vessels=(grow_tree(rng, -1), grow_tree(rng, 1)),
        gas=tuple(_gas(rng)),
        seed=seed,
    )


def _gas(rng: np.random.Generator) -> list[tuple[float, float, float, float]]:
    bubbles = []
    if rng.random() < 0.65:
        bubbles.append((*rng.uniform((0.2, 0.10, 0.06), (0.42, 0.17, 0.14)).tolist(), 0.05))
    for _ in range(int(rng.integers(0, 4))):
        bubbles.append(
            tuple(rng.uniform((0.05, 0.18, 0.03, 0.03), (0.5, 0.45, 0.07, 0.07)).tolist())
        )
    return bubbles


def grow_tree(rng: np.random.Generator, side: int, generations: int = 6, trunks: int = 5) -> Tree:
    """Grow the vessels of one lung from its hilum (``side``: -1 image left, 1 image right)."""
    start = np.tile([0.15 * side, -0.04], (trunks, 1)) + rng.normal(0, [0.01, 0.05], (trunks, 2))
    heading = np.linspace(-1.2, 1.35, trunks) + rng.normal(0, 0.15, trunks)
    share = np.linspace(0, 1, 24)
    tree = []
    for generation in range(generations):
        length = 0.125 * 0.88**generation * rng.uniform(0.6, 1.4, len(start))
        wave = rng.normal(0, 0.35, (2, len(start), 1))
        angle = heading[:, None] + wave[0] * share + wave[1] * np.sin(2 * np.pi * share)
        steps = (
            np.stack([side * np.cos(angle), np.sin(angle)], -1) * (length[:, None] / 23)[..., None]
        )
        lines = start[:, None] + np.cumsum(steps, axis=1)
        tree.append(lines)
        fork = rng.uniform(0.2, 0.7, (2, len(start)))
        heading = np.concatenate([angle[:, -1] + fork[0], angle[:, -1] - fork[1]])
        start = np.concatenate([lines[:, -1]] * 2)
    return tree


def elbow_of(p: Patient, side: int) -> tuple[float, float]:
    """Return the position of an elbow; ``side`` as in :func:`grow_tree`."""
    return side * (p.half_width + p.wall + 0.16 + 1.3 * p.arms), 0.70 - 0.8 * p.arms
