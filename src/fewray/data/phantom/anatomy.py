"""The phantom's soft tissue: body, lungs, heart and vessels as path lengths.

The unit of path length is the depth of an average chest in soft tissue. Air reduces it; bones
(:mod:`.bones`) add to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fewray.data.phantom.canvas import REACH, Canvas, Field, Pose, capsule, dome, ellipse, step
from fewray.data.phantom.patient import Patient, elbow_of


@dataclass(frozen=True, kw_only=True)
class Lungs:
    """The lungs as fields, and the position of each pixel in them."""

    air: Field
    """Path length through lung tissue."""
    height: Field
    """0 at the apex, 1 at the diaphragm."""
    outward: Field
    """0 at the midline, 1 at the ribs."""
    cage: Field
    """Half width of the rib cage at the pixel's height."""


def body(c: Canvas, p: Patient) -> Field:
    """Return neck, shoulders, trunk, arms and breasts, all as soft tissue."""
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
    deep = c.along_y(
        [(-1.2, 0.50), (-0.85, 0.55), (-0.55, 0.78), (-0.1, 0.97), (0.5, 1.06), (1.2, 1.08)]
    )
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
    """Return the y of the diaphragm at each pixel's x."""
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
    """Return the air-filled part of both lungs, before the heart is subtracted."""
    w, a, k = p.half_width, p.apex, p.child
    cage = c.along_y(
        [
            (a - 0.05, 0.14 * w),
            (a, 0.32 * w),
            (a + 0.08, (0.51 - 0.02 * k) * w),
            (a + 0.22, (0.67 - 0.03 * k) * w),
            (a + 0.45, (0.83 - 0.02 * k) * w),
            (a + 0.80, 0.95 * w),
            (a + 1.05, w),
            (a + 1.40, 0.98 * w),
        ]
    )
    base = diaphragm(c, p, pose)
    deep = c.along_y(
        [(a, 0.12), (a + 0.1, 0.40), (a + 0.3, 0.66), (a + 0.7, 0.80), (a + 1.4, 0.80)]
    )
    outward = np.abs(c.x) / cage
    air = (
        deep * p.depth * dome(outward**2.6) * step(c.y - a, 0.05) * step(np.abs(c.x) - 0.065, 0.02)
    )
    below = c.y - base
    recess = 0.16 * np.exp(-np.maximum(below, 0) * 9)
    above = step(-below, 0.008 + 0.006 * k)
    height = np.clip((c.y - a) / (base - a), 0, 1.5)
    return Lungs(
        air=air * (above + (1 - above) * recess), height=height, outward=outward, cage=cage
    )


def mediastinum(c: Canvas, p: Patient, pose: Pose) -> Field:
    """Return heart, great vessels and thymus: the path length that they displace in the lungs.

    They lie between two border curves: superior vena cava and right atrium on the image's left;
    aortic knob, pulmonary trunk, left ventricle and apex on its right.
    """
    h, k = p.heart, p.child
    top, base = p.apex, p.left_dome + pose.breath
    thymus = p.thymus * k

    def border(*knots: tuple[float, float]) -> Field:
        return c.along_y([(top + share * (base - top), x) for share, x in knots])

    right = border(
        (-0.4, 0.13),
        (0.0, 0.13),
        (0.20, 0.115 + 0.6 * thymus),
        (0.38, 0.11 + thymus),
        (0.60, 0.125 + 0.5 * thymus),
        (0.79, (0.175 + 0.5 * p.bulge) * h),
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
        (0.54, 0.175 + 0.5 * p.bulge + 0.3 * thymus),
        (0.68, (0.275 + p.bulge) * h),
        (0.82, (0.385 + p.bulge) * h),
        (0.93, (0.43 + 0.5 * p.bulge) * h),
        (0.99, 0.445 * h),
        (1.05, 0.42 * h),
        (1.2, 0.30 * h),
    )
    deep = border((-0.3, 0.25), (0.0, 0.30), (0.35, 0.52), (0.65, 0.62), (0.9, 0.68))
    off = (c.x - pose.turn + 0.5 * (right - left)) / (0.5 * (right + left))
    return deep * p.depth * dome(np.abs(off) ** 3)


def vessels(c: Canvas, p: Patient, pose: Pose) -> Field:
    """Return the vessels of both lungs, and the density of the hila."""
    total = np.zeros_like(c.x)
    for generation, lines in enumerate(zip(*p.vessels, strict=True)):
        total += c.strokes(
            np.concatenate(lines), 0.0135 * 0.74**generation, 0.085 * p.marking * 0.84**generation
        )
    for x, y, a, b in (
        (-0.17, -0.01, 0.06, 0.11),
        (-0.2, 0.09, 0.04, 0.10),
        (0.17, -0.06, 0.07, 0.10),
    ):
        total += 0.16 * np.exp(-1.2 * ellipse(c, x + pose.turn * 0.5, y, a, b))
    return total


def airways(c: Canvas, pose: Pose) -> Field:
    """Return trachea and main bronchi: path length of air in the midline."""
    x0, carina = pose.turn * 0.5, -0.20
    half = c.along_y([(-1.2, 0.052), (-0.5, 0.048), (carina, 0.05)])
    tube = dome(((c.x - x0) / half) ** 2) * step(carina - c.y, 0.03)
    columns, part = c.strip(-0.3, 0.3)
    for x, y in ((-0.16, -0.02), (0.18, -0.05)):
        bronchus = dome((capsule(part, (x0, carina - 0.02), (x0 + x, y)) / 0.034) ** 2)
        tube[:, columns] = np.maximum(tube[:, columns], 0.7 * bronchus)
    return tube


def abdomen_gas(c: Canvas, p: Patient, pose: Pose) -> Field:
    """Return the gas under the left half of the diaphragm."""
    y0 = p.left_dome + pose.breath
    return sum(
        (dome(ellipse(c, x, y0 + y, a, b) ** 1.5) * min(a, b) for x, y, a, b in p.gas),
        np.zeros_like(c.x),
    )
