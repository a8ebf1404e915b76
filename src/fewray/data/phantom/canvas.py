"""The drawing surface of the phantom: coordinates of every pixel, and shapes.

Patient coordinates: x to the image's right (the patient's left), y down, in units of half the image
width. Fields are float32 ``(n, n)`` arrays of path length in units of the chest's depth, or shares
in [0, 1].
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

Field = np.ndarray
"""float32 (n, n): one number per pixel."""

REACH = 1.8
"""Tables and textures cover patient coordinates from -REACH to REACH."""

_STEPS = 4096
_GRID = (np.arange(_STEPS) + 0.5) * (2 * REACH / _STEPS) - REACH


@dataclass(frozen=True, kw_only=True)
class Pose:
    """How one image was taken: the patient's position, and the state of the chest."""

    angle: float = 0.0
    """Rotation in the image plane, radians."""
    zoom: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    turn: float = 0.0
    """Rotation about the body axis: how far the front of the chest moves against the spine, in
    x."""
    breath: float = 0.0
    """How far the diaphragm lies below its usual place, in y; positive for a deep breath."""


class Canvas:
    """A grid of ``n`` x ``n`` pixels with the patient coordinates of their centres."""

    def __init__(self, n: int, pose: Pose) -> None:
        self.n = n
        self.pixel = 2 / n / pose.zoom
        """Width of a pixel in patient coordinates."""
        at = (np.arange(n, dtype=np.float32) + 0.5) * (2 / n) - 1
        u = (at[None, :] - pose.shift[0]) / pose.zoom
        v = (at[:, None] - pose.shift[1]) / pose.zoom
        self._cos, self._sin = float(np.cos(pose.angle)), float(np.sin(pose.angle))
        self._pose = pose
        self.x: Field = np.asarray(self._cos * u + self._sin * v, np.float32)
        self.y: Field = np.asarray(self._cos * v - self._sin * u, np.float32)
        self._column = self._index(self.x)
        self._row = self._index(self.y)

    @staticmethod
    def _index(value: Field) -> np.ndarray:
        return np.clip((value + REACH) * (_STEPS / (2 * REACH)), 0, _STEPS - 1).astype(np.int32)

    def strip(self, left: float, right: float) -> tuple[slice, Canvas]:
        """Return the columns with pixels from ``left`` to ``right``, and their canvas."""
        held = np.flatnonzero(((self.x >= left) & (self.x <= right)).any(axis=0))
        columns = slice(held[0], held[-1] + 1) if len(held) else slice(0, 0)
        part = copy(self)
        part.x, part.y = self.x[:, columns], self.y[:, columns]
        part._column, part._row = self._column[:, columns], self._row[:, columns]
        return columns, part

    def along_y(self, knots: list[tuple[float, float]]) -> Field:
        """Return a smooth function of y through ``(y, value)`` knots, for each pixel."""
        return _table(knots)[self._row]

    def along_x(self, knots: list[tuple[float, float]]) -> Field:
        """Return a smooth function of x through ``(x, value)`` knots, for each pixel."""
        return _table(knots)[self._column]

    def strokes(self, points: np.ndarray, radius: float, weight: np.ndarray | float = 1.0) -> Field:
        """Draw lines of Gaussian profile: standard deviation ``radius``, peak ``weight``.

        ``points`` is (lines, points, 2) in patient coordinates, evenly spaced along each line by at
        most about 1.5 radii. ``weight`` broadcasts to (lines, points).
        """
        zoom, (right, down) = self._pose.zoom, self._pose.shift
        x, y = points[..., 0], points[..., 1]
        column = ((self._cos * x - self._sin * y) * zoom + right + 1) * (self.n / 2) - 0.5
        row = ((self._sin * x + self._cos * y) * zoom + down + 1) * (self.n / 2) - 0.5
        spacing = np.hypot(np.diff(column, axis=-1), np.diff(row, axis=-1))
        spacing = np.concatenate([spacing, spacing[..., -1:]], axis=-1)
        sigma = max(radius / self.pixel, 0.6)
        thinning = min(radius / self.pixel / 0.6, 1.0)
        mass = (
            np.broadcast_to(weight, column.shape)
            * spacing
            * (np.sqrt(2 * np.pi) * sigma * thinning)
        )
        left, top = np.floor(column).astype(int), np.floor(row).astype(int)
        sheet = np.zeros(self.n * self.n)
        for down_one in (0, 1):
            for right_one in (0, 1):
                i, j = top + down_one, left + right_one
                share = (1 - np.abs(row - i)) * (1 - np.abs(column - j)) * mass
                inside = (i >= 0) & (j >= 0) & (i < self.n) & (j < self.n)
                sheet += np.bincount(
                    (i * self.n + j)[inside], share[inside], minlength=self.n * self.n
                )
        return gaussian_filter(
            sheet.reshape(self.n, self.n).astype(np.float32), sigma, mode="constant", truncate=3
        )

    def texture(self, rng: np.random.Generator, scale: float) -> Field:
        """Return smooth noise (mean 0, standard deviation 1) that moves with the patient."""
        cells = round(2 * REACH / scale * 2)
        smooth = gaussian_filter(
            rng.standard_normal((cells, cells), dtype=np.float32), 2.0, mode="wrap", truncate=3
        )
        smooth *= np.float32(2.0 * np.sqrt(4 * np.pi))
        flat = np.pad(smooth, (0, 1), mode="wrap").ravel()
        x, y = (
            np.clip((v + REACH) * (cells / (2 * REACH)), 0, cells - 0.01) for v in (self.x, self.y)
        )
        j, i = x.astype(np.int32), y.astype(np.int32)
        x, y, at = (x - j).astype(np.float32), (y - i).astype(np.float32), i * (cells + 1) + j
        top = flat[at] * (1 - x) + flat[at + 1] * x
        low = flat[at + cells + 1] * (1 - x) + flat[at + cells + 2] * x
        return top * (1 - y) + low * y


def _table(knots: list[tuple[float, float]]) -> np.ndarray:
    """Sample a monotone cubic through the knots (Fritsch and Butland 1984)."""
    at, values = np.array(knots).T
    width = np.diff(at)
    slope = np.diff(values) / width
    before, after = slope[:-1], slope[1:]
    bend = before * after
    tangent = np.zeros(len(at))
    tangent[1:-1] = np.where(bend > 0, 2 * bend / np.where(bend > 0, before + after, 1), 0)
    k = np.clip(np.searchsorted(at, _GRID, side="right") - 1, 0, len(width) - 1)
    t = np.clip((_GRID - at[k]) / width[k], 0, 1)
    correction = t * (1 - t) * ((tangent[k] - slope[k]) * (1 - t) - (tangent[k + 1] - slope[k]) * t)
    return (values[k] + width[k] * (slope[k] * t + correction)).astype(np.float32)


def step(value: Field, width: float) -> Field:
    """Return a smooth step: 0 at ``-width`` and below, 1 at ``width`` and above."""
    t = value * (0.5 / width) + 0.5
    np.clip(t, 0, 1, out=t)
    return t * t * (3 - 2 * t)


def dome(squared: Field) -> Field:
    """Return the path length through a unit ball at a squared distance from its axis."""
    left = 1 - squared
    return np.sqrt(np.maximum(left, 0, out=left), out=left)


def ellipse(c: Canvas, x: float, y: float, a: float, b: float, angle: float = 0.0) -> Field:
    """Return the squared distance from the centre of an ellipse, 1 on its rim."""
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    dx, dy = c.x - x, c.y - y
    return ((dx * cos + dy * sin) / a) ** 2 + ((dy * cos - dx * sin) / b) ** 2


def capsule(c: Canvas, start: tuple[float, float], end: tuple[float, float]) -> Field:
    """Return the distance from the segment between ``start`` and ``end``."""
    vx, vy = end[0] - start[0], end[1] - start[1]
    along = np.clip(((c.x - start[0]) * vx + (c.y - start[1]) * vy) / (vx * vx + vy * vy), 0, 1)
    return np.hypot(c.x - start[0] - along * vx, c.y - start[1] - along * vy)
