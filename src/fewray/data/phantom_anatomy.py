"""The phantom's patient: body, lungs, heart, vessels and abdomen as path lengths through smooth shapes.

The unit of path length is the depth of an average chest in soft tissue; air takes tissue away, bone adds to it. The
bones are in ``phantom_bones``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fewray.data.phantom_canvas import REACH, Canvas, Field, Pose, capsule, dome, ellipse, step

Tree = list[np.ndarray]
"""A branching system of tubes: for each generation the lines, (lines, points, 2) in patient coordinates."""


@dataclass(frozen=True, kw_only=True)
class Patient:
    """What makes one patient's chest, the same on all films of the patient."""

    child: float
    """0 an adult, 1 a small child: narrower body, flatter ribs, rounder heart, larger thymus."""
    neck: float
    """Half width of the neck."""
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
    knob: float
    """How far the aorta's arch stands out on the image's right."""
    thymus: float
    """How far a child's thymus widens the upper mediastinum."""
    chin: float
    """y of the chin; above the film on most."""
    marking: float
    """Strength of the vessels against the average."""
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
        heart=1.0 + 0.05 * child + 0.07 * rng.standard_normal(),
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
        bubbles.append(tuple(rng.uniform((0.05, 0.18, 0.03, 0.03), (0.5, 0.45, 0.07, 0.07)).tolist()))
    return bubbles


def grow_tree(rng: np.random.Generator, side: int, generations: int = 6, trunks: int = 5) -> Tree:
    """Grow the vessels of one lung from its hilum outward (``side`` -1 for the image's left, 1 for its right)."""
    start = np.tile([0.15 * side, -0.04], (trunks, 1)) + rng.normal(0, [0.01, 0.05], (trunks, 2))
    heading = np.linspace(-1.2, 1.35, trunks) + rng.normal(0, 0.15, trunks)
    share = np.linspace(0, 1, 24)
    tree = []
    for generation in range(generations):
        length = 0.125 * 0.88**generation * rng.uniform(0.6, 1.4, len(start))
        wave = rng.normal(0, 0.35, (2, len(start), 1))
        angle = heading[:, None] + wave[0] * share + wave[1] * np.sin(2 * np.pi * share)
        steps = np.stack([side * np.cos(angle), np.sin(angle)], -1) * (length[:, None] / 23)[..., None]
        lines = start[:, None] + np.cumsum(steps, axis=1)
        tree.append(lines)
        fork = rng.uniform(0.2, 0.7, (2, len(start)))
        heading = np.concatenate([angle[:, -1] + fork[0], angle[:, -1] - fork[1]])
        start = np.concatenate([lines[:, -1]] * 2)
    return tree


def elbow_of(p: Patient, side: int) -> tuple[float, float]:
    """Where an upper arm ends."""
    return side * (p.half_width + p.wall + 0.16 + 1.3 * p.arms), 0.70 - 0.8 * p.arms


def body(c: Canvas, p: Patient) -> Field:
    """Neck, shoulders, trunk, arms and breasts as if they were all soft tissue."""
    side = p.half_width + p.wall
    k = p.child
    half = c.along_y(
        [
            (-1.4, 0.32),
            (-1.0, p.neck),
            (-0.90, p.neck + 0.10),
            (-0.80, 0.56 + 0.5 * (p.neck - 0.25)),
            (-0.68, 0.82 - 0.06 * k),
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
        shoulder, elbow = (s * (side - 0.02), -0.56), elbow_of(p, s)
        columns, part = c.strip(*sorted((s * (side - 0.2), s * REACH)))
        arm = dome((capsule(part, shoulder, elbow) / (0.16 - 0.02 * k)) ** 2)
        total[:, columns] += (0.42 * p.depth * arm) ** 2
    thickness = np.sqrt(total)
    if p.breasts:
        for s in (-1, 1):
            bulge = np.maximum(1 - ellipse(c, s * 0.38, 0.22, 0.30, 0.30, s * 0.3), 0)
            thickness = thickness + p.breasts * np.minimum(bulge * 3, 1) * step(c.y - 0.1, 0.3)
    chin = dome(ellipse(c, 0.0, p.chin, 0.27, 0.30))
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
            (a - 0.05, 0.14 * w),
            (a, 0.30 * w),
            (a + 0.08, (0.47 - 0.02 * k) * w),
            (a + 0.22, (0.63 - 0.03 * k) * w),
            (a + 0.45, (0.80 - 0.02 * k) * w),
            (a + 0.80, 0.94 * w),
            (a + 1.05, w),
            (a + 1.40, 0.98 * w),
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
    """Heart, great vessels and thymus: the path length that they take from the lungs.

    Two border curves: superior vena cava and right atrium on the image's left; aortic knob, pulmonary trunk, left
    ventricle and apex on its right.
    """
    h, k = p.heart, p.child
    top, floor = p.apex, p.left_dome + pose.breath
    thymus = p.thymus * k

    def border(*knots: tuple[float, float]) -> Field:
        return c.along_y([(top + share * (floor - top), x) for share, x in knots])

    right = border(
        (-0.4, 0.13),
        (0.0, 0.13),
        (0.20, 0.115 + 0.6 * thymus),
        (0.38, 0.11 + thymus),
        (0.60, 0.115 + 0.5 * thymus),
        (0.79, 0.175 * h),
        (0.91, 0.185 * h),
        (1.04, 0.13 * h),
        (1.22, 0.08),
    )
    left = border(
        (-0.4, 0.13),
        (0.02, 0.13),
        (0.15, 0.11 + 0.4 * thymus),
        (0.235, 0.10 + p.knob * (1 - 0.7 * k) + 0.7 * thymus),
        (0.33, 0.105 + 0.3 * p.knob + thymus),
        (0.42, 0.145 + 0.8 * thymus),
        (0.54, 0.175 + 0.3 * thymus),
        (0.68, 0.275 * h),
        (0.82, 0.385 * h),
        (0.93, 0.43 * h),
        (0.99, 0.445 * h),
        (1.05, 0.42 * h),
        (1.2, 0.30 * h),
    )
    deep = border((-0.3, 0.25), (0.0, 0.30), (0.35, 0.52), (0.65, 0.62), (0.9, 0.68))
    off = (c.x - pose.turn + 0.5 * (right - left)) / (0.5 * (right + left))
    return deep * p.depth * dome(np.abs(off) ** 3)


def vessels(c: Canvas, p: Patient, pose: Pose) -> Field:
    """The vessels of both lungs, thinner with every generation, and the soft density of their roots."""
    total = np.zeros_like(c.x)
    for generation, lines in enumerate(zip(*p.vessels, strict=True)):
        total += c.strokes(np.concatenate(lines), 0.0135 * 0.74**generation, 0.085 * p.marking * 0.84**generation)
    for x, y, a, b in ((-0.17, -0.01, 0.06, 0.11), (-0.2, 0.09, 0.04, 0.10), (0.17, -0.06, 0.07, 0.10)):
        total += 0.16 * np.exp(-1.2 * ellipse(c, x + pose.turn * 0.5, y, a, b))
    return total


def airways(c: Canvas, p: Patient, pose: Pose) -> Field:
    """Trachea and main bronchi: path length of air in the midline."""
    x0, carina = pose.turn * 0.5, -0.20
    half = c.along_y([(-1.2, 0.052), (-0.5, 0.048), (carina, 0.05)])
    tube = dome(((c.x - x0) / half) ** 2) * step(carina - c.y, 0.03)
    columns, part = c.strip(-0.3, 0.3)
    for x, y in ((-0.16, -0.02), (0.18, -0.05)):
        bronchus = dome((capsule(part, (x0, carina - 0.02), (x0 + x, y)) / 0.034) ** 2)
        tube[:, columns] = np.maximum(tube[:, columns], 0.7 * bronchus)
    return tube


def abdomen_gas(c: Canvas, p: Patient, pose: Pose) -> Field:
    """Gas under the left half of the diaphragm."""
    y0 = p.left_dome + pose.breath
    return sum((dome(ellipse(c, x, y0 + y, a, b) ** 1.5) * min(a, b) for x, y, a, b in p.gas), np.zeros_like(c.x))
