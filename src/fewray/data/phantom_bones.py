"""The phantom's bones: ribs, spine, clavicles, shoulder blades and upper arms, as added path length."""

from __future__ import annotations

import numpy as np

from fewray.data.phantom_anatomy import Lungs, Patient
from fewray.data.phantom_canvas import Canvas, Field, Pose, capsule, dome, ellipse, step


def _tube(distance: Field, marrow: float = 0.62) -> Field:
    """Path length through a hollow bone at a normalised distance from its axis: a dense rim, a lighter middle."""
    squared = distance * distance
    return dome(squared) - marrow * dome(squared / 0.62)


def ribs(c: Canvas, p: Patient, pose: Pose, lung: Lungs) -> Field:
    """Both sheets of the rib cage.

    A rib is a tilted half-ring: it leaves the spine, falls along the back to the side, and on along the front. With the
    ring's angle a (0 at the spine, pi at the sternum), x = X sin(a) and y = y0 + fall (1 - cos(a)) / 2, where X is the
    half width of the cage. Solving for y0 at each pixel turns both sheets into level bands.
    """
    rng = np.random.default_rng((p.seed, 2))
    spacing = 0.113 + 0.006 * rng.standard_normal() - 0.006 * p.child
    first = p.apex - 0.015 + 0.012 * rng.standard_normal()
    tilt = (0.56 - 0.10 * p.child) * float(np.exp(0.12 * rng.standard_normal()))
    wobble = 0.006 * c.texture(rng, 0.16)
    lean = np.where(c.x > 0, 0.012, -0.012) * float(rng.standard_normal())
    strength = float(np.exp(0.15 * rng.standard_normal())) * (0.085 + 0.03 * p.child)
    cage = lung.cage + 0.028
    sine = np.clip(np.abs(c.x) / cage, 0, 1)
    inside = step(cage - np.abs(c.x), 0.008)
    cosine = np.sqrt(1 - sine * sine)
    fall = tilt * np.minimum(lung.cage / p.half_width, 1) ** 1.5
    neck = 0.03 * np.exp(-(((np.abs(c.x) - 0.06) / 0.08) ** 2))
    total = np.zeros_like(c.x)
    for sign, thick, weight in ((-1, 0.17, 1.0), (1, 0.20, 0.55)):
        level = c.y + wobble + lean - fall * (1 + sign * cosine) / 2 - (neck if sign < 0 else 0)
        order = (level - first) / spacing
        nearest = np.clip(np.round(order), 0, 10)
        reach = thick * np.where(nearest < 1, 0.8, 1.0)
        shape = _tube((order - nearest) / reach)
        obliquity = np.minimum(1 / np.maximum(cosine, 0.3), 2.2)
        if sign > 0:
            bony = step(sine - 0.52 - 0.02 * (nearest - 3), 0.12) * (nearest < 8)
        else:
            bony = step(np.abs(c.x) - 0.07, 0.02)
        total += weight * shape * bony * obliquity
    return strength * total * inside


def spine(c: Canvas, p: Patient, pose: Pose) -> Field:
    """Vertebral bodies with discs, pedicles and spinous processes."""
    rng = np.random.default_rng((p.seed, 3))
    curve = 0.012 * rng.standard_normal()
    x = c.x + pose.turn - curve * np.sin(2.2 * c.y + float(rng.uniform(0, 6)))
    period = 0.118 - 0.004 * p.child
    order = (c.y - p.apex) / period + float(rng.uniform(0, 1))
    within = order - np.round(order)
    half = c.along_y([(-1.2, 0.085), (-0.6, 0.078), (0.3, 0.092), (1.0, 0.11)])
    waist = half * (1 - 0.10 * np.cos(2 * np.pi * within))
    bodies = dome((x / waist) ** 4) * (1 - 0.45 * step(np.abs(within) - 0.40, 0.08))
    plates = np.exp(-(((np.abs(within) - 0.36) / 0.05) ** 2)) * (np.abs(x) < waist)
    dy = (within + 0.10) * period
    pedicles = sum(
        (_tube(np.hypot((x - s * 0.62 * half) / 0.020, dy / 0.030), 0.8) for s in (-1, 1)), np.zeros_like(x)
    )
    processes = _tube(np.hypot(x / 0.014, (within - 0.25) * period / 0.035), 0.4)
    wings = np.exp(-(((within + 0.05) / 0.13) ** 2)) * step(np.abs(x) - half, 0.02) * step(half + 0.075 - np.abs(x), 0.02)
    return 0.20 * bodies + 0.04 * plates + 0.07 * pedicles + 0.06 * processes + 0.07 * wings


def clavicles(c: Canvas, p: Patient, pose: Pose) -> Field:
    """Both collar bones, an S from the sternum up and out."""
    rng = np.random.default_rng((p.seed, 4))
    rise = 0.10 + 0.05 * rng.standard_normal() + 0.04 * p.child
    height = p.apex + 0.16 + 0.025 * rng.standard_normal()
    width = 0.027 - 0.003 * p.child
    total = np.zeros_like(c.x)
    for s in (-1, 1):
        inner, outer = 0.055 + s * pose.turn, p.half_width + p.wall - 0.05
        span = outer - inner
        middle = c.along_x(
            sorted(
                (s * (inner + share * span), height - rise * up)
                for share, up in ((-0.1, -0.15), (0.0, 0.0), (0.25, 0.45), (0.55, 0.75), (0.8, 1.08), (1.0, 1.1))
            )
        )
        along = (s * c.x - inner) / span
        half = width * (1 + 0.5 * np.exp(-((along / 0.10) ** 2)) + 0.25 * np.exp(-(((along - 1) / 0.15) ** 2)))
        total += _tube((c.y - middle) / half, 0.6) * step(along, 0.03) * step(1 - along, 0.03)
    return (0.13 + 0.02 * p.child) * total


def shoulders(c: Canvas, p: Patient, pose: Pose) -> Field:
    """Shoulder blades, joint heads and upper arms."""
    rng = np.random.default_rng((p.seed, 5))
    side = p.half_width + p.wall
    out = float(rng.uniform(-0.04, 0.10))
    total = np.zeros_like(c.x)
    for s in (-1, 1):
        x = s * c.x
        outer = side - 0.05 + out - 0.24 * (c.y + 0.45)
        inner = 0.50 + 2 * out - 0.02 * c.y
        blade = np.minimum.reduce([outer - x, x - inner, c.y + 0.56, 1.6 * (0.12 - c.y)])
        plate = step(blade, 0.012)
        rim = np.exp(-(((outer - x - 0.018) / 0.014) ** 2)) * plate
        total += 0.035 * plate + 0.075 * rim
        head = (s * (side + 0.02), -0.52)
        elbow = (s * (side + 0.15 + p.arms), 0.38 - p.arms)
        ball = dome(ellipse(c, head[0], head[1], 0.085, 0.09))
        shaft = _tube(capsule(c, head, elbow) / 0.042)
        total += 0.16 * np.maximum(ball, 1.2 * shaft)
        total += 0.10 * _tube(capsule(c, (s * (side - 0.08), -0.62), (s * (side + 0.02), -0.64)) / 0.035)
    return total
