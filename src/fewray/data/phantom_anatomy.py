"""The phantom's patient: body, lungs, heart, vessels and abdomen as path lengths through smooth shapes.

The unit of path length is the depth of an average chest in soft tissue; air takes tissue away, bone adds to it. The
bones are in ``phantom_bones``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fewray.data.phantom_canvas import Canvas, Field, Pose, capsule, dome, ellipse, step

Tree = list[np.ndarray]
"""A branching system of tubes: for each generation the lines, (lines, points, 2) in patient coordinates."""


@dataclass(frozen=True, kw_only=True)
class Patient:
    """What makes one patient's chest, the same on all films of the patient."""

    child: float
    """0 an adult, 1 a small child: narrower body, flatter ribs, rounder heart, larger thymus."""
    half_width: float
    """Of the inside of the rib cage at its widest."""
    wall: float
    """Thickness of the chest wall at the side."""
    depth: float
    apex: float
    """y of the top of the lungs."""
    right_dome: float
    """y of the top of the right half of the diaphragm, which is the image's left half."""
    left_dome: float
    heart: float
    """Size of the heart against the average."""
    breasts: float
    """Thickness of the breast shadows; 0 for none."""
    arms: float
    """How far the arms are raised at the sides."""
    vessels: tuple[Tree, Tree]
    gas: tuple[tuple[float, float, float, float], ...]
    """Gas in stomach and bowel: x, y, half-axes."""
    seed: int
    """For the textures and the jitter of the bones."""


@dataclass(frozen=True, kw_only=True)
class Lungs:
    """The lungs as fields, and where in them each pixel lies."""

    air: Field
    """Path length through lung tissue."""
    height: Field
    """0 at the apex, 1 at the diaphragm."""
    outward: Field
    """0 at the midline, 1 at the ribs."""
    cage: Field
    """Half width of the rib cage at this pixel's height."""


def grow_patient(seed: int) -> Patient:
    """Draw the patient of a seed at random."""
    rng = np.random.default_rng((seed, 1))
    child = float(np.clip(rng.beta(0.9, 0.9), 0, 1))
    right_dome = 0.42 + 0.035 * rng.standard_normal() - 0.02 * child
    return Patient(
        child=child,
        half_width=0.70 - 0.06 * child + 0.03 * rng.standard_normal(),
        wall=0.12 + 0.05 * rng.beta(2, 3),
        depth=float(np.exp(0.10 * rng.standard_normal())),
        apex=-0.70 + 0.08 * child + 0.03 * rng.standard_normal(),
        right_dome=right_dome,
        left_dome=right_dome + 0.045 + 0.025 * rng.standard_normal(),
        heart=1.0 + 0.05 * child + 0.07 * rng.standard_normal(),
        breasts=0.12 * rng.beta(2, 2) * (rng.random() < 0.5) * (child < 0.4),
        arms=float(rng.uniform(-0.15, 0.25)),
        vessels=(grow_tree(rng, -1), grow_tree(rng, 1)),
        gas=tuple(_gas(rng)),
        seed=seed,
    )


def _gas(rng: np.random.Generator) -> list[tuple[float, float, float, float]]:
    bubbles = []
    if rng.random() < 0.65:
        bubbles.append((rng.uniform(0.2, 0.42), rng.uniform(0.10, 0.17), rng.uniform(0.06, 0.14), 0.05))
    for _ in range(int(rng.integers(0, 4))):
        bubbles.append((rng.uniform(0.05, 0.5), rng.uniform(0.18, 0.45), *rng.uniform(0.03, 0.07, 2)))
    return bubbles


def grow_tree(rng: np.random.Generator, side: int, generations: int = 5, trunks: int = 4) -> Tree:
    """Grow the vessels of one lung from its hilum outward (``side`` -1 for the image's left, 1 for its right)."""
    start = np.tile([0.15 * side, -0.06], (trunks, 1)) + rng.normal(0, [0.01, 0.05], (trunks, 2))
    heading = np.linspace(-1.25, 1.3, trunks) + rng.normal(0, 0.15, trunks)
    tree = []
    for generation in range(generations):
        length = 0.17 * 0.86**generation * rng.uniform(0.7, 1.3, len(start))
        bend = rng.normal(0, 0.35, len(start))
        along = np.linspace(0, 1, 40)
        angle = heading[:, None] + bend[:, None] * along
        steps = np.stack([side * np.cos(angle), np.sin(angle)], -1) * (length[:, None] / 39)[..., None]
        lines = start[:, None] + np.cumsum(steps, axis=1)
        tree.append(lines)
        spread = rng.uniform(0.2, 0.6, len(start))
        heading = np.concatenate([angle[:, -1] + spread, angle[:, -1] - spread * rng.uniform(0.5, 1.1, len(start))])
        start = np.concatenate([lines[:, -1]] * 2)
    return tree


def body(c: Canvas, p: Patient) -> Field:
    """Neck, shoulders, trunk, arms and breasts as if they were all soft tissue."""
    side = p.half_width + p.wall
    k = p.child
    half = c.along_y(
        [
            (-1.4, 0.27),
            (-1.0, 0.22 + 0.02 * k),
            (-0.88, 0.30),
            (-0.76, 0.58 - 0.06 * k),
            (-0.66, 0.80 - 0.08 * k),
            (-0.5, side + 0.07),
            (-0.2, side + 0.02),
            (0.35, side),
            (0.9, side - 0.03),
            (1.4, side + 0.02),
        ]
    )
    deep = c.along_y([(-1.2, 0.50), (-0.85, 0.55), (-0.55, 0.78), (-0.1, 0.97), (0.5, 1.06), (1.2, 1.08)])
    trunk = p.depth * deep * dome((np.abs(c.x) / half) ** 3)
    total = trunk**2
    for s in (-1, 1):
        shoulder, elbow = (s * (side - 0.02), -0.56), (s * (side + 0.14 + p.arms), 0.35 - p.arms)
        arm = dome((capsule(c, shoulder, elbow) / (0.15 - 0.02 * k)) ** 2)
        total = total + (0.42 * p.depth * arm) ** 2
    thickness = np.sqrt(total)
    if p.breasts:
        for s in (-1, 1):
            bulge = np.maximum(1 - ellipse(c, s * 0.38, 0.22, 0.30, 0.30, s * 0.3), 0)
            thickness = thickness + p.breasts * np.minimum(bulge * 3, 1) * step(c.y - 0.1, 0.3)
    chin = dome(ellipse(c, 0.0, -1.13 + 0.06 * k, 0.26, 0.25))
    return thickness + 0.7 * chin


def diaphragm(c: Canvas, p: Patient, pose: Pose) -> Field:
    """Give the y of the diaphragm's contour above or below each pixel."""
    w, right, left = p.half_width, p.right_dome + pose.breath, p.left_dome + pose.breath
    corner = 0.20 + 0.04 * p.child
    return c.along_x(
        [
            (-w - 0.1, right + corner + 0.10),
            (-w, right + corner),
            (-0.86 * w, right + 0.45 * corner),
            (-0.45 * w, right),
            (-0.15, right + 0.03),
            (0.0, right + 0.05),
            (0.15, left + 0.03),
            (0.50 * w, left),
            (0.87 * w, left + 0.45 * corner),
            (w, left + corner),
            (w + 0.1, left + corner + 0.10),
        ]
    )


def lungs(c: Canvas, p: Patient, pose: Pose) -> Lungs:
    """Give the air-filled part of both lungs, before the heart and the great vessels take their share."""
    w, a, k = p.half_width, p.apex, p.child
    cage = c.along_y(
        [
            (a - 0.05, 0.16 * w),
            (a, 0.34 * w),
            (a + 0.08, 0.55 * w),
            (a + 0.22, 0.74 * w),
            (a + 0.45, (0.89 + 0.02 * k) * w),
            (a + 0.80, 0.98 * w),
            (a + 1.05, w),
            (a + 1.40, 0.97 * w),
        ]
    )
    floor = diaphragm(c, p, pose)
    deep = c.along_y([(a, 0.12), (a + 0.1, 0.40), (a + 0.3, 0.66), (a + 0.7, 0.80), (a + 1.4, 0.80)])
    outward = np.abs(c.x) / cage
    air = deep * p.depth * dome(outward**2.6) * step(c.y - a, 0.05) * step(np.abs(c.x) - 0.065, 0.02)
    below = c.y - floor
    recess = 0.16 * np.exp(-np.maximum(below, 0) * 9)
    above = step(-below, 0.008 + 0.006 * k)
    height = np.clip((c.y - a) / (floor - a), 0, 1.5)
    return Lungs(air=air * (above + (1 - above) * recess), height=height, outward=outward, cage=cage)


def mediastinum(c: Canvas, p: Patient, pose: Pose) -> Field:
    """Heart, great vessels, thymus and hila: the path length that they take from the lungs."""
    h, k, x0 = p.heart, p.child, pose.turn
    base = min(p.left_dome, p.right_dome) + pose.breath
    y0 = base - 0.20 * h
    left = dome(ellipse(c, x0 + 0.12 * h, y0, 0.315 * h, 0.225 * h, 0.62 - 0.1 * k) ** 1.3)
    right = dome(ellipse(c, x0 - 0.055, y0 - 0.02, (0.15 + 0.02 * k) * h, 0.235 * h) ** 1.3)
    heart = np.maximum(0.80 * left, 0.66 * right)
    trunk = dome(ellipse(c, x0 + 0.085, y0 - 0.26, 0.085, 0.16, 0.25) ** 1.4)
    knob = dome(ellipse(c, x0 + 0.07, y0 - 0.47, 0.085 - 0.02 * k, 0.085) ** 1.4) * (1 - 0.5 * k)
    half = c.along_y([(-1.0, 0.08), (-0.62, 0.10), (-0.4, 0.105 + 0.05 * k), (-0.1, 0.10 + 0.02 * k), (0.3, 0.06)])
    vena = dome(((c.x - x0 + 0.015) / half) ** 2 * 1.0)
    great = np.maximum.reduce([0.62 * trunk, 0.60 * knob, 0.55 * vena])
    return np.hypot(heart, great * (1 - 0.5 * (heart > 0) * heart))


def markings(c: Canvas, tree: Tree, shrink: float = 1.0) -> Field:
    """Draw a tree of vessels, thinner with every generation."""
    total = np.zeros_like(c.x)
    for generation, lines in enumerate(tree):
        radius = 0.0145 * 0.66**generation * shrink
        total += c.strokes(lines, radius, 0.105 * 0.76**generation)
    return total


def hila(c: Canvas, p: Patient, pose: Pose) -> Field:
    """Soft density of the vessels' and bronchi's roots."""
    spots = [(-0.17, -0.03, 0.055, 0.10), (-0.19, 0.08, 0.035, 0.09), (0.17, -0.08, 0.06, 0.08), (0.2, 0.0, 0.04, 0.07)]
    return sum(
        (0.16 * np.exp(-1.2 * ellipse(c, x + pose.turn * 0.5, y, a, b)) for x, y, a, b in spots), np.zeros_like(c.x)
    )


def airways(c: Canvas, p: Patient, pose: Pose) -> Field:
    """Trachea and main bronchi: path length of air in the midline."""
    x0, carina = pose.turn * 0.5, -0.20
    half = c.along_y([(-1.2, 0.052), (-0.5, 0.048), (carina, 0.05)])
    tube = dome(((c.x - x0) / half) ** 2) * step(carina - c.y, 0.03)
    for end in ((-0.16, -0.02), (0.18, -0.05)):
        tube = np.maximum(tube, dome((capsule(c, (x0, carina - 0.02), (x0 + end[0], end[1])) / 0.034) ** 2) * 0.7)
    return tube


def abdomen_gas(c: Canvas, p: Patient, pose: Pose) -> Field:
    """Gas under the left half of the diaphragm."""
    y0 = p.left_dome + pose.breath
    return sum((dome(ellipse(c, x, y0 + y, a, b) ** 1.5) * min(a, b) for x, y, a, b in p.gas), np.zeros_like(c.x))
