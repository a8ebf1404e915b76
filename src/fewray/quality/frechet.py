"""Frechet distance between two clouds of features (Frechet 1957; Heusel et al. 2017, arXiv 1706.08500)."""

from __future__ import annotations

import numpy as np

from fewray.errors import InputError


def frechet_distance(real: np.ndarray, fake: np.ndarray) -> float:
    """Return |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)) of the fitted Gaussians, in float64.

    ``real`` (n, d), ``fake`` (m, d). With centred rows X = A / sqrt(n - 1), so that S1 = X^T X, the trace of the root
    is the sum of the singular values of X Y^T (n x m), which needs no root of a singular d x d matrix: exact for
    n < d as well. The value is biased upwards, the more the fewer images; compare only at equal n.
    InputError below 2 rows or for unequal d.
    """
    for name, rows in (("real", real), ("fake", fake)):
        if rows.ndim != 2 or len(rows) < 2:
            raise InputError(f"{name} features: {rows.shape}; (n, d) with n of at least 2 is wanted")
    if real.shape[1] != fake.shape[1]:
        raise InputError(f"features: {real.shape[1]} and {fake.shape[1]} wide; the same extractor is wanted")
    x, y = (np.asarray(rows, np.float64) for rows in (real, fake))
    difference = x.mean(0) - y.mean(0)
    x, y = ((rows - rows.mean(0)) / np.sqrt(len(rows) - 1) for rows in (x, y))
    return float(max(0.0, difference @ difference + (x * x).sum() + (y * y).sum() - 2 * _root_trace(x, y)))


def _root_trace(x: np.ndarray, y: np.ndarray) -> float:
    """Return tr((X^T X Y^T Y)^(1/2)), the nuclear norm of X Y^T, from the smallest matrix that has it."""
    d = x.shape[1]
    # Rows beyond d are rotated away first: a triangular factor has the same Gram matrix.
    x, y = (np.asarray(np.linalg.qr(rows, mode="r")) if len(rows) > d else rows for rows in (x, y))
    return float(np.linalg.svd(x @ y.T, compute_uv=False).sum())
