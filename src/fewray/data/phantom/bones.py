"""The phantom's bones, as added path length."""

from __future__ import annotations

import numpy as np

from fewray.data.phantom.anatomy import Lungs
from fewray.data.phantom.canvas import REACH, Canvas, Field, Pose, capsule, dome, ellipse, step
from fewray.data.phantom.patient import Patient, elbow_of


def _tube(distance: Field, marrow: float = 0.35) -> Field:
    """Return the path length through a hollow bone at a normalised distance from its axis."""
    squared = distance * distance
    return dome(squared) - marrow * dome(squared / 0.62)


def ribs(c: Canvas, p: Patient, pose: Pose, lung: Lungs) -> Field:
    """Return the ribs, back and front.

    A rib is a tilted half-ring: it leaves the spine, descends along the back to the side, then
    along the front. With the ring's angle a (0 at the spine, pi at the sternum), x = X sin(a) and y
    = y0 + fall f(a), where X is the half width of the cage and f, from 0 to 1, the mean of (1 -
    cos(a)) / 2 and a / pi. Solving for y0 at each pixel turns back and front ribs into horizontal
    bands.
    """
    rng = np.random.default_rng((p.seed, 2))
    spacing = 0.126 + 0.006 * rng.standard_normal() - 0.008 * p.child
    first = p.apex - 0.015 + 0.012 * rng.standard_normal()
    tilt = (0.56 - 0.10 * p.child) * float(np.exp(0.12 * rng.standard_normal()))
    wobble = 0.006 * c.texture(rng, 0.16)
    lean = np.where(c.x > 0, 0.012, -0.012) * float(rng.standard_normal())
    strength = float(np.exp(0.15 * rng.standard_normal())) * (0.075 + 0.025 * p.child)
    cage = lung.cage + 0.028
    sine = np.clip(np.abs(c.x) / cage, 0, 1)
    inside = step(cage - np.abs(c.x), 0.012)
    cosine = np.sqrt(1 - sine * sine)
    turn = np.arcsin(sine) * np.float32(1 / np.pi)
    fall = tilt * np.minimum(lung.cage / p.half_width, 1) ** 1.5
    neck = 0.03 * np.exp(-(((np.abs(c.x) - 0.06) / 0.08) ** 2))
    total = np.zeros_like(c.x)
    for sign, thick, weight in ((-1, 0.22, 1.0), (1, 0.25, 0.6)):
        round_ = 0.5 * (1 + sign * cosine) / 2 + 0.5 * (turn if sign < 0 else 1 - turn)
        level = c.y + wobble + lean - fall * round_ + (neck if sign < 0 else 0)
        order = (level - first) / spacing
        nearest = np.clip(np.round(order), 0, 10)
        reach = thick * np.where(nearest < 1, 0.8, 1.0)
        shape = _tube((order - nearest) / reach)
        obliquity = np.minimum(1 / np.maximum(cosine, 0.3), 1.8)
        if sign > 0:
            bony = step(sine - 0.52 - 0.02 * (nearest - 3), 0.12) * (nearest < 8)
        else:
            bony = step(np.abs(c.x) - 0.07, 0.02)
        total += weight * shape * bony * obliquity
    return strength * total * inside


def spine(c: Canvas, p: Patient, pose: Pose) -> Field:
    """Return vertebral bodies with discs, pedicles and spinous processes."""
    rng = np.random.default_rng((p.seed, 3))
    curve = 0.012 * rng.standard_normal()
    total = np.zeros_like(c.x)
    columns, c = c.strip(-0.25, 0.25)
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
        (_tube(np.hypot((x - s * 0.62 * half) / 0.020, dy / 0.030), 0.8) for s in (-1, 1)),
        np.zeros_like(x),
    )
    processes = _tube(np.hypot(x / 0.014, (within - 0.25) * period / 0.035), 0.4)
    wings = (
        np.exp(-(((within + 0.05) / 0.13) ** 2))
        * step(np.abs(x) - half, 0.02)
        * step(half + 0.075 - np.abs(x), 0.02)
    )
    total[:, columns] = (
        0.09 * bodies + 0.03 * plates + 0.05 * pedicles + 0.05 * processes + 0.06 * wings
    )
    return total


def clavicles(c: Canvas, p: Patient, pose: Pose) -> Field:
    """Return both clavicles, S-shaped from the sternum up and outward."""
    rng = np.random.default_rng((p.seed, 4))
    rise = 0.14 + 0.03 * rng.standard_normal() + 0.02 * p.child
    height = p.apex + 0.19 + 0.025 * rng.standard_normal()
    width = 0.027 - 0.003 * p.child
    total = np.zeros_like(c.x)
    for s in (-1, 1):
        inner, outer = 0.055 + s * pose.turn, p.half_width + p.wall - 0.05
        span = outer - inner
        middle = c.along_x(
            sorted(
                (s * (inner + share * span), height - rise * up)
                for share, up in (
                    (-0.1, -0.1),
                    (0.0, 0.0),
                    (0.2, 0.25),
                    (0.45, 0.72),
                    (0.7, 1.0),
                    (0.85, 0.98),
                    (1.0, 0.85),
                )
            )
        )
        along = (s * c.x - inner) / span
        half = width * (
            1 + 0.5 * np.exp(-((along / 0.10) ** 2)) + 0.25 * np.exp(-(((along - 1) / 0.15) ** 2))
        )
        total += _tube((c.y - middle) / half, 0.4) * step(along, 0.03) * step(1 - along, 0.03)
    return (0.10 + 0.02 * p.child) * total


def shoulders(c: Canvas, p: Patient, pose: Pose) -> Field:
    """Return shoulder blades, humeral heads and upper arms."""
    rng = np.random.default_rng((p.seed, 5))
    side = p.half_width + p.wall
    out = float(rng.uniform(-0.04, 0.10))
    total = np.zeros_like(c.x)
    for s in (-1, 1):
        columns, part = c.strip(*sorted((s * 0.4, s * REACH)))
        x, y = s * part.x, part.y
        outer = side - 0.04 + out - 0.30 * (y + 0.45) - 0.25 * (y + 0.2) ** 2
        inner = 0.48 + 2 * out - 0.02 * y
        blade = np.minimum.reduce([outer - x, x - inner, y + 0.56, 1.6 * (0.05 - y)])
        plate = step(blade, 0.02)
        rim = np.exp(-(((outer - x - 0.025) / 0.018) ** 2)) * plate
        head = (s * (side + 0.01), -0.52)
        ball = dome(ellipse(part, head[0], head[1], 0.095, 0.10))
        shaft = _tube(capsule(part, head, elbow_of(p, s)) / 0.048)
        spur = _tube(capsule(part, (s * (side - 0.08), -0.62), (s * (side + 0.03), -0.64)) / 0.035)
        total[:, columns] += (
            0.03 * plate + 0.045 * rim + 0.10 * np.maximum(ball, shaft) + 0.07 * spur
        )
    return total
